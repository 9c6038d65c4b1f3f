"""Runs of frames in which something holds."""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Start and stop frame (exclusive) of every run of true values, in order."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
