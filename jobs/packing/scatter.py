"""Windows dealt out to the shards they belong to: files of a scratch folder, each as large as a shard.

The order of windows is known before (see ``plan``), so that conditions, which come in the order of track ids, and
payloads, which come in the order of the dataset's shards, meet there. Everything is written once more than in the
pack, and memory does not grow with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.packing.conditions import conditions_of
from jobs.packing.payload import Array, Kind, arrays
from jobs.packing.plan import SPLITS, Plan, Planned
from jobs.packing.sources import Source
from jobs.packing.track import COLUMNS, Track
from pipeline.aligned import Aligned
from pipeline.errors import BuildFailedError
from schemas.fragment import TRACK_ID
from training.order import Ints
from training.pack_format import group_sizes, shard_schema

_WAITING_WINDOWS = 2048
_NUMBER = "number"


@dataclass(frozen=True)
class Bucket:
    """The windows of a shard."""

    split: str
    index: int
    """Of the shards of the split."""
    numbers: Ints
    """Numbers of its windows, in order."""


@dataclass(frozen=True)
class Buckets:
    """The files of all buckets."""

    plan: Plan
    kind: Kind
    folder: Path
    shard_bytes: int
    condition_bytes: int
    """Of a window, about."""

    @cached_property
    def all(self) -> list[Bucket]:
        """In the order of splits and shards."""
        return [bucket for split in SPLITS for bucket in self._of_split(split)]

    def _of_split(self, split: str) -> Iterator[Bucket]:
        numbers = self.plan.ranks[split]
        count = max(1, -(-len(numbers) * self.window_bytes // self.shard_bytes))
        ends = np.cumsum(group_sizes(len(numbers), count))[:-1]
        for index, part in enumerate(np.split(numbers, ends)):
            if len(part):
                yield Bucket(split, index, part)

    @cached_property
    def _bucket_of(self) -> Ints:
        """The place in ``all`` of each window."""
        places = np.zeros(sum(len(ranks) for ranks in self.plan.ranks.values()), np.int64)
        for place, bucket in enumerate(self.all):
            places[bucket.numbers] = place
        return places

    @property
    def record(self) -> Any:
        """A window in a file of payloads."""
        return np.dtype([(_NUMBER, "<i8"), ("data", f"V{self.payload_bytes}")])

    @property
    def window_bytes(self) -> int:
        """Of a window, about."""
        return self.payload_bytes + self.condition_bytes

    @property
    def payload_bytes(self) -> int:
        frames = self.plan.cutting.window_frames
        return int(np.prod((*self.plan.meaning.shape, frames))) * np.dtype(self.kind.dtype).itemsize

    def deal_conditions(self) -> None:
        """Cut the conditions of every window."""
        for source, tracks in zip(self.plan.sources, self.plan.tracks, strict=True):
            waiting: list[dict[str, Any]] = []
            planned = {track.track_id: track for track in tracks}
            for track in _tracks(source, list(planned), self.folder):
                waiting.extend(self._rows(track, planned[track.track_id]))
                if len(waiting) >= _WAITING_WINDOWS:
                    self._append(waiting)
                    waiting = []
            self._append(waiting)

    def _rows(self, track: Track, planned: Planned) -> Iterator[dict[str, Any]]:
        for number, start in enumerate(planned.starts.tolist()):
            window = self.plan.cutting.window(number, start)
            place = {"window": number, "start_s": window.start_s, "end_s": window.end_s}
            known = conditions_of(track, window)
            yield {_NUMBER: planned.first + number, TRACK_ID: track.track_id, **place, **known}

    @cached_property
    def _schema(self) -> pa.Schema:
        shard = shard_schema(self.kind.name)
        return shard.remove(shard.get_field_index(self.kind.name)).append(pa.field(_NUMBER, pa.int64()))

    def _append(self, waiting: list[dict[str, Any]]) -> None:
        if not waiting:
            return
        try:
            rows = pa.Table.from_pylist(waiting, self._schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise BuildFailedError(
                f"conditions of tracks {waiting[0][TRACK_ID]} to {waiting[-1][TRACK_ID]} do not fit: {error}"
            ) from error
        places = self._bucket_of[rows[_NUMBER].to_numpy()]
        for place in np.unique(places).tolist():
            with self._path("conditions", place).open("ab") as file, pa.ipc.new_stream(file, rows.schema) as stream:
                stream.write_table(rows.take(np.flatnonzero(places == place)))

    def deal_payloads(self) -> None:
        """Cut the payload of every window."""
        for source, tracks in zip(self.plan.sources, self.plan.tracks, strict=True):
            planned = {track.track_id: track for track in tracks}
            for track_id, array in arrays(source.dataset.storage, source.snapshot, self.kind):
                if track_id in planned:
                    self._deal_payload(array, planned[track_id])

    def _deal_payload(self, array: Array, planned: Planned) -> None:
        frames = self.plan.cutting.window_frames
        for number, start in enumerate(planned.starts.tolist(), planned.first):
            data = np.ascontiguousarray(array[..., start : start + frames]).tobytes()
            with self._path("payload", int(self._bucket_of[number])).open("ab") as file:
                file.write(np.array([(number, data)], self.record).tobytes())

    def read(self, place: int) -> tuple[Array, pa.Table]:
        """The payloads, as bytes, and the conditions of a bucket, in order; its files are removed."""
        numbers = self.all[place].numbers
        records = np.fromfile(self._path("payload", place), self.record)
        data = records["data"][_order(records[_NUMBER], numbers)]
        tables = []
        with pa.OSFile(str(self._path("conditions", place))) as file:
            while file.tell() < file.size():
                tables.append(pa.ipc.open_stream(file).read_all())
        rows = pa.concat_tables(tables)
        rows = rows.take(_order(rows[_NUMBER].to_numpy(), numbers)).drop_columns(_NUMBER)
        for what in ("payload", "conditions"):
            self._path(what, place).unlink()
        return data, rows

    def _path(self, what: str, place: int) -> Path:
        return self.folder / f"{what}-{place:06d}"


def _order(found: Ints, wanted: Ints) -> Ints:
    """Where in ``found`` the wanted numbers are."""
    order = np.argsort(found, kind="stable")
    if not np.array_equal(found[order], np.sort(wanted)):
        raise BuildFailedError(f"{len(found)} windows were cut where {len(wanted)} were planned")
    return order[np.searchsorted(found[order], wanted)]


def _tracks(source: Source, track_ids: list[str], scratch: Path) -> Iterator[Track]:
    """The tracks of these ids, which are sorted, with the columns that conditions are cut from."""
    facts = source.tracks
    rows = {track_id: row for row, track_id in enumerate(facts[TRACK_ID].to_pylist())}
    there = source.columns
    wanted = {
        name: [each for each in columns if each in there[name]] for name, columns in COLUMNS.items() if name in there
    }
    folder = scratch / "aligned"
    folder.mkdir()
    for track_id, columns in Aligned.dealt(source.dataset.storage, source.snapshot.contents, wanted, track_ids, folder):
        own = {f"tracks.{name}": facts[name][rows[track_id]] for name in ("artist", "genre_tag", "duration_s")}
        yield Track(track_id, {**columns, **own})
    folder.rmdir()
