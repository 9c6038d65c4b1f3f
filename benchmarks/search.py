"""Searching a million embeddings: exactly, and through the index, with the recall of the latter.

``python benchmarks/search.py [--rows 1000000] [--json]``. The vectors are 512 wide, random around random centres, on
disk as a search keeps them; a first search has read them, so that times are those of a search that is repeated.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.index import nearest
from pipeline.vectors import Vectors, unit

WIDTH = 512
NUM_CENTRES = 2000
NUM_QUERIES = 5
COUNT = 10
_CHUNK_ROWS = 65_536


def write_vectors(folder: Path, num_rows: int) -> Vectors:
    """Vectors as a collection of music has them: many of a kind."""
    random = np.random.default_rng(0)
    centres = unit(random.standard_normal((NUM_CENTRES, WIDTH), np.float32))
    matrix = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (num_rows, WIDTH))
    for start in range(0, num_rows, _CHUNK_ROWS):
        size = len(matrix[start : start + _CHUNK_ROWS])
        noise = random.standard_normal((size, WIDTH), np.float32) / np.sqrt(WIDTH)
        matrix[start : start + size] = unit(centres[random.integers(NUM_CENTRES, size=size)] + noise)
    matrix.flush()
    np.save(folder / "tracks.npy", np.array([f"{row:032x}".encode() for row in range(num_rows)]))
    return Vectors(folder)


def timed(vectors: Vectors, exact_rows: int) -> tuple[float, list[set[str]]]:
    """Median seconds of a search, and what was found."""
    times_s, found = [], []
    for row in range(NUM_QUERIES):
        query = np.array(vectors.matrix[row * 1000])
        started_s = time.perf_counter()
        found.append({name for name, _ in nearest(vectors, query, COUNT, exact_rows)})
        times_s.append(time.perf_counter() - started_s)
    return float(np.median(times_s)), found


def measure(num_rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="muze-search-") as folder:
        vectors = write_vectors(Path(folder), num_rows)
        exact_s, exact = timed(vectors, num_rows)
        started_s = time.perf_counter()
        nearest(vectors, np.array(vectors.matrix[0]), COUNT, 0)
        build_s = time.perf_counter() - started_s
        indexed_s, indexed = timed(vectors, 0)
        recall = np.mean([len(a & b) / COUNT for a, b in zip(exact, indexed, strict=True)])
    return {
        "rows": num_rows,
        "exact_s": round(exact_s, 3),
        "index_build_s": round(build_s, 1),
        "indexed_s": round(indexed_s, 3),
        "recall_at_10": round(float(recall), 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = measure(args.rows)
    print(json.dumps(figures) if args.json else figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
