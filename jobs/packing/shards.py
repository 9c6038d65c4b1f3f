"""Shards of a pack, written whole, and what is counted while they are."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.packing.payload import Array
from jobs.packing.scatter import Bucket, Buckets
from pipeline.shards import leaf_types
from pipeline.storage import Storage
from training.conditions import CONDITIONS
from training.order import Ints
from training.pack_format import Shard, group_sizes, shard_schema

GROUP_BYTES = 2**22
"""A group is what a stream reads at once: large enough to read at full speed, small enough to hold two a lane."""
_COUNTED_WINDOWS = 16
_SIGNIFICANT_DIGITS = 9  # the last digits of sums depend on the processor


@dataclass
class Moments:
    """Mean and deviation of numbers that come in portions."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: Array) -> None:
        """Add numbers, in 64 bits."""
        self.count += values.size
        self.total += float(values.sum(dtype=np.float64))
        self.squares += float(np.square(values).sum(dtype=np.float64))

    def mean_and_std(self) -> dict[str, float]:
        """Mean and standard deviation."""
        mean = self.total / max(self.count, 1)
        variance = max(self.squares / max(self.count, 1) - mean**2, 0.0)
        return {"mean": _rounded(mean), "std": _rounded(variance**0.5)}


def _rounded(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")


@dataclass
class Counted:
    """What is known of the windows written so far. Moments are of the train split: tests are not looked at."""

    payload: Moments = field(default_factory=Moments)
    numbers: dict[str, Moments] = field(default_factory=dict)
    present: Counter[str] = field(default_factory=Counter)
    """Windows of all splits that have a condition."""
    windows: int = 0

    def add(self, split: str, payload: Array, rows: pa.Table) -> None:
        """Count a shard: payload ``(windows, channels, ...)`` and conditions."""
        self.windows += len(rows)
        for condition in CONDITIONS:
            self.present[condition.name] += len(rows) - rows[condition.name].null_count
        if split == "train":
            self._add_payload(payload)
            for condition in CONDITIONS:
                self._add_numbers(condition.name, condition.kind, rows)

    def _add_payload(self, payload: Array) -> None:
        for first in range(0, len(payload) if payload.dtype.kind == "f" else 0, _COUNTED_WINDOWS):
            self.payload.add(payload[first : first + _COUNTED_WINDOWS].astype(np.float32))

    def _add_numbers(self, name: str, kind: str, rows: pa.Table) -> None:
        """Numbers, and values of curves that are not 0."""
        if kind not in ("number", "curve"):
            return
        column = pc.list_flatten(rows[name]) if kind == "curve" else rows[name].drop_null()
        values = column.to_numpy().astype(np.float64)
        values = values[values != 0] if kind == "curve" else values
        self.numbers.setdefault(name, Moments()).add(values)

    def conditions(self) -> dict[str, dict[str, float | None]]:
        """Condition -> share of windows that have it, and mean and deviation over the train split of numbers."""
        return {condition.name: self._condition(condition.name) for condition in CONDITIONS}

    def _condition(self, name: str) -> dict[str, float | None]:
        share = _rounded(self.present[name] / max(self.windows, 1))
        moments = self.numbers.get(name)
        if moments is None or not moments.count:
            return {"present_share": share, "mean": None, "std": None}
        return {"present_share": share, **moments.mean_and_std()}


@dataclass(frozen=True)
class ShardWriter:
    """Writes buckets as shards of a pack."""

    storage: Storage
    buckets: Buckets
    counted: Counted

    def write(self, place: int) -> Shard:
        """Write a bucket; the shard appears whole or not at all."""
        bucket, (data, rows) = self.buckets.all[place], self.buckets.read(place)
        self.counted.add(bucket.split, self._payload(data), rows)
        path, file = _shard_path(bucket), self.buckets.folder / "shard.parquet"
        groups = max(1, -(-len(rows) * self.buckets.window_bytes // GROUP_BYTES))
        groups = min(groups, len(rows))
        write_table(file, self._table(data, rows), self.buckets.kind.name, group_sizes(len(rows), groups))
        shard = Shard(path, len(rows), groups, file.stat().st_size, sha256(file))
        if self.storage.local:
            os.replace(file, self.storage.uri(path))
        else:
            self.storage.put_file_if_absent(path, file)
        return shard

    def _payload(self, data: Array) -> Array:
        meaning, frames = self.buckets.plan.meaning, self.buckets.plan.cutting.window_frames
        return data.view(self.buckets.kind.dtype).reshape(len(data), *meaning.shape, frames)

    def _table(self, data: Array, rows: pa.Table) -> pa.Table:
        """The rows with the payload in its place."""
        offsets = np.arange(len(data) + 1, dtype=np.int32) * self.buckets.payload_bytes
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        payload = pa.BinaryArray.from_buffers(pa.binary(), len(data), buffers)
        schema = shard_schema(self.buckets.kind.name)
        columns = [payload if name == self.buckets.kind.name else rows[name] for name in schema.names]
        return pa.Table.from_arrays(columns, schema=schema)


def write_table(file: Path, table: pa.Table, payload: str, sizes: Ints) -> None:
    """Write a shard in groups of these sizes.

    Payloads and vectors do not get smaller by compression (log-mels by a tenth), only slower.
    """
    leaves = leaf_types(table.schema)
    raw = {payload, *(f"{each.name}.list.element" for each in CONDITIONS if each.kind == "vector")}
    options: dict[str, Any] = {
        "compression": {path: "none" if path in raw else "zstd" for path in leaves},
        "use_dictionary": [path for path, leaf in leaves.items() if pa.types.is_string(leaf)],
        "write_statistics": False,
        "write_page_checksum": True,
    }
    with file.open("wb") as sink:
        with pq.ParquetWriter(sink, table.schema, **options) as writer:
            for first, size in zip(np.cumsum(sizes) - sizes, sizes, strict=True):
                writer.write_table(table.slice(first, size), row_group_size=size)
        sink.flush()
        os.fsync(sink.fileno())


def _shard_path(bucket: Bucket) -> str:
    return f"{bucket.split}-{bucket.index:05d}.parquet"


def sha256(file: Path) -> str:
    """The hex digest of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
