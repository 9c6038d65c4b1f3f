"""Syncopation of Longuet-Higgins and Lee ("The rhythmic interpretation of monophonic music", Music Perception 1984)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.intp]

SIXTEENTHS = 4  # of a beat


def bar_weights(beats_per_bar: int) -> Integers:
    """Metric weights of the 16ths of a bar: (beats_per_bar * 4,).

    A bar is cut into the prime factors of its beats, smallest first, and every beat twice in two: 4/4 is
    2 x 2 x 2 x 2, 3/4 is 3 x 2 x 2, 6/4 is 2 x 3 x 2 x 2.
    """
    return tree_weights([*_prime_factors(beats_per_bar), 2, 2])


def tree_weights(divisions: Sequence[int]) -> Integers:
    """Weights of the leaves of a tree whose nodes divide so, from the root down: 0 for the first leaf of the root,
    -1 for the first leaves of its children, and so on.

    4/4 in 16ths has 0 -4 -3 -4 -2 -4 -3 -4 -1 -4 -3 -4 -2 -4 -3 -4, 3/4 has 0 -3 -2 -3 -1 -3 -2 -3 -1 -3 -2 -3.
    """
    num_leaves = int(np.prod(divisions))
    weights = np.full(num_leaves, -len(divisions), np.intp)
    for depth in reversed(range(len(divisions))):
        weights[:: num_leaves // int(np.prod(divisions[:depth]))] = -depth
    return weights


def syncopations(sounding: npt.NDArray[np.bool_], weights: Integers) -> Integers:
    """How far every onset syncopates; 0 where it does not: (onsets,).

    An onset does if the silence until the next onset, or until the end, covers a place of more weight than its own:
    by the weight of the heaviest such place minus its own.

    Args:
        sounding: Whether a note begins at each place: (places,).
        weights: Metric weight of each place: (places,).
    """
    onsets = np.flatnonzero(sounding)
    gaps = pairwise([*onsets, len(sounding)])
    heaviest = [weights[onset:following].max() for onset, following in gaps]  # no less than the onset's own
    return np.array(heaviest, np.intp) - weights[onsets]


def mean_syncopation(sounding: npt.NDArray[np.bool_], weights: Integers, bars: Integers) -> float | None:
    """Sum of the syncopations of the onsets of a bar, mean over bars with onsets; None without onsets.

    A silence that lasts over the bar line belongs to the bar of the onset before it.
    """
    if not sounding.any():
        return None
    sums = np.bincount(bars[sounding], weights=syncopations(sounding, weights))
    return float(sums[np.unique(bars[sounding])].mean())


def _prime_factors(number: int) -> list[int]:
    for factor in range(2, number + 1):
        if number % factor == 0:
            return [factor, *_prime_factors(number // factor)]
    return []
