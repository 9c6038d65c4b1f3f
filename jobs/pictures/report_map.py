"""The map of a dataset: embeddings of a sample of its tracks, projected onto the two axes along which they vary most.

Principal components (Pearson 1901; Hotelling 1933) of the unit vectors: linear, deterministic, and honest about how
much of the variance two axes show.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.pictures.report_views import CARD, Views
from pipeline.contents import Contents
from pipeline.shards import read_shards
from pipeline.storage import Storage
from pipeline.vectors import unit
from schemas.fragment import TRACK_ID

SAMPLE = 2000
MIN_POINTS = 3
NUM_COLOURS = 7
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Space:
    fragment: str
    column: str
    title: str


_SPACES = (
    _Space("clap", "clap_audio_embedding", "how the tracks sound (CLAP)"),
    _Space("singer", "voice_embedding", "how the voices sound"),
)


def embedding_map(storage: Storage, contents: Contents, views: Views) -> dict[str, Any] | None:
    """The first space in which three tracks or more of the sample have a vector; None without one.

    The sample is the tracks whose ids hash lowest: the same on every call, and nearly the same as tracks come.
    """
    for space in _SPACES:
        if views.have(space.fragment, space.column):
            points, vectors = _sample(storage, contents, views, space)
            if len(points) >= MIN_POINTS:
                return _drawn(views, space, points, vectors)
    return None


def _sample(storage: Storage, contents: Contents, views: Views, space: _Space) -> tuple[list[dict[str, Any]], Floats]:
    """Facts of the tracks that have a vector, and the vectors at unit length. Memory is that of a shard."""
    rows = views.rows(f"""
        SELECT track_id, title, artist, genre_tag, uri FROM {CARD} SEMI JOIN {space.fragment} USING (track_id)
        ORDER BY md5(track_id) LIMIT {SAMPLE}""")
    ids = [row[TRACK_ID] for row in rows]
    found: dict[str, Floats] = {}
    for shard in contents.shards(space.fragment):
        read = read_shards(storage, space.fragment, [shard], [TRACK_ID, space.column], (TRACK_ID, ids))
        assert read is not None
        read = read.filter(read[space.column].is_valid())
        if len(read):
            matrix = read[space.column].combine_chunks().flatten().to_numpy().astype(np.float64)
            found |= zip(read[TRACK_ID].to_pylist(), unit(matrix.reshape(len(read), -1)), strict=True)
    points = [row for row in rows if row[TRACK_ID] in found]
    return points, np.array([found[point[TRACK_ID]] for point in points])


def _drawn(views: Views, space: _Space, points: list[dict[str, Any]], vectors: Floats) -> dict[str, Any]:
    positions, shares = project(vectors)
    for point, (x, y) in zip(points, positions.round(5).tolist(), strict=True):
        point |= {"x": x, "y": y}
    num_rows = views.row(f"SELECT count(*) AS n FROM {CARD} SEMI JOIN {space.fragment} USING (track_id)")["n"]
    return {
        "fragment": space.fragment,
        "column": space.column,
        "title": space.title,
        "tracks": num_rows,
        "sampled": min(num_rows, SAMPLE),
        "shown": len(points),
        "variance_shares": [round(share, 4) for share in shares],
        "groups": {name: largest(points, name) for name in ("genre_tag", "artist")},
        "points": points,
    }


def project(vectors: Floats) -> tuple[Floats, list[float]]:
    """Coordinates ``(rows, 2)`` on the first two principal axes, and the shares of the variance that they hold.

    Each axis points to where its largest loading is positive, so that a map does not flip between two calls.
    """
    centred = vectors - vectors.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    axes = axes[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(2)])
    total = variances.sum()
    return centred @ axes, [float(variances[-n] / total) if total > 0 else 0.0 for n in (1, 2)]


def largest(points: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The values that get a colour of their own on the map, the most frequent first."""
    found = Counter(point[name] for point in points if point[name] is not None)
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:NUM_COLOURS]
    return [{"value": value, "count": count} for value, count in ranked]
