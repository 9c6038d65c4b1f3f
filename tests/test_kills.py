"""Kill anything at any moment, run the same command again, and nothing is lost or doubled."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster import Cluster
from featurizers.weights_store import Store
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

NUM_FILES = 24
NUM_SONGS = 3
VICTIMS = ("driver", "actor", "session")
LATEST_S = 6.0


class Bench:
    """Music with bad files in it, a recipe that takes its time, a cluster, and what an undisturbed build gives."""

    def __init__(self, folder: Path, cluster: Cluster, music: Path, recipe: Path | str, *words: object) -> None:
        self.music = music
        (music / "text.mp3").write_text("no music")
        self.recipe = recipe
        self.words = words
        self.cluster = cluster
        self.build(folder / "undisturbed")
        self.undisturbed = dump(folder / "undisturbed")

    def build(self, out: Path) -> dict[str, Any]:
        words = (*self.words, "--address", self.cluster.address)
        return build(self.music, out, self.recipe, *words, **self.cluster.env)

    def start(self, out: Path, music: list[Path] | None = None, private: bool = False) -> subprocess.Popen[str]:
        """Start a build in the background, on the cluster or on a private one of its own."""
        words = command("build", *(music or [self.music]), "--out", out, "--recipe", self.recipe, *self.words)
        env = environment()
        if not private:
            words += ["--address", self.cluster.address]
            env |= self.cluster.env
        return subprocess.Popen(
            words, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def actors(self, driver: subprocess.Popen[str], private: bool) -> list[psutil.Process]:
        """Stage actors that started after the driver, on the cluster or on its private one."""
        started = psutil.Process(driver.pid).create_time()
        root = psutil.Process(driver.pid) if private else self.cluster.process
        members = root.children(recursive=True)
        return [m for m in members if "StageActor" in _title(m) and m.create_time() > started]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()) + process.name()
    except psutil.Error:
        return ""


@pytest.fixture(scope="module")
def bench(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("kills")
    music = write_tones(folder / "music", NUM_FILES)
    write_tone(music / "raises.wav", 1000, 0.2)
    text = STUB_RECIPE % ", sleep_s: 0.3" + '  moody: {featurizer: "stubs:Moody"}\n'
    return Bench(folder, cluster, music, write_recipe(folder, text))


def wait_for_actors(bench: Bench, driver: subprocess.Popen[str], private: bool = False) -> list[psutil.Process]:
    deadline = time.monotonic() + 200
    while driver.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if found := bench.actors(driver, private):
                return found
        time.sleep(0.05)
    return []


def disturb(bench: Bench, out: Path, dice: random.Random, victim: str) -> None:
    """Run a build and kill the driver, an actor, or the driver with its whole Ray session, at a random moment."""
    private = victim == "session"
    driver = bench.start(out, private=private)
    actors = wait_for_actors(bench, driver, private)
    time.sleep(dice.uniform(0, LATEST_S))
    with contextlib.suppress(psutil.NoSuchProcess):
        members = {
            "driver": [psutil.Process(driver.pid)],
            "actor": [actor for actor in actors if actor.is_running()][:1],
            "session": [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)],
        }[victim]
        for member in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGKILL)
    driver.communicate(timeout=300)


def kill_and_finish(bench: Bench, out: Path, num_kills: int, seed: int) -> None:
    dice = random.Random(seed)
    victims = [VICTIMS[i % len(VICTIMS)] for i in range(num_kills)]
    dice.shuffle(victims)
    for victim in victims:
        disturb(bench, out, dice, victim)
    bench.build(out)
    assert_same(dump(out), bench.undisturbed)
    assert set(committed_doubles(open_dataset(str(out))).values()) == {0}
    assert bench.build(out)["new"] == 0


def test_five_kills(bench: Bench, tmp_path: Path) -> None:
    kill_and_finish(bench, tmp_path / "dataset", 5, seed=5)


def test_a_real_recipe_killed_half_way(songs: Path, tiny_store: Store, cluster: Cluster, tmp_path: Path) -> None:
    """Separation with its files, and models of several libraries, with a driver and an actor killed."""
    music = tmp_path / "music"
    music.mkdir()
    for song in sorted(path for path in (songs / "music").rglob("*") if path.is_file())[:NUM_SONGS]:
        shutil.copy(song, music)
    recipe = write_recipe(tmp_path, "fragments: {stems: {keep: [vocals]}, level: {}, pitch: {}, singer_vocals: {}}")
    bench = Bench(tmp_path, cluster, music, recipe, "--weights", tiny_store.root)
    dice = random.Random(1)
    for victim in ("driver", "actor"):
        disturb(bench, tmp_path / "dataset", dice, victim)
    bench.build(tmp_path / "dataset")
    assert_same(dump(tmp_path / "dataset"), bench.undisturbed, tolerance=1e-4)
    assert set(committed_doubles(open_dataset(str(tmp_path / "dataset"))).values()) == {0}
    for row in bench.undisturbed["stems"]:
        ours, theirs = (tmp_path / name / row["vocals_uri"] for name in ("dataset", "undisturbed"))
        assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_thirty_kills(bench: Bench, tmp_path: Path) -> None:
    for round_ in range(6):
        kill_and_finish(bench, tmp_path / f"dataset{round_}", 5, seed=100 + round_)


def test_two_identical_builds_at_once(bench: Bench, tmp_path: Path) -> None:
    both = [bench.start(tmp_path / "dataset") for _ in range(2)]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert_same(dump(tmp_path / "dataset"), bench.undisturbed)


def test_two_overlapping_builds_at_once(bench: Bench, tmp_path: Path) -> None:
    files = sorted(bench.music.iterdir())
    halves = [files[: 2 * len(files) // 3], files[len(files) // 3 :]]
    both = [bench.start(tmp_path / "dataset", half) for half in halves]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert_same(dump(tmp_path / "dataset"), bench.undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_commits_what_it_finished(bench: Bench, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "dataset"
    driver = bench.start(out)
    assert wait_for_actors(bench, driver)
    time.sleep(2.5)
    os.kill(driver.pid, number)
    _, said = driver.communicate(timeout=120)
    assert driver.returncode == 1, said
    assert "the same command goes on" in said
    [run] = open_dataset(str(out)).runs()
    assert run["status"] == "interrupted"
    bench.build(out)
    assert_same(dump(out), bench.undisturbed)
