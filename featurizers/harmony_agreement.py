"""How far two estimates of the same harmony agree."""

from collections.abc import Sequence
from itertools import pairwise

from featurizers.beat_votes import ChordSpan


def key_agreement(one: int, other: int) -> float:
    """Agreement of two keys by ``key_index``, as MIREX scores them, but the same in either direction.

    1 for the same key, 0.5 a fifth apart in the same mode, 0.3 for relative, 0.2 for parallel major and minor, else 0.
    """
    if one == other:
        return 1.0
    steps = (one - other) % 12
    if one // 12 == other // 12:
        return 0.5 if steps in (5, 7) else 0.0
    major, minor = min(one, other), max(one, other)
    if major == minor - 12:
        return 0.2
    return 0.3 if (minor - major) % 12 == 9 else 0.0


def chord_agreement(one: Sequence[ChordSpan], other: Sequence[ChordSpan]) -> float:
    """Share of the time, 0-1, in which two sequences that tile the same time have the same label."""
    edges_s = sorted({0.0, *(chord.end_s for chord in (*one, *other))})
    agreed_s, first, second = 0.0, 0, 0
    for start_s, end_s in pairwise(edges_s):
        first += one[first].end_s <= start_s
        second += other[second].end_s <= start_s
        agreed_s += (end_s - start_s) * (one[first].label == other[second].label)
    return agreed_s / edges_s[-1]
