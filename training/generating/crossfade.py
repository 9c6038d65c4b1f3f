"""Parts of a piece put together without a click."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  # (channels, samples)

FADE_S = 0.05


def joined(parts: Sequence[Samples], fade_samples: int) -> Samples:
    """Put parts end to end; the last ``fade_samples`` of each lie under the first of the next.

    The fades are a cosine and a sine, so that their powers add up to 1: what has nothing to do with each other keeps
    its loudness. All is as long as the parts together, less the fades. Raises ValueError for a part that is shorter
    than its fades: in the middle it has two.
    """
    if not parts or any(part.shape[1] < 2 * fade_samples for part in parts[1:-1]) or _short_end(parts, fade_samples):
        raise ValueError(f"a part is shorter than its fades of {fade_samples} samples")
    falling, rising = fades(fade_samples)
    whole = np.zeros((parts[0].shape[0], sum(part.shape[1] for part in parts) - fade_samples * (len(parts) - 1)))
    start = 0
    for number, part in enumerate(parts):
        faded = part.astype(np.float64)
        if number > 0:
            faded[:, :fade_samples] *= rising
        if number < len(parts) - 1:
            faded[:, faded.shape[1] - fade_samples :] *= falling
        whole[:, start : start + part.shape[1]] += faded
        start += part.shape[1] - fade_samples
    return whole.astype(np.float32)


def fades(num_samples: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Amplitudes ``(num_samples,)`` of what ends and of what begins."""
    angles = (np.arange(num_samples) + 0.5) / max(num_samples, 1) * np.pi / 2
    return np.cos(angles), np.sin(angles)


def _short_end(parts: Sequence[Samples], fade_samples: int) -> bool:
    ends = (parts[0], parts[-1]) if len(parts) > 1 else ()
    return any(part.shape[1] < fade_samples for part in ends)
