"""What a pack is on disk: its names, the columns of its shards, and what ``pack.json`` says in types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.conditions import CONDITIONS, Condition

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
PACK_JSON, UNFINISHED_JSON, CARD = "pack.json", "unfinished.json", "card.md"

_SPAN = [("start_s", pa.float32()), ("end_s", pa.float32())]


@dataclass(frozen=True)
class Payload:
    """What is modelled: a column of bytes, one array of this type and shape a window."""

    name: str
    dtype: str
    """As numpy writes it: ``<f2`` or ``<u2``."""
    shape: tuple[int, ...]
    rate_hz: float
    """Steps of the last axis in a second."""
    spec: dict[str, Any]
    """What its numbers mean: the fields of a ``MelSpec``, an encoder, or a codec."""

    @property
    def num_bytes(self) -> int:
        """Bytes of a window."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of the payload over the train split: one number each, so that it keeps its form."""

    mean: float
    std: float

    def normalised(self, payload: Tensor) -> Tensor:
        """Mean 0 and deviation 1."""
        return (payload - self.mean) / self.std

    def normalise_in_place(self, payload: Tensor) -> Tensor:
        """The same in one pass over memory, but for the last digit."""
        import torch

        return torch.add(payload.new_tensor(-self.mean / self.std), payload, alpha=1 / self.std, out=payload)

    def restored(self, normalised: Tensor) -> Tensor:
        """The way back."""
        return normalised * self.std + self.mean


def pooled(statistics: Sequence[Statistics], windows: Sequence[int]) -> Statistics:
    """Statistics of the windows of several packs together."""
    weights = np.array(windows, np.float64) / max(sum(windows), 1)
    means, stds = np.array([each.mean for each in statistics]), np.array([each.std for each in statistics])
    mean = float(weights @ means)
    return Statistics(mean, float(np.sqrt(weights @ (stds**2 + (means - mean) ** 2))))


@dataclass(frozen=True)
class Shard:
    """A Parquet file of windows, in groups that differ by a window at most."""

    path: str
    windows: int
    groups: int
    num_bytes: int
    sha256: str

    @property
    def group_sizes(self) -> npt.NDArray[np.int64]:
        """Windows of each group."""
        return group_sizes(self.windows, self.groups)


def group_sizes(windows: int, groups: int) -> npt.NDArray[np.int64]:
    """Share windows out to groups as evenly as can be."""
    return np.diff(np.arange(groups + 1) * windows // groups)


def shard_schema(payload: str) -> pa.Schema:
    """The columns of a shard."""
    window = [("track_id", pa.string()), ("window", pa.int32()), ("start_s", pa.float64()), ("end_s", pa.float64())]
    return pa.schema([*window, (payload, pa.binary()), *((each.name, _type(each)) for each in CONDITIONS)])


def _type(condition: Condition) -> pa.DataType:
    match condition.kind:
        case "number":
            return pa.float32()
        case "label":
            return pa.int16() if condition.labels and isinstance(condition.labels[0], int) else pa.string()
        case "vector":
            return pa.list_(pa.float32(), condition.size)
        case "curve":
            return pa.list_(pa.float32())
        case "spans":
            return pa.list_(pa.struct(_SPAN))
        case "symbols":
            return pa.list_(pa.struct([("symbol", pa.string()), *_SPAN]))
        case "text":
            return pa.string()
