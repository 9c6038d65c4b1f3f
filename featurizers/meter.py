"""The bars of a track, read from the columns of rhythm."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

_DEFAULT_BEAT_S = 0.5
_DEFAULT_BAR_S = 2.0


@dataclass(frozen=True)
class Meter:
    """Downbeats in order, and how long a beat lasts; where there are none, beats of 0.5 s and no downbeats."""

    downbeats_s: Sequence[float] = ()
    beat_s: float = _DEFAULT_BEAT_S

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> "Meter":
        """Read ``downbeats_s`` and ``beats_s``, either of which may be missing, None or empty."""
        beats_s = _times_s(columns.get("beats_s"))
        return cls(_times_s(columns.get("downbeats_s")), _median_gap_s(beats_s, _DEFAULT_BEAT_S))

    @property
    def bar_s(self) -> float:
        """The median bar; 2 s where fewer than two downbeats are known."""
        return _median_gap_s(self.downbeats_s, _DEFAULT_BAR_S)


def _times_s(column: Iterable[float | None] | None) -> list[float]:
    """The distinct times of a column, in order."""
    return sorted({float(time_s) for time_s in column or () if time_s is not None and math.isfinite(time_s)})


def _median_gap_s(times_s: Sequence[float], default_s: float) -> float:
    return median(b - a for a, b in pairwise(times_s)) if len(times_s) > 1 else default_s
