"""Rows of a pack as arrays, and arrays of many groups as one batch: whole columns at a time, never value by value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from training.batch import Batch
from training.conditions import BY_NAME, CURVE_HOP_S, Condition
from training.pack import Pack
from training.pack_format import Payload, Statistics

Array = npt.NDArray[Any]

_TYPES = {"<f2": pa.float16(), "<u2": pa.uint16()}
_LENGTH_STEP = 16  # so that models see few shapes


@dataclass(frozen=True)
class Ragged:
    """Lists of unequal length, one a window, end to end."""

    offsets: Array
    """Int64 ``(windows + 1,)``."""
    spans: Array
    """Float32 ``(items, 2)``."""
    ids: Array | None
    """Int64 ``(items,)`` of symbols; None for spans."""


@dataclass(frozen=True)
class Rows:
    """Windows of a group, ready to be picked from."""

    payload: Tensor
    """``(windows, *shape)``, as stored."""
    track_ids: Array
    floats: Array
    """``(windows, width)``: numbers, vectors and curves side by side."""
    labels: Array
    present: Array
    """``(windows, conditions)``."""
    ragged: dict[str, Ragged]
    texts: dict[str, Array]


@dataclass(frozen=True)
class Pick:
    """Rows of a group, and their places in a batch."""

    rows: Rows
    chosen: Array
    places: Array


@dataclass(frozen=True)
class Collator:
    """Makes batches of the windows of a pack, with some of the conditions."""

    payload: Payload
    statistics: Statistics | None
    conditions: tuple[Condition, ...]
    frames: int
    """Values of a curve."""

    @classmethod
    def of(cls, pack: Pack, statistics: Statistics | None, conditions: Sequence[str]) -> Collator:
        """For the windows of a pack. Raises KeyError for a condition that there is not."""
        known = tuple(BY_NAME[name] for name in conditions)
        return cls(pack.payload, statistics, known, round(pack.window_s / CURVE_HOP_S))

    @property
    def columns(self) -> list[str]:
        """What has to be read of a group."""
        return ["track_id", self.payload.name, *(condition.name for condition in self.conditions)]

    def rows(self, table: pa.Table) -> Rows:
        """Columns of a group as arrays. Raises ValueError if they are not what the pack says."""
        columns = {name: _whole(table[name]) for name in self.columns}
        floats = [self._floats(columns[each.name], each) for each in self._of("number", "vector", "curve")]
        labels = [_label_ids(columns[each.name], each) for each in self._of("label")]
        known = [columns[each.name].is_valid().to_numpy(zero_copy_only=False) for each in self.conditions]
        texts = {each.name: columns[each.name].fill_null("") for each in self._of("text")}
        return Rows(
            payload=_payload(columns[self.payload.name], self.payload),
            track_ids=columns["track_id"].to_numpy(zero_copy_only=False),
            floats=np.concatenate([np.zeros((len(table), 0), np.float32), *floats], axis=1),
            labels=np.stack([np.zeros(len(table), np.int64), *labels], axis=1),
            present=np.stack([np.zeros(len(table), bool), *known], axis=1),
            ragged={each.name: _ragged(columns[each.name], each) for each in self._of("spans", "symbols")},
            texts={name: column.to_numpy(zero_copy_only=False) for name, column in texts.items()},
        )

    def batch(self, picks: Sequence[Pick], positions: Array) -> Batch:
        """One batch of rows picked from groups, payload normalised, in the order of their places."""
        floats, labels = _picked(picks, "floats", len(positions)), _picked(picks, "labels", len(positions))
        present = _picked(picks, "present", len(positions))
        known = {each.name: torch.from_numpy(present[:, 1 + i]) for i, each in enumerate(self.conditions)}
        ids = {each.name: torch.from_numpy(labels[:, 1 + i]) for i, each in enumerate(self._of("label"))}
        known |= {name: known[name] & (values > 0) for name, values in ids.items()}
        lists = {name: value for each in self._of("spans", "symbols") for name, value in _padded(picks, each.name)}
        return Batch(
            payload=self._payload(picks, len(positions)),
            positions=torch.from_numpy(positions),
            track_ids=tuple(_picked(picks, "track_ids", len(positions)).tolist()),
            conditions=self._parted(floats) | ids | lists,
            present=known,
            texts={each.name: tuple(_texts(picks, each.name, len(positions))) for each in self._of("text")},
        )

    def _of(self, *kinds: str) -> list[Condition]:
        return [condition for condition in self.conditions if condition.kind in kinds]

    def _width(self, condition: Condition) -> int:
        return self.frames if condition.kind == "curve" else condition.size

    def _floats(self, column: Any, condition: Condition) -> Array:
        """Float32 ``(windows, width)``, 0 where there is no value."""
        if condition.kind == "number":
            return column.fill_null(0).to_numpy(zero_copy_only=False)[:, None]  # type: ignore[no-any-return]
        known = column.is_valid().to_numpy(zero_copy_only=False)
        values = np.zeros((len(column), self._width(condition)), np.float32)
        values[known] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, values.shape[1])
        return values

    def _parted(self, floats: Array) -> dict[str, Tensor]:
        """What lay side by side, by condition."""
        parted, start = {}, 0
        for each in self._of("number", "vector", "curve"):
            values = torch.from_numpy(floats[:, start : start + self._width(each)])
            parted[each.name] = values[:, 0] if each.kind == "number" else values
            start += self._width(each)
        return parted

    def _payload(self, picks: Sequence[Pick], size: int) -> Tensor:
        """Tokens in 64 bits; the rest in 32 and normalised, with no copy in between: memory is what takes time."""
        is_tokens = self.payload.dtype == "<u2"
        out = torch.empty(size, *self.payload.shape, dtype=torch.int64 if is_tokens else torch.float32)
        windows = {
            place: pick.rows.payload[row]
            for pick in picks
            for row, place in zip(pick.chosen.tolist(), pick.places.tolist(), strict=True)
        }
        torch.stack([windows[place] for place in range(size)], out=out)
        return out if self.statistics is None else self.statistics.normalise_in_place(out)


def _whole(column: Any) -> Any:
    """A column in one piece; it mostly is already, and need not be copied."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _payload(column: Any, payload: Payload) -> Tensor:
    """The bytes of all windows as one tensor, without a copy."""
    lengths = pc.binary_length(column)
    if pc.min_max(lengths).as_py() != {"min": payload.num_bytes, "max": payload.num_bytes}:
        raise ValueError(f"windows are not all of {payload.num_bytes} bytes")
    kind, width = _TYPES[payload.dtype], np.dtype(payload.dtype).itemsize
    count = len(column) * payload.num_bytes // width
    values = pa.Array.from_buffers(
        kind, count, [None, column.buffers()[2]], 0, column.offset * payload.num_bytes // width
    )
    return from_dlpack(values).reshape(len(column), *payload.shape)


def _label_ids(column: Any, condition: Condition) -> Array:
    """Int64 ``(windows,)``; few names come often, so that each is looked up once."""
    encoded = column.dictionary_encode()
    ids: Array = np.array([_label_id(condition, name) for name in encoded.dictionary.to_pylist()] + [0])
    places: Array = encoded.indices.fill_null(len(ids) - 1).to_numpy(zero_copy_only=False)
    return ids[places]


@lru_cache(maxsize=65536)
def _label_id(condition: Condition, name: str | int) -> int:
    return condition.label_id(name)


def _ragged(column: Any, condition: Condition) -> Ragged:
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    items = column.flatten()
    spans = [pc.struct_field(items, name).to_numpy(zero_copy_only=False) for name in ("start_s", "end_s")]
    ids = _label_ids(pc.struct_field(items, "symbol"), condition) if condition.kind == "symbols" else None
    return Ragged(np.concatenate([[0], np.cumsum(lengths)]), np.stack(spans, axis=1), ids)


def _picked(picks: Sequence[Pick], name: str, size: int) -> Array:
    first = getattr(picks[0].rows, name)
    out = np.empty((size, *first.shape[1:]), first.dtype)
    for pick in picks:
        out[pick.places] = getattr(pick.rows, name)[pick.chosen]
    return out


def _texts(picks: Sequence[Pick], name: str, size: int) -> list[str]:
    out = np.empty(size, object)
    for pick in picks:
        out[pick.places] = pick.rows.texts[name][pick.chosen]
    return out.tolist()


def _padded(picks: Sequence[Pick], name: str) -> list[tuple[str, Tensor]]:
    """Lists as tensors as long as the longest: spans filled up with -1, ids with 0."""
    size = sum(len(pick.places) for pick in picks)
    lengths = [np.diff(pick.rows.ragged[name].offsets)[pick.chosen] for pick in picks]
    longest = max(int(each.max()) for each in lengths)
    length = max(1, -(-longest // _LENGTH_STEP)) * _LENGTH_STEP
    spans, ids = np.full((size, length, 2), -1, np.float32), np.zeros((size, length), np.int64)
    for pick, counts in zip(picks, lengths, strict=True):
        ragged = pick.rows.ragged[name]
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        source, target = np.repeat(ragged.offsets[pick.chosen], counts) + nth, np.repeat(pick.places, counts)
        spans[target, nth] = ragged.spans[source]
        if ragged.ids is not None:
            ids[target, nth] = ragged.ids[source]
    if picks[0].rows.ragged[name].ids is None:
        return [(name, torch.from_numpy(spans))]
    return [(name, torch.from_numpy(ids)), (f"{name}_s", torch.from_numpy(spans))]
