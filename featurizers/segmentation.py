"""Where sections begin: bars within one go together by timbre, by level and by what of the track repeats them.

The best boundaries are found together, by dynamic programming: sections are as uniform as can be, as few as that
allows, preferably of whole groups of four bars, and preferably opened by an accent. Cost of a section by a kernel:
Arlot, Celisse and Harchaoui, "A kernel multiple change-point algorithm via model selection" (JMLR 2019). Repetition
as a row of lags a bar: Serrà, Müller, Grosche and Arcos, "Unsupervised music structure annotation by time series
structure features and segment similarity" (IEEE TMM 2014). Lengths: Marmoret, Cohen and Bimbot, "Barwise music
structure analysis with the correlation block-matching segmentation algorithm" (TISMIR 2023).
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from featurizers.bars import Bars, Floats

MIN_BARS = 2
MIN_TRACK_SHARE = 1 / 30
MIN_SECTION_S = (3.0, 8.0)

_KERNEL_WIDTH = 1.5  # of the usual step from bar to bar
_MIN_LEVEL_WIDTH_DB = 0.7
_MIN_TIMBRE_WIDTH_DB = 5.0
_REPETITION_BARS = 4
_REPETITION_CORRELATION = 0.5
_SECTION_COST = 0.7  # in bars that fit their section not at all
_ACCENT_WORTH = 1.0
_ODD_LENGTH_COST = 0.3

Bools = npt.NDArray[np.bool_]


def find_boundaries(bars: Bars, edges_s: Floats, audible: Bools) -> list[int]:
    """Return the first bar of every section and, last, the number of bars.

    ``edges_s (bars + 1,)`` are the times of the bars. A run of bars that are not ``audible (bars,)`` is one section.
    All others have at least two bars and last a thirtieth of the track, but no more than 8 s and no less than 3 s are
    asked of them; audible music between two silences that is too short to be cut is one section.
    """
    likeness = bar_likeness(bars)
    min_s = float(np.clip(edges_s[-1] * MIN_TRACK_SHARE, *MIN_SECTION_S))
    changes = np.flatnonzero(np.diff(audible)) + 1
    starts = [0, *changes.tolist(), len(audible)]
    found: list[int] = []
    for start, stop in pairwise(starts):
        if audible[start]:
            stretch = slice(start, stop)
            inner = _best_starts(likeness[stretch, stretch], bars.accent[stretch], edges_s[start : stop + 1], min_s)
            found.extend(start + bar for bar in inner)
        else:
            found.append(start)
    return [*found, len(audible)]


def bar_likeness(bars: Bars) -> Floats:
    """How much every two bars belong together, 0-1, ``(bars, bars)``: by timbre, level and repetition alike."""
    timbre = _kernel(bars.timbre, _MIN_TIMBRE_WIDTH_DB)
    level = _kernel(bars.level_db[:, None], _MIN_LEVEL_WIDTH_DB)
    rows = _lag_rows(bars.harmony)
    repetition = np.exp(-_square_distances(rows) / 2)
    return (timbre + level + repetition) / 3


def _kernel(values: Floats, min_width: float) -> Floats:
    """Gaussian kernel as wide as 1.5 times the median step from one bar to the next, or ``min_width``."""
    steps = np.square(np.diff(values, axis=0)).sum(axis=1)
    width = max(_KERNEL_WIDTH**2 * float(np.median(steps)), min_width**2) if len(steps) else min_width**2
    kernel: Floats = np.exp(-_square_distances(values) / (2 * width))
    return kernel


def _square_distances(rows: Floats) -> Floats:
    squares = np.square(rows).sum(axis=1)
    distances: Floats = np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0)
    return distances


def correlations(harmony: Floats) -> Floats:
    """Cosine of the harmony of every two bars, ``(bars, bars)``; 0 with a bar that has none."""
    unit = harmony / np.maximum(np.linalg.norm(harmony, axis=1, keepdims=True), 1e-9)
    cosines: Floats = unit @ unit.T
    return cosines


def _lag_rows(harmony: Floats) -> Floats:
    """For every bar, 1 at each lag at which it is repeated, ``(bars, 2 * bars - 1)``.

    A bar is repeated by another if both are the other's likeliest, and alike.
    """
    num_bars = len(harmony)
    alike = _in_context(correlations(harmony), min(_REPETITION_BARS, max(1, num_bars // 4)))
    distance = np.abs(np.subtract.outer(np.arange(num_bars), np.arange(num_bars)))
    ranked = np.where(distance > 1, alike, -np.inf)
    ranks = np.argsort(np.argsort(-ranked, axis=1, kind="stable"), axis=1, kind="stable")
    near = ranks <= np.ceil(np.sqrt(num_bars))
    repeated = near & near.T & (ranked > _REPETITION_CORRELATION)
    rows = np.zeros((num_bars, 2 * num_bars - 1))
    for bar in range(num_bars):
        rows[bar, num_bars - 1 - bar : 2 * num_bars - 1 - bar] = repeated[bar]
    return rows


def _in_context(alike: Floats, num_bars: int) -> Floats:
    """Mean along the diagonal over the next or over the last bars, whichever is larger.

    Thus a repetition keeps its sharp ends (Müller and Kurth, "Enhancing similarity matrices for music audio analysis",
    ICASSP 2006).
    """
    ahead, behind = np.zeros_like(alike), np.zeros_like(alike)
    count_ahead, count_behind = np.zeros_like(alike), np.zeros_like(alike)
    size = len(alike)
    for step in range(num_bars):
        ahead[: size - step, : size - step] += alike[step:, step:]
        count_ahead[: size - step, : size - step] += 1
        behind[step:, step:] += alike[: size - step, : size - step]
        count_behind[step:, step:] += 1
    return np.maximum(ahead / count_ahead, behind / count_behind)


def _best_starts(likeness: Floats, accent: Floats, edges_s: Floats, min_s: float) -> list[int]:
    """First bars of the sections of one stretch, by the least cost of all; ``[0]`` if it is too short for two."""
    num_bars = len(likeness)
    sums = np.pad(likeness.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    cost, previous = np.full(num_bars + 1, np.inf), np.zeros(num_bars + 1, int)
    cost[0] = 0
    for stop in range(1, num_bars + 1):
        starts = np.arange(stop)
        lengths = stop - starts
        within = sums[stop, stop] - sums[starts, stop] - sums[stop, starts] + sums[starts, starts]
        total = cost[:stop] + lengths - within / lengths + _cost_of_being(lengths, accent[:stop])
        total[(lengths < MIN_BARS) | (edges_s[stop] - edges_s[:stop] < min_s)] = np.inf
        previous[stop] = total.argmin()
        cost[stop] = total[previous[stop]]
    if not np.isfinite(cost[-1]):
        return [0]
    path = [int(previous[-1])]
    while path[-1] > 0:
        path.append(int(previous[path[-1]]))
    return path[::-1]


def _cost_of_being(lengths: npt.NDArray[np.int64], accent: Floats) -> Floats:
    """What a section costs by itself: less with an accent at its start, more unless its bars come in fours."""
    uneven = np.where(lengths % 4 == 0, 0.0, np.where(lengths % 2 == 0, 0.5, 1.0))
    return _SECTION_COST - _ACCENT_WORTH * accent + _ODD_LENGTH_COST * uneven
