"""Rows of many fragments side by side, in the order of track ids, in memory that does not grow with the dataset.

Every fragment keeps its tracks in another order, so looking tracks up would read every shard again and again. Instead
rows are dealt out, into files of a scratch folder, to parts that each hold a range of track ids; then part after part
is read whole. Everything is read and written once more than in the shards, however many tracks there are: the
partitioning of a Grace hash join (Kitsuregawa, Tanaka and Moto-oka, "Application of hash to data base machine and its
architecture", 1983), by ranges instead of hashes, which leaves the tracks in order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.contents import Contents
from pipeline.shards import read_shards
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID

_PART_BYTES = 32 * 2**20  # of shards, which compress to a third or so
_PART_TRACKS = 1024
_WAITING_BYTES = 64 * 2**20

Scalars = dict[str, Any]
"""``fragment.column`` -> its value for a track, as an Arrow scalar."""


@dataclass(frozen=True)
class Aligned:
    """Columns of fragments, dealt out to parts that are small enough to be read whole."""

    columns: Mapping[str, Sequence[str]]
    """Fragment -> its columns."""
    parts: Sequence[Sequence[str]]
    """The track ids of each part, in order."""
    folder: Path

    @classmethod
    def dealt(
        cls,
        storage: Storage,
        contents: Contents,
        columns: Mapping[str, Sequence[str]],
        track_ids: Sequence[str],
        folder: Path,
    ) -> "Aligned":
        """Deal the rows of these tracks, whose ids are sorted, out to files in a folder on a local disk."""
        num_bytes = sum(shard.num_bytes for name in columns for shard in contents.shards(name))
        size = min(_PART_TRACKS, max(1, len(track_ids) * _PART_BYTES // max(num_bytes, 1)))
        parts = [track_ids[first : first + size] for first in range(0, len(track_ids), size)]
        aligned = cls(columns, parts, folder)
        for fragment in columns:
            aligned._deal(storage, contents, fragment)
        return aligned

    def _deal(self, storage: Storage, contents: Contents, fragment: str) -> None:
        waiting: list[pa.Table] = []
        num_bytes = 0
        for shard in contents.shards(fragment):
            rows = read_shards(storage, fragment, [shard], [TRACK_ID, *self.columns[fragment]])
            assert rows is not None
            waiting.append(rows)
            num_bytes += rows.nbytes
            if num_bytes > _WAITING_BYTES:
                self._append(fragment, waiting)
                waiting, num_bytes = [], 0
        self._append(fragment, waiting)

    def _append(self, fragment: str, tables: Sequence[pa.Table]) -> None:
        """Append rows to the files of the parts they belong to; a file is a chain of Arrow streams."""
        if not tables or not self.parts:
            return
        rows = pa.concat_tables(tables).replace_schema_metadata().sort_by(TRACK_ID)
        starts = [part[0] for part in self.parts]
        cuts = np.searchsorted(np.array(rows[TRACK_ID].to_pylist()), starts).tolist()
        for part, (first, last) in enumerate(zip(cuts, [*cuts[1:], len(rows)], strict=True)):
            if first < last:
                with self._path(fragment, part).open("ab") as file, pa.ipc.new_stream(file, rows.schema) as stream:
                    stream.write_table(rows.slice(first, last - first))

    def _path(self, fragment: str, part: int) -> Path:
        return self.folder / f"{part:06d}-{fragment}.arrows"

    def __iter__(self) -> Iterator[tuple[str, Scalars]]:
        """Yield every track with the columns it has; of a track that a fragment holds twice, the first row counts."""
        for part, track_ids in enumerate(self.parts):
            tables = {fragment: rows for fragment in self.columns if (rows := self._rows(fragment, part)) is not None}
            places = {fragment: _places(rows) for fragment, rows in tables.items()}
            for track_id in track_ids:
                yield (
                    track_id,
                    {
                        f"{fragment}.{column}": rows[column][places[fragment][track_id]]
                        for fragment, rows in tables.items()
                        if track_id in places[fragment]
                        for column in self.columns[fragment]
                    },
                )

    def _rows(self, fragment: str, part: int) -> pa.Table | None:
        path = self._path(fragment, part)
        if not path.exists():
            return None
        tables = []
        with pa.OSFile(str(path)) as file:
            while file.tell() < file.size():
                tables.append(pa.ipc.open_stream(file).read_all())
        path.unlink()
        return pa.concat_tables(tables).combine_chunks()


def _places(rows: pa.Table) -> dict[str, int]:
    track_ids = rows[TRACK_ID].to_pylist()
    return {track_id: place for place, track_id in reversed(list(enumerate(track_ids)))}
