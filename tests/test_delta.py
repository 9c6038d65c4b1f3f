"""Delta tables as other tools see them."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from pipeline.delta import Shard, Table, delta_type
from pipeline.shards import write_arrow, write_plain
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID

ID = pa.field(TRACK_ID, pa.string())
OLD = pa.schema([ID, pa.field("tempo_bpm", pa.float32())])
NEW = pa.schema([ID, pa.field("tempos", pa.list_(pa.struct([("bpm", pa.float32())])), metadata={"unit": "bpm"})])


def commit(root: Path, schema: pa.Schema, row: dict[str, object], fingerprint: str) -> None:
    table = Table(Storage.at(str(root)), "rhythm", schema)
    table.commit([write_arrow(table, pa.Table.from_pylist([row], schema), fingerprint)])


def rows(root: Path) -> list[dict[str, object]]:
    """What a reader sees that knows nothing of muze."""
    found = DeltaTable(str(root / "rhythm")).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: row[TRACK_ID])


def test_a_column_of_a_later_version_is_one_of_the_table(tmp_path: Path) -> None:
    commit(tmp_path, OLD, {TRACK_ID: "a", "tempo_bpm": 120.0}, "v1")
    commit(tmp_path, NEW, {TRACK_ID: "b", "tempos": [{"bpm": 90.0}]}, "v2")
    commit(tmp_path, OLD, {TRACK_ID: "c", "tempo_bpm": 60.0}, "v1")
    assert rows(tmp_path) == [
        {TRACK_ID: "a", "tempo_bpm": 120.0, "tempos": None, "fingerprint": "v1"},
        {TRACK_ID: "b", "tempo_bpm": None, "tempos": [{"bpm": 90.0}], "fingerprint": "v2"},
        {TRACK_ID: "c", "tempo_bpm": 60.0, "tempos": None, "fingerprint": "v1"},
    ]
    assert DeltaTable(str(tmp_path / "rhythm")).schema().fields[-1].metadata == {"unit": "bpm"}
    assert DeltaTable(str(tmp_path / "rhythm")).version() == 4, "made, three commits, and one that added the column"


@pytest.mark.parametrize("schema", [OLD, NEW])
def test_a_build_that_was_overtaken_by_a_new_column_commits_all_the_same(
    schema: pa.Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tmp_path, OLD, {TRACK_ID: "a", "tempo_bpm": 120.0}, "v1")
    look = Table._open

    def look_and_wait(table: Table) -> DeltaTable:
        found = look(table)
        monkeypatch.setattr(Table, "_open", look)
        commit(tmp_path, NEW, {TRACK_ID: "b", "tempos": []}, "v2")
        return found

    monkeypatch.setattr(Table, "_open", look_and_wait)
    commit(tmp_path, schema, {TRACK_ID: "c"}, "v3")
    assert [row[TRACK_ID] for row in rows(tmp_path)] == ["a", "b", "c"]


def test_builds_that_race_for_a_new_column_lose_no_row(tmp_path: Path) -> None:
    commit(tmp_path, OLD, {TRACK_ID: "a", "tempo_bpm": 120.0}, "v1")
    names = [f"b{number}" for number in range(8)]
    start = threading.Barrier(len(names))

    def race(name: str) -> None:
        start.wait()
        commit(tmp_path, NEW, {TRACK_ID: name, "tempos": [{"bpm": 90.0}]}, "v2")

    threads = [threading.Thread(target=race, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row[TRACK_ID] for row in rows(tmp_path)] == ["a", *names]


FLOAT = pa.float32()
ARRAY = pa.list_(FLOAT, 2)


@pytest.mark.parametrize(
    ("type", "expected"),
    [
        (FLOAT, FLOAT),
        (ARRAY, pa.list_(FLOAT)),
        (pa.list_(ARRAY), pa.list_(pa.list_(FLOAT))),
        (pa.list_(ARRAY, 3), pa.list_(pa.list_(FLOAT))),
        (pa.struct([("a", ARRAY)]), pa.struct([("a", pa.list_(FLOAT))])),
        (pa.list_(pa.struct([("a", ARRAY)])), pa.list_(pa.struct([("a", pa.list_(FLOAT))]))),
    ],
    ids=str,
)
def test_arrays_of_a_fixed_size_are_lists_however_deep(type: pa.DataType, expected: pa.DataType) -> None:
    assert delta_type(type) == expected


def test_fields_within_a_column_keep_what_is_said_of_them() -> None:
    within = pa.struct([pa.field("bpm", FLOAT, metadata={"unit": "bpm"})])
    assert delta_type(within).field("bpm").metadata == {b"unit": b"bpm"}


def one_row(table: Table, name: str, fingerprint: str) -> Shard:
    return write_arrow(table, pa.Table.from_pylist([{TRACK_ID: name}], table.schema), fingerprint)


def test_shards_are_told_by_fingerprint_as_they_were_committed(tmp_path: Path) -> None:
    table = Table(Storage.at(str(tmp_path)), "rhythm", OLD)
    assert table.live() == table.live("v1") == []
    old, new = one_row(table, "a", "v1"), one_row(table, "b", "v2")
    table.commit([old])
    table.commit([new])
    assert table.live("v1") == [old]
    assert table.live("v2") == [new]
    assert table.live("v3") == []
    assert sorted(table.live(), key=lambda shard: str(shard.fingerprint)) == [old, new]


def test_shards_of_a_table_without_fingerprints_have_none(tmp_path: Path) -> None:
    table = Table(Storage.at(str(tmp_path)), "files", OLD, partitioned=False)
    shard = write_plain(table, [{TRACK_ID: "a"}, {TRACK_ID: "b"}], "first")
    table.commit([shard])
    assert table.live() == [shard]
    assert (shard.num_rows, shard.fingerprint) == (2, None)


def test_what_replaces_shards_comes_with_their_going_in_one_commit(tmp_path: Path) -> None:
    table = Table(Storage.at(str(tmp_path)), "rhythm", OLD)
    small = [one_row(table, name, "v1") for name in "ab"]
    table.commit(small)
    version = DeltaTable(table.uri).version()
    large = write_arrow(table, pa.Table.from_pylist([{TRACK_ID: name} for name in "ab"], OLD), "v1")
    table.commit([large], small)
    assert table.live() == [large]
    assert [row[TRACK_ID] for row in rows(tmp_path)] == ["a", "b"]
    assert DeltaTable(table.uri).version() == version + 1


def test_no_shards_are_no_commit(tmp_path: Path) -> None:
    table = Table(Storage.at(str(tmp_path)), "rhythm", OLD)
    table.commit([])
    assert not table.exists()


def test_a_table_that_another_build_made_meanwhile_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(Storage.at(str(tmp_path)), "rhythm", OLD)
    table.commit([one_row(table, "a", "v1")])
    with monkeypatch.context() as patch:
        patch.setattr(Table, "exists", lambda table: False)
        table.create()
    assert [row[TRACK_ID] for row in rows(tmp_path)] == ["a"]


def test_delta_cleans_up_nothing_of_itself_and_dates_are_now(tmp_path: Path) -> None:
    before_ms = time.time() * 1000 - 1
    table = Table(Storage.at(str(tmp_path)), "rhythm", OLD)
    table.commit([one_row(table, "a", "v1")])
    delta = DeltaTable(table.uri)
    [added] = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
    assert before_ms <= added["modification_time"] <= time.time() * 1000
    assert delta.metadata().configuration == {
        "delta.logRetentionDuration": "interval 36500 days",
        "delta.deletedFileRetentionDuration": "interval 36500 days",
    }


def overtaken(monkeypatch: pytest.MonkeyPatch, root: Path, schemas: Iterator[pa.Schema], **options: Any) -> None:
    """Let another build commit a row of the next schema each time that a build has opened the table."""
    look = Table._open

    def look_and_wait(table: Table) -> DeltaTable:
        found = look(table)
        with monkeypatch.context() as patch:
            patch.setattr(Table, "_open", look)
            for schema in itertools.islice(schemas, 1):
                other = Table(Storage.at(str(root)), "rhythm", schema)
                other.commit([one_row(other, f"other {len(schema)}", "v2")], **options)
        return found

    monkeypatch.setattr(Table, "_open", look_and_wait)


def test_a_build_that_new_columns_overtake_again_and_again_says_that_it_could_not_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tmp_path, OLD, {TRACK_ID: "a"}, "v1")
    widths = (pa.schema([ID, *[pa.field(f"c{i}", FLOAT) for i in range(width)]]) for width in itertools.count(1))
    overtaken(monkeypatch, tmp_path, widths)
    with pytest.raises(CommitFailedError, match="Metadata changed"):
        commit(tmp_path, OLD, {TRACK_ID: "b"}, "v1")


def test_the_same_commit_of_a_run_is_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(tmp_path, OLD, {TRACK_ID: "a"}, "v1")
    overtaken(monkeypatch, tmp_path, iter([OLD]), transaction=("run/rhythm", 1))
    table = Table(Storage.at(str(tmp_path)), "rhythm", OLD)
    with pytest.raises(CommitFailedError):
        table.commit([one_row(table, "b", "v1")], transaction=("run/rhythm", 1))
    assert [row[TRACK_ID] for row in rows(tmp_path)] == ["a", "other 2"]
