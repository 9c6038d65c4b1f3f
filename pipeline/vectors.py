"""Embeddings of a dataset as one matrix on disk, kept beside the tables and made anew when they have moved on."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from featurizers.user_cache import user_cache
from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.errors import BadArgumentError
from pipeline.shards import read_shards
from schemas.fragment import TRACK_ID

Float = TypeVar("Float", np.float32, np.float64)
Floats = npt.NDArray[np.float32]

FOLDER = "search"
_ID_BYTES = 32
_CHUNK_ROWS = 65_536


@dataclass(frozen=True)
class Vectors:
    """Unit vectors and the tracks they belong to, on disk."""

    folder: Path

    @property
    def matrix(self) -> Floats:
        """``(tracks, dimensions)``, mapped and not read."""
        matrix: Floats = np.load(self.folder / "vectors.npy", mmap_mode="r")
        return matrix

    @property
    def track_ids(self) -> npt.NDArray[np.bytes_]:
        """Track of every row."""
        return np.load(self.folder / "tracks.npy", mmap_mode="r")  # type: ignore[no-any-return]

    def nearest(self, query: Floats, count: int) -> list[tuple[str, float]]:
        """Return (track, cosine) of the ``count`` nearest rows, nearest first; exact."""
        matrix = self.matrix
        scores = np.empty(len(matrix), np.float32)
        for start in range(0, len(matrix), _CHUNK_ROWS):
            scores[start : start + _CHUNK_ROWS] = matrix[start : start + _CHUNK_ROWS] @ query
        count = min(count, len(scores))
        best = np.argpartition(-scores, count - 1)[:count] if count else np.empty(0, np.intp)
        return self.named(best[np.argsort(-scores[best], kind="stable")], scores)

    def named(self, rows: npt.NDArray[np.intp], scores: Floats) -> list[tuple[str, float]]:
        """Tracks and scores of rows; ``scores`` has one of every row."""
        ids = self.track_ids
        return [(ids[row].decode(), float(scores[row])) for row in rows]

    def of_track(self, track_id: str) -> Floats | None:
        """The vector of a track, or None if it has none."""
        rows = np.flatnonzero(self.track_ids == track_id.encode())
        return np.array(self.matrix[rows[0]]) if len(rows) else None


def open_vectors(dataset: Dataset, fragment: str, column: str) -> Vectors:
    """Return the vectors of an embedding column as the dataset is now, from disk if they are still right.

    Raises BadArgumentError if the dataset has no such fragment or no row of it holds a vector.
    """
    shards = dataset.shards(fragment)
    if not shards:
        raise BadArgumentError(f"the dataset has no fragment {fragment!r}: build it with a recipe that has it")
    home = _home(dataset) / f"{fragment}-{column}"
    target = home / _key(shards)
    if not target.exists():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".making-") as making:
            _write(dataset, fragment, column, shards, Path(making))
            with contextlib.suppress(OSError):  # another search was faster
                os.rename(_filled(Path(making)), target)
        _forget_others(home, target)
    vectors = Vectors(target)
    if not len(vectors.track_ids):
        raise BadArgumentError(f"no track has a {column}: {fragment} found nothing to embed")
    return vectors


def _home(dataset: Dataset) -> Path:
    """Where vectors are kept: below a local dataset, else in the user's cache."""
    if dataset.storage.local:
        return Path(dataset.storage.root) / FOLDER
    return user_cache() / FOLDER / hashlib.sha256(dataset.storage.root.encode()).hexdigest()[:16]


def _key(shards: Sequence[Shard]) -> str:
    return hashlib.sha256(json.dumps(sorted(shard.path for shard in shards)).encode()).hexdigest()[:16]


def _filled(folder: Path) -> Path:
    return folder / "filled"


def _forget_others(home: Path, target: Path) -> None:
    for entry in home.iterdir():
        if entry != target and not entry.name.startswith("."):
            shutil.rmtree(entry, ignore_errors=True)


def _write(dataset: Dataset, fragment: str, column: str, shards: Sequence[Shard], folder: Path) -> None:
    """Write the matrix shard by shard; it is in memory a shard at a time."""
    filled = _filled(folder)
    filled.mkdir()
    seen: set[str] = set()
    ids: list[bytes] = []
    matrix: Floats | None = None
    most_rows = sum(shard.num_rows for shard in shards)
    for names, part in _parts(dataset, fragment, column, shards):
        if matrix is None:
            matrix = np.lib.format.open_memmap(folder / "all.npy", "w+", np.float32, (most_rows, part.shape[1]))
        fresh = [row for row, name in enumerate(names) if name not in seen]
        matrix[len(ids) : len(ids) + len(fresh)] = part[fresh]
        seen |= set(names)
        ids += [names[row].encode() for row in fresh]
    np.save(filled / "vectors.npy", np.empty((0, 0), np.float32) if matrix is None else matrix[: len(ids)])
    np.save(filled / "tracks.npy", np.array(ids, dtype=f"S{_ID_BYTES}"))


def _parts(dataset: Dataset, fragment: str, column: str, shards: Sequence[Shard]) -> Iterator[tuple[list[str], Floats]]:
    for shard in shards:
        rows = read_shards(dataset.storage, fragment, [shard], [TRACK_ID, column])
        assert rows is not None
        rows = rows.filter(rows[column].is_valid())
        if len(rows):
            values = rows[column].combine_chunks()
            matrix = values.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(rows), -1)
            yield rows[TRACK_ID].to_pylist(), unit(matrix)


def unit(vectors: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Scale vectors, the last axis, to unit length; zero stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: npt.NDArray[Float] = (vectors / np.where(norms == 0, 1, norms)).astype(vectors.dtype)
    return scaled
