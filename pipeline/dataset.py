"""Opening a dataset and reading its tables, always through the log, one row a track and fragment."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.delta import Shard, Table
from pipeline.errors import BadArgumentError
from pipeline.printable import in_a_line
from pipeline.shards import read_shards
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID
from schemas.tables import TABLES

OTHER_FOLDERS = frozenset({"live", "search", "snapshots"})


@dataclass(frozen=True)
class Dataset:
    """A folder or object-store prefix of Delta tables. Nothing is cached: every read sees the log as it is."""

    storage: Storage

    def exists(self) -> bool:
        return self.system_table("runs").exists()

    def system_table(self, name: str) -> Table:
        """One of the tables around the fragments: files, failures, runs."""
        return Table(self.storage, name, TABLES[name], partitioned=False)

    def fragment_table(self, name: str, schema: pa.Schema | None = None) -> Table:
        """The table of a fragment; the schema is needed for writing only."""
        return Table(self.storage, name, schema or pa.schema([]))

    @property
    def fragments(self) -> list[str]:
        """Names of the fragments that have a table, ``tracks`` first."""
        names = [n for n in self.storage.children() if n not in OTHER_FOLDERS and n not in TABLES and n[0] not in "._"]
        if self.storage.local:  # a stray file is no table, and Delta stumbles over it
            names = [name for name in names if os.path.isdir(self.storage.uri(name))]
        tables = [name for name in names if self.fragment_table(name).exists()]
        return sorted(tables, key=lambda name: (name != "tracks", name))

    def system_rows(self, name: str) -> pa.Table:
        """All rows of files, failures or runs, as written; see ``pipeline.accounts`` for what they amount to."""
        found = read_shards(self.storage, name, self.system_table(name).live())
        return found if found is not None else TABLES[name].empty_table()

    def runs(self) -> list[dict[str, Any]]:
        """The builds so far, oldest first."""
        return sorted(self.system_rows("runs").to_pylist(), key=lambda run: run["started_at"])

    def current(self) -> dict[str, str]:
        """Fragment -> the fingerprint readers see: that of the last run which covered what the one before covered."""
        found: dict[str, str] = {}
        for run in sorted(self.runs(), key=_order):
            found |= dict(run["promoted"] or [])
        return found

    def shards(self, fragment: str, fingerprint: str | None = None) -> list[Shard]:
        """The live shards of a fragment with a fingerprint, by default the current one."""
        wanted = fingerprint or self.current().get(fragment)
        return self.fragment_table(fragment).live(wanted) if wanted else []

    def track_ids(self, fragment: str, fingerprint: str) -> set[str]:
        """Tracks that have a row of a fragment with a fingerprint."""
        found = read_shards(self.storage, fragment, self.shards(fragment, fingerprint), [TRACK_ID])
        return set(found[TRACK_ID].to_pylist()) if found is not None else set()

    def table(
        self,
        fragment: str,
        columns: Sequence[str] | None = None,
        snapshot: str | None = None,
        fingerprint: str | None = None,
    ) -> pa.Table:
        """Read a fragment as Arrow, one row a track.

        ``columns`` selects columns (``track_id`` always comes with them); ``snapshot`` reads the shards that a
        snapshot pins instead of the current ones. Raises BadArgumentError if there is no such fragment or column.
        """
        if snapshot is not None:
            from pipeline.snapshot import load_snapshot

            shards = load_snapshot(self, snapshot).shards(fragment)
        else:
            shards = self.shards(fragment, fingerprint)
        wanted = None if columns is None else [TRACK_ID, *(c for c in columns if c != TRACK_ID)]
        if not shards:
            raise BadArgumentError(f"no rows of fragment {fragment!r}: the dataset has {', '.join(self.fragments)}")
        try:
            found = read_shards(self.storage, fragment, shards, wanted)
        except pa.ArrowInvalid as error:
            self._refuse_unknown(fragment, shards[0], wanted or [])
            raise error
        return one_row_a_track(found)

    def _refuse_unknown(self, fragment: str, shard: Shard, columns: Sequence[str]) -> None:
        rows = read_shards(self.storage, fragment, [shard])
        assert rows is not None
        unknown = [column for column in columns if column not in rows.column_names]
        if unknown:
            names = ", ".join(name for name in rows.column_names if name != TRACK_ID)
            raise BadArgumentError(f"{fragment} has no column {', '.join(unknown)}: there are {names}")


def _order(run: dict[str, Any]) -> datetime:
    return run["finished_at"] or run["started_at"]  # type: ignore[no-any-return]


def one_row_a_track(rows: pa.Table) -> pa.Table:
    """Drop doubles that two overlapping builds may have committed at the same moment."""
    ids = rows[TRACK_ID]
    if pc.count_distinct(ids).as_py() == len(rows):
        return rows
    first = pa.table({TRACK_ID: ids, "row": pa.array(range(len(rows)))}).group_by(TRACK_ID).aggregate([("row", "min")])
    return rows.take(first["row_min"].sort())


def open_dataset(location: str) -> Dataset:
    """Open a dataset for reading. Raises BadArgumentError if there is none at the location."""
    dataset = Dataset(Storage.at(location))
    try:
        exists = dataset.exists()
    except (OSError, ValueError) as error:
        raise BadArgumentError(f"no dataset at {location!r}: {in_a_line(error)}") from error
    if not exists:
        raise BadArgumentError(f"no dataset at {location!r}: make one with 'muze build MUSIC --out DATASET'")
    return dataset
