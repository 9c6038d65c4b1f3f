"""Voices told apart by their embeddings: verification and retrieval over all pairs of files."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from benchmarks.scoring.piece import Found, Truth

Floats = npt.NDArray[np.float64]


def score_voices(pieces: Sequence[tuple[Truth, Found]]) -> dict[str, float]:
    """Equal error rate of cosine similarity over all pairs; then how well a voice retrieves others of its speaker.

    A file without an embedding is unlike every other.
    """
    speakers = [truth["speaker"] for truth, _ in pieces]
    similarity = cosines([found.get("voice_embedding") for _, found in pieces])
    pairs = list(combinations(range(len(pieces)), 2))
    same = [similarity[i, j] for i, j in pairs if speakers[i] == speakers[j]]
    different = [similarity[i, j] for i, j in pairs if speakers[i] != speakers[j]]
    if not same or not different:
        return {}
    first, precision = retrieval(similarity, speakers)
    return {"voices EER": equal_error_rate(same, different), "nearest is the same": first, "retrieval mAP": precision}


def cosines(embeddings: Sequence[Sequence[float] | None]) -> Floats:
    """Cosine similarity of all pairs, -1 where there is no embedding."""
    width = max((len(embedding) for embedding in embeddings if embedding is not None), default=1)
    rows = np.array([np.full(width, np.nan) if one is None else one for one in embeddings], float)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    similarity: Floats = np.nan_to_num(units @ units.T, nan=-1.0)
    return similarity


def equal_error_rate(same: Sequence[float], different: Sequence[float]) -> float:
    """Where as many of the same are refused as of the different are taken for the same; 0 separates them."""
    alike, unlike = np.array(same), np.array(different)
    thresholds = np.append(np.unique(np.concatenate([alike, unlike])), np.inf)
    misses = np.array([np.mean(alike < threshold) for threshold in thresholds])
    false_alarms = np.array([np.mean(unlike >= threshold) for threshold in thresholds])
    nearest = np.abs(misses - false_alarms).argmin()
    return float((misses + false_alarms)[nearest] / 2)


def retrieval(similarity: Floats, labels: Sequence[str]) -> tuple[float, float]:
    """Share of queries whose nearest other has their label, and mean average precision; queries have such an other."""
    first, precisions = [], []
    for query, label in enumerate(labels):
        others = [(-similarity[query, other], found == label) for other, found in enumerate(labels) if other != query]
        relevant = np.array([is_same for _, is_same in sorted(others)])  # what ties counts as the worse order of it
        if relevant.any():
            first.append(relevant[0])
            precisions.append(float((np.cumsum(relevant) / np.arange(1, len(relevant) + 1))[relevant].mean()))
    return float(np.mean(first)), float(np.mean(precisions))
