"""The driver's commits: in an order that a crash cannot spoil, each row, failure and file once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from fakes import Fake, track_id
from pipeline.commits import Committer
from pipeline.delta import Shard, Table
from pipeline.recipe import Recipe
from pipeline.shards import write_rows


def committer(fake: Fake, recipe: Recipe) -> Committer:
    return Committer(fake.dataset, recipe, "run", {name: set() for name in recipe.fragments})


def written(fake: Fake, recipe: Recipe, name: str, rows: Mapping[int, Mapping[str, Any]]) -> Shard:
    """A shard on disk, of tracks by their numbers, as a worker leaves it."""
    table = fake.dataset.fragment_table(name, recipe.fragments[name].schema)
    found = [{"track_id": track_id(number), **row} for number, row in rows.items()]
    return write_rows(table, found, recipe.fingerprints[name])


def test_what_says_that_a_file_is_known_is_committed_last(
    fake: Fake, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    commit = Table.commit

    def noted(table: Table, *args: Any, **options: Any) -> None:
        order.append(table.name)
        commit(table, *args, **options)

    monkeypatch.setattr(Table, "commit", noted)
    ours = committer(fake, recipe)
    shards = {name: written(fake, recipe, name, {0: {}}) for name in ("tracks", "power", "peaks")}
    failure = fake.failure_row(track_id(0), "/0.wav", "decibels", recipe.fingerprints["decibels"])
    ours.add(shards, [failure], [fake.file_row("/0.wav", track_id(0))])
    ours.flush()
    assert order == ["power", "peaks", "tracks", "failures", "files"]


def test_rows_of_a_run_that_was_faster_stay_and_only_the_others_come(fake: Fake, recipe: Recipe) -> None:
    ours = committer(fake, recipe)
    theirs = written(fake, recipe, "power", {0: {"power": 0.0}, 1: {"power": 1.0}})
    fake.dataset.fragment_table("power", recipe.fragments["power"].schema).commit([theirs])
    ours.add({"power": written(fake, recipe, "power", {1: {"power": -1.0}, 2: {"power": 2.0}})}, [], [])
    ours.flush()
    shards = fake.dataset.shards("power", recipe.fingerprints["power"])
    assert sorted(shard.num_rows for shard in shards) == [1, 2]
    rows = fake.dataset.table("power", fingerprint=recipe.fingerprints["power"]).to_pylist()
    assert sorted(row["power"] for row in rows) == [0.0, 1.0, 2.0]


def test_failures_and_files_are_written_once_and_no_failure_of_a_track_that_has_its_row(
    fake: Fake, recipe: Recipe
) -> None:
    ours = committer(fake, recipe)
    failures = [fake.failure_row(track_id(n), f"/{n}.wav", "power", recipe.fingerprints["power"]) for n in range(2)]
    files = [fake.file_row(f"/{n}.wav", track_id(n)) for n in range(2)]
    for n in range(2):
        ours.add({}, [failures[n]], [files[n]])
    ours.add({"power": written(fake, recipe, "power", {0: {"power": 0.0}})}, [], [])
    ours.flush()
    ours.flush()
    assert [row["track_id"] for row in fake.dataset.system_rows("failures").to_pylist()] == [track_id(1)]
    assert [row["uri"] for row in fake.dataset.system_rows("files").to_pylist()] == ["/0.wav", "/1.wav"]


def test_commits_of_a_run_are_numbered_in_the_log(fake: Fake, recipe: Recipe) -> None:
    ours = committer(fake, recipe)
    for n in range(2):
        ours.add({"power": written(fake, recipe, "power", {n: {"power": 0.0}})}, [], [])
        ours.flush()
    assert DeltaTable(str(Path(fake.location, "power"))).transaction_version("run/power") == 2
