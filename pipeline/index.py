"""Nearest neighbours: exact up to a million tracks, a FAISS index beside the vectors above."""

import os
import tempfile
from typing import Any

import numpy as np

from pipeline.vectors import Floats, Vectors

EXACT_ROWS = 1_000_000
_TRAIN_ROWS = 100_000
_PROBED_SHARE = 0.05
_CHUNK_ROWS = 65_536


def nearest(vectors: Vectors, query: Floats, count: int, exact_rows: int = EXACT_ROWS) -> list[tuple[str, float]]:
    """(track, cosine) of the nearest to a unit vector, nearest first; above ``exact_rows`` through an index.

    The index picks candidates, whose cosines are then exact.
    """
    if len(vectors.matrix) <= exact_rows:
        return vectors.nearest(query, count)
    rows = _candidates(vectors, query, max(4 * count, 100))
    matrix = vectors.matrix
    scores = np.full(len(matrix), -np.inf, np.float32)
    scores[rows] = matrix[rows] @ query
    best = rows[np.argsort(-scores[rows], kind="stable")][:count]
    return vectors.named(best, scores)


def _candidates(vectors: Vectors, query: Floats, count: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    import faiss

    path = vectors.folder / "index.faiss"
    if not path.exists():  # it lies with the vectors it is of, and goes when they do
        _build(vectors, str(path))
    index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)  # an IndexIVF, which the reader does not know
    index.nprobe = max(1, round(index.nlist * _PROBED_SHARE))
    _, rows = index.search(query[None], count)
    found: np.ndarray[tuple[int], np.dtype[np.intp]] = rows[0][rows[0] >= 0].astype(np.intp)
    return found


def _build(vectors: Vectors, path: str) -> None:
    """Inverted lists of 8-bit vectors: a quarter of the memory, and one in twenty lists is looked at."""
    import faiss

    matrix = vectors.matrix
    num_lists = max(1, round(4 * np.sqrt(len(matrix))))
    index = faiss.index_factory(matrix.shape[1], f"IVF{num_lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    sample = np.random.default_rng(0).choice(len(matrix), min(len(matrix), _TRAIN_ROWS), replace=False)
    index.train(np.ascontiguousarray(matrix[np.sort(sample)]))
    for start in range(0, len(matrix), _CHUNK_ROWS):
        index.add(np.ascontiguousarray(matrix[start : start + _CHUNK_ROWS]))
    with tempfile.TemporaryDirectory(dir=vectors.folder, prefix=".making-") as folder:
        faiss.write_index(index, f"{folder}/index")
        os.replace(f"{folder}/index", path)
