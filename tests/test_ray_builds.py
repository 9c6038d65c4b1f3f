"""Builds on Ray itself: misbehaving featurizers, a private cluster, an existing one, and jobs submitted to it."""

import json
import os
from pathlib import Path

from cluster import Cluster, free_port
from harness import STUB_RECIPE, assert_same, build, dump, muze, write_recipe, write_tone, write_tones
from stubs import MOODS_HZ

MOODY_RECIPE = STUB_RECIPE % "" + '  moody: {featurizer: "stubs:Moody"}\n'
PASSING = ("Halves", "Levels", "Spoken", "Heavy")
REASONS = {"raises": "error", "hangs": "timeout", "aborts": "crashed", "eats": "memory"}


def test_featurizers_that_misbehave_cost_only_themselves(cluster: Cluster, tmp_path: Path) -> None:
    """One that raises, hangs in C, aborts the process, or eats memory, all among good tracks of the same item."""
    music = write_tones(tmp_path / "music", 8)
    for mood, frequency_hz in MOODS_HZ.items():
        write_tone(music / f"{mood}.wav", frequency_hz, 0.2)
    recipe = write_recipe(tmp_path, MOODY_RECIPE)
    limits = ["--time-limit-s", 10, "--actor-memory-gib", 1, "--address", cluster.address]
    report = build(music, tmp_path / "dataset", recipe, *limits, **cluster.env)
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


def test_too_many_failures_fail_the_run_after_committing(cluster: Cluster, tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 2)
    for index in range(3):
        (music / f"text{index}.mp3").write_text(f"no music {index}")
    words = ["--out", tmp_path / "dataset", "--recipe", write_recipe(tmp_path), "--address", cluster.address]
    done = muze("build", music, *words, code=1, **cluster.env)
    assert "3 of 5 tracks failed, more than --error-limit 0.5" in done.stderr
    assert len(dump(tmp_path / "dataset")["power"]) == 2


def test_the_same_build_alone_on_a_cluster_and_as_a_job(cluster: Cluster, tmp_path: Path) -> None:
    music, recipe = write_tones(tmp_path / "music", 6), write_recipe(tmp_path)
    alone = build(music, tmp_path / "alone", recipe)
    joined = build(music, tmp_path / "joined", recipe, "--address", cluster.address, **cluster.env)
    assert joined["new"] == alone["new"] == 6
    rows = dump(tmp_path / "joined")
    assert_same(rows, dump(tmp_path / "alone"))
    assert sorted(slow["track_id"] for slow in joined["slowest_tracks"]) == [row["track_id"] for row in rows["tracks"]]
    words = ["build", str(music), "--out", str(tmp_path / "job"), "--recipe", str(recipe), "--json"]
    done = muze("submit", "--address", cluster.dashboard, "--", *words, **cluster.env)
    assert '"new": 6' in done.stdout, "the job's log is followed"
    assert_same(dump(tmp_path / "job"), dump(tmp_path / "alone"))
    refused = muze(
        "submit", "--address", cluster.dashboard, "--", "build", "/no/such", *words[2:], code=2, **cluster.env
    )
    assert "no such file or folder" in refused.stdout


def test_on_a_node_with_a_gpu_passes_share_it_and_give_the_same_rows(cluster: Cluster, tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 6)
    text = "fragments:\n" + "".join(f'  {name.lower()}: {{featurizer: "halving:{name}"}}\n' for name in PASSING)
    recipe = write_recipe(tmp_path, text)
    report = build(music, tmp_path / "gpu", recipe, "--address", cluster.address, **cluster.env)
    assert {name: counts["rows"] for name, counts in report["fragments"].items()} == dict.fromkeys(
        report["fragments"], 6
    )
    build(music, tmp_path / "alone", recipe)
    found, alone = dump(tmp_path / "gpu"), dump(tmp_path / "alone")
    assert {row.pop("gpus") for row in found["heavy"]} == {"0"}
    assert {row.pop("level_gpus") for row in found["levels"]} == {""}, "hidden from those that asked for none"
    for heavy, levels in zip(alone["heavy"], alone["levels"], strict=True):
        heavy.pop("gpus")
        levels.pop("level_gpus")
    assert_same(found, alone)


def test_no_cluster_at_the_address(tmp_path: Path) -> None:
    music, recipe = write_tones(tmp_path / "music", 1), write_recipe(tmp_path)
    words = ["--out", tmp_path / "dataset", "--recipe", recipe, "--address", f"127.0.0.1:{free_port()}"]
    done = muze("build", music, *words, code=1)
    assert "no Ray cluster at" in done.stderr
