"""Where windows lie in a track. All of them are whole: nothing is padded.

- ``fixed``: a window every hop from the start of the track. What is left at the end gets a window that is moved back
  to end with the track, if half of it at least is new.
- ``section``: the same within each section, so that no window crosses a border. A section that is shorter than a
  window gets one around its middle, which then does cross.

A track that is shorter than a window has none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Align = Literal["fixed", "section"]
Starts = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Window:
    """A stretch of a track, in seconds from the start of the track."""

    number: int
    """Of the windows of the track, from 0."""
    start_s: float
    end_s: float

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Cutting:
    """How tracks are cut, in frames of the payload."""

    window_frames: int
    hop_frames: int
    rate_hz: float
    align: Align = "fixed"

    @classmethod
    def of(cls, window_s: float, hop_s: float, rate_hz: float, multiple: int, align: Align) -> "Cutting":
        """The cutting nearest to these durations, windows being a multiple of some number of frames."""
        window_frames = max(1, round(window_s * rate_hz / multiple)) * multiple
        return cls(window_frames, max(1, round(hop_s * rate_hz)), rate_hz, align)

    @property
    def window_s(self) -> float:
        return self.window_frames / self.rate_hz

    @property
    def hop_s(self) -> float:
        return self.hop_frames / self.rate_hz

    def starts(self, num_frames: int, sections_s: Sequence[tuple[float, float]] = ()) -> Starts:
        """First frames of the windows of a track, in order. A track without sections is one."""
        if num_frames < self.window_frames:
            return np.zeros(0, np.int32)
        if self.align == "fixed" or not sections_s:
            return np.array(self._within(0, num_frames), np.int32)
        found: set[int] = set()
        for start_s, end_s in sections_s:
            start, end = round(start_s * self.rate_hz), min(round(end_s * self.rate_hz), num_frames)
            found.update(self._within(start, end) if end - start >= self.window_frames else ())
            if 0 < end - start < self.window_frames:
                around = (start + end - self.window_frames) // 2
                found.add(min(max(around, 0), num_frames - self.window_frames))
        return np.array(sorted(found), np.int32)

    def _within(self, start: int, end: int) -> Iterable[int]:
        last = end - self.window_frames
        starts = [*range(start, last + 1, self.hop_frames)]
        if 2 * (last - starts[-1]) >= self.window_frames:
            starts.append(last)
        return starts

    def window(self, number: int, start: int) -> Window:
        """The window that starts at a frame."""
        return Window(number, start / self.rate_hz, (start + self.window_frames) / self.rate_hz)
