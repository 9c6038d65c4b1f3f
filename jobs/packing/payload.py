"""What packs hold for each task: which fragment has it, and how its columns are read, a few tracks at a time."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.delta import Shard
from pipeline.errors import BuildFailedError
from pipeline.shards import read_shards
from pipeline.snapshot import Snapshot
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID

Array = npt.NDArray[Any]
Row = Mapping[str, Any]

_TRACKS_AT_ONCE = 2  # half an hour of log-mels has about 50 MB
_BUFFER_BYTES = 2**22


@dataclass(frozen=True)
class Meaning:
    """What the numbers of a row mean; all rows of a pack have to agree."""

    shape: tuple[int, ...]
    """Without the last axis, which is time."""
    rate_hz: float
    spec: str
    """JSON."""


@dataclass(frozen=True)
class Kind:
    """The payload of a task."""

    name: str
    """Its column in the fragment and in the pack."""
    fragment: str
    dtype: str
    shape_column: str
    facts: tuple[str, ...]
    """Columns that say what it means."""
    meaning: Callable[[Row], tuple[float, dict[str, Any]]]
    """Frames a second, and the specification, of a row."""
    window_s: float
    """By default."""
    multiple: int = 1
    """A window's frames are a multiple of this, so that models can halve it."""


def _of_mel(row: Row) -> tuple[float, dict[str, Any]]:
    spec = json.loads(row["mel_spec"])
    return spec["rate_hz"] / spec["hop_samples"], spec


def _of_latents(row: Row) -> tuple[float, dict[str, Any]]:
    return row["latents_rate_hz"], {"encoder": row["latents_encoder"]}


def _of_tokens(row: Row) -> tuple[float, dict[str, Any]]:
    return row["tokens_rate_hz"], {"codec": row["codec_tokens_model"], "codebook_size": row["codebook_size"]}


KINDS = {
    "vae": Kind("mel", "mel", "<f2", "mel_shape", ("mel_spec",), _of_mel, 5.12, 8),
    "ldm": Kind(
        "latents", "latents", "<f2", "latents_shape", ("latents_rate_hz", "latents_encoder"), _of_latents, 10.24, 8
    ),
    "codec-lm": Kind(
        "tokens",
        "codec_tokens",
        "<u2",
        "tokens_shape",
        ("tokens_rate_hz", "codebook_size", "codec_tokens_model"),
        _of_tokens,
        10.24,
    ),
}
"""Task -> its payload."""


def shapes(storage: Storage, snapshot: Snapshot, kind: Kind) -> Iterator[tuple[str, int, Meaning]]:
    """Yield every track that has the payload, its frames, and what they mean; the payload itself is not read."""
    for shard in snapshot.shards(kind.fragment):
        found = read_shards(storage, kind.fragment, [shard], [TRACK_ID, kind.shape_column, *kind.facts])
        assert found is not None
        for row in found.to_pylist():
            shape = row[kind.shape_column]
            if shape and shape[-1] and row[kind.facts[0]] is not None:
                rate_hz, spec = kind.meaning(row)
                meaning = Meaning(tuple(shape[:-1]), round(float(rate_hz), 6), json.dumps(spec, sort_keys=True))
                yield row[TRACK_ID], shape[-1], meaning


def arrays(storage: Storage, snapshot: Snapshot, kind: Kind) -> Iterator[tuple[str, Array]]:
    """Yield every track that has the payload once, with its array ``(..., frames)``, in the order of the shards."""
    seen: set[str] = set()
    for shard in snapshot.shards(kind.fragment):
        for row in _rows(storage, shard, kind):
            track_id, shape = row[TRACK_ID].as_py(), row[kind.shape_column].as_py()
            data = row[kind.name].as_buffer()
            if track_id not in seen and shape and data is not None:
                seen.add(track_id)
                yield track_id, _array(track_id, data, shape, kind)


def _rows(storage: Storage, shard: Shard, kind: Kind) -> Iterator[Row]:
    path = f"{kind.fragment}/{shard.path}"
    columns = [TRACK_ID, kind.name, kind.shape_column]
    try:
        source = storage.uri(path) if storage.local else pa.BufferReader(storage.read(path))
        with pq.ParquetFile(source, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            for batch in file.iter_batches(_TRACKS_AT_ONCE, columns=columns, use_threads=False):
                yield from ({name: batch[name][i] for name in columns} for i in range(len(batch)))
    except (OSError, pa.ArrowException) as error:
        raise BuildFailedError(f"shard {path} of the dataset cannot be read: {' '.join(str(error).split())}") from error


def _array(track_id: str, data: Any, shape: list[int], kind: Kind) -> Array:
    if data.size != int(np.prod(shape)) * np.dtype(kind.dtype).itemsize:
        raise BuildFailedError(f"{kind.name} of track {track_id} has {data.size} bytes, which is not its shape {shape}")
    array = np.frombuffer(data, kind.dtype).reshape(shape)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BuildFailedError(f"{kind.name} of track {track_id} has values that are not finite: build it again")
    return array
