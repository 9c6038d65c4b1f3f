"""librosa's default frames and tempogram, chunk by chunk: as of the whole signal, in a fraction of the memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float32]  # (samples,)

FRAME_SAMPLES = 2048
HOP_SAMPLES = 512
CHUNK_FRAMES = 1024  # a few MiB of spectra
TEMPOGRAM_FRAMES = 384


def centred_chunks(signal: Signal, padding: Any = "constant") -> Iterator[Signal]:
    """Yield the samples of ``CHUNK_FRAMES`` centred frames after another, ``(samples,)``, to be framed uncentred.

    Beyond the ends of the signal is what ``padding``, a mode of ``np.pad``, says.
    """
    margin = FRAME_SAMPLES // 2
    num_frames = 1 + len(signal) // HOP_SAMPLES
    for first in range(0, num_frames, CHUNK_FRAMES):
        last = min(first + CHUNK_FRAMES, num_frames) - 1
        start, stop = first * HOP_SAMPLES - margin, last * HOP_SAMPLES + margin
        before, after = max(0, -start), max(0, stop - len(signal))
        yield np.pad(signal[max(0, start) : stop], (before, after), mode=padding)


def tempograms(strengths: Signal) -> Iterator[npt.NDArray[np.floating[Any]]]:
    """Yield the tempogram of onset strengths ``(frames,)`` in chunks of frames, ``(TEMPOGRAM_FRAMES, frames)``."""
    from librosa.feature import tempogram

    padded = np.pad(strengths, TEMPOGRAM_FRAMES // 2, mode="linear_ramp", end_values=0)
    for first in range(0, len(strengths), CHUNK_FRAMES):
        last = min(first + CHUNK_FRAMES, len(strengths))
        window = padded[first : last + TEMPOGRAM_FRAMES - 1]
        yield tempogram(onset_envelope=window, win_length=TEMPOGRAM_FRAMES, center=False)
