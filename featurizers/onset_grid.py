"""Onsets on the grid that beats make: every beat cut into equal parts, in bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

MIN_BEATS = 2


@dataclass(frozen=True)
class OnsetGrid:
    """The beats of a track, each to the next one, and the onsets within them. The last beat is as long as the one
    before it.
    """

    beats_s: Times
    """Ascending, at least two."""
    numbers: Integers
    """Place of every beat in its bar, 1 = downbeat."""
    beats_per_bar: int
    onsets_s: Times
    strengths: Times
    """0-1, of every onset."""
    bands: tuple[str, ...]
    """low, mid or high, of every onset."""

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Self | None:
        """Read the columns of rhythm and onsets; None without two beats or a time signature."""
        beats_s, numbers = columns.get("beats_s") or [], columns.get("beat_numbers") or []
        signature = columns.get("time_signature")
        if len(beats_s) < MIN_BEATS or len(numbers) != len(beats_s) or not signature:
            return None
        onsets: Sequence[Mapping[str, Any]] = columns.get("onsets") or []
        return cls(
            np.asarray(beats_s, np.float64),
            np.asarray(numbers, np.intp),
            int(signature.split("/")[0]),
            np.array([onset["time_s"] for onset in onsets], np.float64),
            np.array([onset["strength"] for onset in onsets], np.float64),
            tuple(onset["band"] for onset in onsets),
        )

    @property
    def duration_s(self) -> float:
        """From the first beat to the end of the last."""
        return float(2 * self.beats_s[-1] - self.beats_s[-2] - self.beats_s[0])

    @cached_property
    def _positions(self) -> Times:
        """Place of every onset in beats from the first beat, linear between beats: (onsets,)."""
        edges_s = [2 * self.beats_s[0] - self.beats_s[1], *self.beats_s, 2 * self.beats_s[-1] - self.beats_s[-2]]
        num_beats = len(self.beats_s)
        positions: Times = np.interp(self.onsets_s, edges_s, np.arange(-1, num_beats + 1), left=-2, right=num_beats + 1)
        return positions

    def parts(self, a_beat: int) -> Integers:
        """The nearest of ``a_beat`` parts of a beat for every onset, counted from the first beat: (onsets,).

        Onsets that lie nearer to what is outside the beats have -1.
        """
        parts = np.floor(self._positions * a_beat + 0.5).astype(np.intp)
        within = (parts >= 0) & (parts < a_beat * len(self.beats_s))
        return np.where(within, parts, -1)

    def places(self, a_beat: int) -> Integers:
        """Place in the bar of every part of a beat, from 0: (beats * a_beat,)."""
        beats = (self.numbers - 1) % self.beats_per_bar
        places: Integers = (beats[:, None] * a_beat + np.arange(a_beat)).ravel()
        return places

    def bars(self, a_beat: int) -> Integers:
        """Number of the bar of every part of a beat; 0 is what comes before the first downbeat: (beats * a_beat,)."""
        return np.repeat(np.cumsum(self.numbers == 1), a_beat)
