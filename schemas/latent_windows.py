"""Which windows the latents of a track are encoded and decoded in.

A VAE attends to a whole window and normalises over it, so it means something only for windows as long as those that it
was trained on. They overlap, and what lies near an end that is not one of the track is taken from the window beside it,
because there convolutions saw zeros instead of music.
"""

from collections.abc import Iterator
from dataclasses import dataclass

OVERLAP = 8
"""An eighth of a window at each of its inner ends is left to the window beside it."""
LEAST_LATENTS = 2
"""That a decoder needs."""


@dataclass(frozen=True)
class Window:
    """A window of latents from ``start`` on, of which those from ``first`` to ``last`` are kept."""

    start: int
    first: int
    last: int

    @property
    def kept(self) -> slice:
        """Of the window's own."""
        return slice(self.first - self.start, self.last - self.start)


def windows(num_latents: int, length: int) -> Iterator[Window]:
    """Yield windows of ``length`` latents that together keep every one once, the last ending with the track."""
    margin = length // OVERLAP
    starts = [*range(0, num_latents - length, length - 2 * margin), max(0, num_latents - length)]
    firsts = [0, *(start + margin for start in starts[1:])]
    for start, first, last in zip(starts, firsts, [*firsts[1:], num_latents], strict=True):
        yield Window(start, first, last)


def window_latents(window_frames: int, factor: int) -> int:
    """Latents of a window of so many frames, ``factor`` of which are one."""
    return max(LEAST_LATENTS, window_frames // factor)
