"""Kill anything at any moment, run the same command again, and nothing is lost or doubled."""

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from harness import (
    STUB_RECIPE,
    assert_same,
    build,
    command,
    committed_doubles,
    dump,
    environment,
    write_recipe,
    write_tone,
    write_tones,
)

from pipeline.dataset import open_dataset

NUM_FILES = 30
VICTIMS = ("driver", "actor", "session")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """Music with some bad files in it, a recipe that takes its time, and what an undisturbed build gives."""
    folder = tmp_path_factory.mktemp("kills")
    music = write_tones(folder / "music", NUM_FILES)
    (music / "text.mp3").write_text("no music")
    write_tone(music / "raises.wav", 1000, 0.2)
    text = STUB_RECIPE % ", sleep_s: 0.3" + '  moody: {featurizer: "stubs:Moody"}\n'
    recipe = write_recipe(folder, text)
    build(music, folder / "undisturbed", recipe)
    return music, recipe, dump(folder / "undisturbed")


def start(music: Path, out: Path, recipe: Path) -> subprocess.Popen[bytes]:
    words = command("build", music, "--out", out, "--recipe", recipe)
    return subprocess.Popen(
        words, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The driver and everything it started, Ray's daemons too."""
    try:
        driver = psutil.Process(process.pid)
        return [driver, *driver.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def strike(process: subprocess.Popen[bytes], victim: str) -> bool:
    """SIGKILL the driver, one of its actors, or all of its processes; whether there was one to kill."""
    members = family(process)
    if victim == "driver":
        members = members[:1]
    elif victim == "actor":
        members = [member for member in members if "MapWorker" in _title(member)][:1]
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    return bool(members)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait_for_actors(process: subprocess.Popen[bytes], limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while process.poll() is None and time.monotonic() < deadline:
        if any("MapWorker" in _title(member) for member in family(process)):
            return
        time.sleep(0.1)


def disturb(music: Path, out: Path, recipe: Path, dice: random.Random, victim: str) -> None:
    """Run a build and kill the victim at a random moment: while Ray starts, while actors work, or late."""
    process = start(music, out, recipe)
    if victim == "actor" or dice.random() < 0.8:
        wait_for_actors(process)
    time.sleep(dice.uniform(0, 4))
    strike(process, victim)
    if victim == "actor":
        process.wait(timeout=300)
    else:
        process.wait(timeout=60)


def kill_and_finish(bench: tuple[Path, Path, Any], out: Path, num_kills: int, seed: int) -> None:
    music, recipe, undisturbed = bench
    dice = random.Random(seed)
    victims = [VICTIMS[i % len(VICTIMS)] for i in range(num_kills)]
    dice.shuffle(victims)
    for victim in victims:
        disturb(music, out, recipe, dice, victim)
    build(music, out, recipe)
    assert_same(dump(out), undisturbed)
    assert set(committed_doubles(open_dataset(str(out))).values()) == {0}
    assert build(music, out, recipe)["new"] == 0


def test_five_kills(bench: tuple[Path, Path, Any], tmp_path: Path) -> None:
    kill_and_finish(bench, tmp_path / "dataset", 5, seed=5)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_thirty_kills(bench: tuple[Path, Path, Any], tmp_path: Path) -> None:
    for round_ in range(6):
        kill_and_finish(bench, tmp_path / f"dataset{round_}", 5, seed=100 + round_)


def test_two_identical_builds_at_once(bench: tuple[Path, Path, Any], tmp_path: Path) -> None:
    music, recipe, undisturbed = bench
    both = [start(music, tmp_path / "dataset", recipe) for _ in range(2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert_same(dump(tmp_path / "dataset"), undisturbed)


def test_two_overlapping_builds_at_once(bench: tuple[Path, Path, Any], tmp_path: Path) -> None:
    music, recipe, undisturbed = bench
    files = sorted(music.iterdir())
    halves = [files[: 2 * len(files) // 3], files[len(files) // 3 :]]
    words = [command("build", *half, "--out", tmp_path / "dataset", "--recipe", recipe) for half in halves]
    both = [subprocess.Popen(w, env=environment(), stderr=subprocess.DEVNULL) for w in words]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert_same(dump(tmp_path / "dataset"), undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_commits_what_it_finished(
    bench: tuple[Path, Path, Any], tmp_path: Path, number: signal.Signals
) -> None:
    music, recipe, undisturbed = bench
    out = tmp_path / "dataset"
    process = subprocess.Popen(
        command("build", music, "--out", out, "--recipe", recipe), env=environment(), stderr=subprocess.PIPE, text=True
    )
    wait_for_actors(process)  # type: ignore[arg-type]
    time.sleep(2.5)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the same command goes on" in said
    [run] = open_dataset(str(out)).runs()
    assert run["status"] == "interrupted"
    build(music, out, recipe)
    assert_same(dump(out), undisturbed)
