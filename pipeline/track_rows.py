"""Everything that a dataset holds of one track, and for what it does not hold, why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contents import current_contents
from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.errors import BuildFailedError
from pipeline.plain_values import plain
from pipeline.printable import in_a_line
from pipeline.shards import read_shards
from pipeline.storage import Storage
from pipeline.views import open_views
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class TrackRows:
    """The rows of one track, as readers see them; NaN within lists is None."""

    track_id: str
    uris: tuple[str, ...]
    """Its files that are there, or were when they were last looked for."""
    gone_uris: tuple[str, ...]
    """Its files that were gone at the last look."""
    rows: Mapping[str, Columns]
    """Fragment -> its columns; ``tracks`` has the tags of the sidecar where there is one."""
    absent: Mapping[str, str]
    """Fragment without a row -> why, in words."""

    def value(self, fragment: str, column: str) -> Any:
        """A value, or None if the dataset does not have it."""
        return self.rows.get(fragment, {}).get(column)


def track_rows(dataset: Dataset, track_id: str, fragments: Sequence[str]) -> TrackRows:
    """Read a track's row of these fragments and of ``tracks``.

    A fragment is read in the shard that holds the track only. Raises BuildFailedError if one cannot be read.
    """
    contents = current_contents(dataset)
    with open_views(dataset.storage, contents) as connection:
        facts = _asked(connection, f"SELECT * FROM tracks WHERE {TRACK_ID} = ?", track_id)
        files = _asked(connection, f"SELECT uri, missing_since FROM files WHERE {TRACK_ID} = ? ORDER BY uri", track_id)
        failures = _asked(connection, f"SELECT fragment, reason, message FROM failures WHERE {TRACK_ID} = ?", track_id)
    rows: dict[str, Columns] = {TRACKS.name: facts[0]} if facts else {}
    absent: dict[str, str] = {}
    failed = {row["fragment"]: row for row in failures}
    for name in fragments:
        row = _row(dataset.storage, name, contents.tables.get(name, []), track_id)
        if row is not None:
            rows[name] = row
        else:
            absent[name] = _why(name, failed.get(name), name in contents.fingerprints)
    there = tuple(file["uri"] for file in files if file["missing_since"] is None)
    gone = tuple(file["uri"] for file in files if file["missing_since"] is not None)
    return TrackRows(track_id, there, gone, rows, absent)


def _asked(connection: Any, sql: str, track_id: str) -> list[dict[str, Any]]:
    return _plain_rows(connection.sql(sql, params=[track_id]).to_arrow_table())


def _plain_rows(table: pa.Table) -> list[dict[str, Any]]:
    return [{name: plain(table[name][row]) for name in table.column_names} for row in range(len(table))]


def _row(storage: Storage, fragment: str, shards: Sequence[Shard], track_id: str) -> Columns | None:
    """Its row in the first shard that has it; ids are looked at first, as the columns of a shard may be large."""
    try:
        for shard in shards:
            ids = read_shards(storage, fragment, [shard], [TRACK_ID])
            if ids is not None and pc.any(pc.equal(ids[TRACK_ID], track_id)).as_py():
                rows = read_shards(storage, fragment, [shard], where=(TRACK_ID, [track_id]))
                return _plain_rows(rows.slice(0, 1))[0] if rows is not None else None
    except (OSError, pa.ArrowException) as error:
        raise BuildFailedError(f"a shard of {fragment!r} cannot be read: {in_a_line(error)}") from error
    return None


def _why(fragment: str, failure: Columns | None, built: bool) -> str:
    if failure is not None:
        message = in_a_line(failure["message"] or "")
        return f"failed: {failure['reason']}" + (f": {message}" if message else "")
    return "not computed for this track yet" if built else f"this dataset has no fragment {fragment}"
