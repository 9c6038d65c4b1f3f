"""Builds on Ray itself: misbehaving featurizers, a private cluster, an existing one, and jobs submitted to it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import STUB_RECIPE, assert_same, build, dump, environment, muze, write_recipe, write_tone, write_tones
from stubs import MOODS_HZ

MOODY_RECIPE = STUB_RECIPE % "" + '  moody: {featurizer: "stubs:Moody"}\n'
REASONS = {"raises": "error", "hangs": "timeout", "aborts": "crashed", "eats": "memory"}


def test_featurizers_that_misbehave_cost_only_themselves(tmp_path: Path) -> None:
    """One that raises, hangs in C, aborts the process, or eats memory, all among good tracks of the same item."""
    music = write_tones(tmp_path / "music", 8)
    for mood, frequency_hz in MOODS_HZ.items():
        write_tone(music / f"{mood}.wav", frequency_hz, 0.2)
    recipe = write_recipe(tmp_path, MOODY_RECIPE)
    limits = ["--time-limit-s", 5, "--actor-memory-gib", 1]
    report = build(music, tmp_path / "dataset", recipe, *limits)
    rows = dump(tmp_path / "dataset")
    failures = {(os.path.basename(uri), fragment): reason for _, uri, fragment, reason in rows["failures"]}
    assert failures == {(f"{mood}.wav", "moody"): reason for mood, reason in REASONS.items()}
    assert {name: len(rows[name]) for name in report["fragments"]} == {
        "tracks": 12,
        "power": 12,
        "decibels": 12,
        "peaks": 12,
        "moody": 8,
    }
    assert build(music, tmp_path / "dataset", recipe, *limits)["unchanged"] == 12
    listed = json.loads(muze("failures", tmp_path / "dataset", "--json").stdout)
    assert {f["reason"]: f["attempts"] for f in listed} == {"error": 1, "timeout": 2, "crashed": 2, "memory": 2}


def test_too_many_failures_fail_the_run_after_committing(tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 2)
    for index in range(3):
        (music / f"text{index}.mp3").write_text(f"no music {index}")
    done = muze("build", music, "--out", tmp_path / "dataset", "--recipe", write_recipe(tmp_path), code=1)
    assert "3 of 5 tracks failed, more than --error-limit 0.5" in done.stderr
    assert len(dump(tmp_path / "dataset")["power"]) == 2


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A head on loopback, as a person would start it; yields the environment to reach it."""
    folder = tmp_path_factory.mktemp("ray")
    port, dashboard = _free_port(), _free_port()
    bin_ = os.path.dirname(sys.executable)
    env = environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="t" * 64, PATH=f"{bin_}{os.pathsep}{os.environ['PATH']}")
    env["RAY_TMPDIR"] = str(folder)
    start = ["ray", "start", "--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"]
    start += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--temp-dir=/tmp/muze-test-{os.getpid()}"]
    process = subprocess.Popen([*start, "--block"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_port(dashboard)
        yield {**env, "address": f"127.0.0.1:{port}", "dashboard": f"http://127.0.0.1:{dashboard}"}
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait_for_port(port: int, limit_s: float = 180) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise TimeoutError(f"nothing listens on port {port}")


def test_the_same_build_on_a_cluster_and_as_a_job(cluster: dict[str, str], tmp_path: Path) -> None:
    music, recipe = write_tones(tmp_path / "music", 6), write_recipe(tmp_path)
    env = {key: cluster[key] for key in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "PATH")}
    alone = build(music, tmp_path / "alone", recipe)
    joined = build(music, tmp_path / "joined", recipe, "--address", cluster["address"], **env)
    assert joined["new"] == alone["new"] == 6
    assert_same(dump(tmp_path / "joined"), dump(tmp_path / "alone"))
    words = ["build", str(music), "--out", str(tmp_path / "job"), "--recipe", str(recipe), "--json"]
    done = muze("submit", "--address", cluster["dashboard"], "--", *words, **env)
    assert '"new": 6' in done.stdout, "the job's log is followed"
    assert_same(dump(tmp_path / "job"), dump(tmp_path / "alone"))
    refused = muze("submit", "--address", cluster["dashboard"], "--", "build", "/no/such", *words[2:], code=2, **env)
    assert "no such file or folder" in refused.stdout


def test_no_cluster_at_the_address(tmp_path: Path) -> None:
    music, recipe = write_tones(tmp_path / "music", 1), write_recipe(tmp_path)
    words = ["--out", tmp_path / "dataset", "--recipe", recipe, "--address", f"127.0.0.1:{_free_port()}"]
    done = muze("build", music, *words, code=1)
    assert "no Ray cluster at" in done.stderr
