"""Delta tables as other tools see them."""

import threading
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from pipeline.delta import Table
from pipeline.shards import write_arrow
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
