"""Two pulses against each other, 3:2 and 4:3, each in a band of its own."""

import numpy as np
import numpy.typing as npt

from featurizers.featurizer import Features
from featurizers.onset_grid import OnsetGrid
from featurizers.onsets import BANDS

Hits = npt.NDArray[np.bool_]

_TICKS = 12  # of a beat: both its thirds and its quarters
_RATIOS = ((3, 2), (4, 3))
_MIN_BARS = 4


def find_polyrhythms(grid: OnsetGrid) -> list[Features]:
    """Return ``{ratio, strength}`` of every ratio that is there for four bars in all, the strongest first.

    Pulses are sought in cycles of a beat, of two beats where the bar has an even number of them, and of a bar. A band
    plays a pulse of n in a cycle if it has onsets, to a twelfth of a beat, where the cycle is cut into n equal parts,
    and nowhere else; at the start any band will do, as pulses meet there and an onset has one band only. The strength
    is the share of cycles in which one band plays the one pulse and another band the other. So a swung or dotted
    rhythm, which leaves out one of three or four, is none; nor are triplets in all bands at once, or even notes in
    one that are twice the pulse of another.
    """
    hits = _hits(grid)
    lengths = {1, grid.beats_per_bar} | ({2} if grid.beats_per_bar % 2 == 0 else set())
    strengths = {
        f"{fast}:{slow}": max(_strength(grid, hits, length, fast, slow) for length in lengths) for fast, slow in _RATIOS
    }
    found = [{"ratio": ratio, "strength": strength} for ratio, strength in strengths.items() if strength > 0]
    return sorted(found, key=lambda one: -float(one["strength"]))


def _hits(grid: OnsetGrid) -> Hits:
    """Whether an onset of each band is at each twelfth of a beat: (bands, ticks)."""
    hits = np.zeros((len(BANDS), _TICKS * len(grid.beats_s)), bool)
    for tick, band in zip(grid.parts(_TICKS), grid.bands, strict=True):
        if tick >= 0:
            hits[BANDS.index(band), tick] = True
    return hits


def _strength(grid: OnsetGrid, hits: Hits, num_beats: int, fast: int, slow: int) -> float:
    """Share of the cycles of so many beats that have both pulses; 0 if that is less than four bars."""
    cycles = _cycles(grid, hits, num_beats)
    quick, steady = _plays(cycles, fast), _plays(cycles, slow)
    others = ~np.eye(len(BANDS), dtype=bool)[:, :, None]
    both = (quick[:, None] & steady[None] & others).any(axis=(0, 1)) & cycles[:, :, 0].any(axis=0)
    if both.sum() * num_beats < _MIN_BARS * grid.beats_per_bar:
        return 0.0
    return float(both.mean())


def _cycles(grid: OnsetGrid, hits: Hits, num_beats: int) -> Hits:
    """Every whole cycle: (bands, cycles, ticks)."""
    starts = np.flatnonzero((grid.numbers - 1) % num_beats == 0)
    whole = starts[starts + num_beats <= len(grid.numbers)]
    last = whole + num_beats - 1
    whole = whole[grid.numbers[last] - grid.numbers[whole] == num_beats - 1]  # no bar line within
    cycles: Hits = hits[:, whole[:, None] * _TICKS + np.arange(num_beats * _TICKS)]
    return cycles


def _plays(cycles: Hits, pulse: int) -> Hits:
    """Whether each band has a pulse, and nothing else, after the start of each cycle: (bands, cycles)."""
    num_ticks = cycles.shape[2]
    expected = np.zeros(num_ticks, bool)
    expected[:: num_ticks // pulse] = True
    plays: Hits = (cycles[:, :, 1:] == expected[1:]).all(axis=2)
    return plays
