"""How far the voices move from chord to chord.

The size of a voice leading between two sets of pitch classes is the least sum of semitones that takes every tone of
one to a tone of the other and leaves none out (Tymoczko, "The geometry of musical chords", Science 313, 2006; the
taxicab norm): C major to A minor 2, to F major 3. Where one has fewer tones, some of them are doubled. Divided by the
number of voices, those of the larger chord, sizes of triads and sevenths can be compared; the score is their mean.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from featurizers.harte import ChordSpan

_QUALITIES = ((0.75, "smooth"), (1.25, "good"), (1.75, "moderate"))
"""Up to so many semitones a voice: sevenths that keep common tones are smooth; loops of pop songs whose chords mostly
share a tone, such as I-V-vi-IV with 1.0, are good; I-IV-V-I with 1.33 is moderate; triads in parallel steps, at 2.0,
are disjunct."""


def score(spans: Sequence[ChordSpan]) -> float | None:
    """Return the mean least motion in semitones a voice over all changes of chord; None if no chord changes."""
    changes = [(a.chord.pitch_classes, b.chord.pitch_classes) for a, b in pairwise(spans) if a.leads_to(b)]
    sizes = [motion(a, b) / max(len(a), len(b)) for a, b in changes]
    return sum(sizes) / len(sizes) if sizes else None


def quality(semitones: float) -> str:
    """The word for a score."""
    return next((word for bound, word in _QUALITIES if semitones <= bound + 1e-9), "disjunct")


@lru_cache(maxsize=65536)
def motion(first: frozenset[int], second: frozenset[int]) -> int:
    """Return the least motion in semitones between two sets of pitch classes.

    It is an assignment: each tone of the larger chord goes to a tone of the smaller, or to a free seat, which stands
    for doubling whichever tone is nearest.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    small, large = sorted((first, second), key=len)
    ups = np.subtract.outer(sorted(large), sorted(small)) % 12
    costs = np.minimum(ups, 12 - ups)
    free = np.repeat(costs.min(axis=1, keepdims=True), len(large) - len(small), axis=1)
    costs = np.concatenate([costs, free], axis=1)
    return int(costs[linear_sum_assignment(costs)].sum())
