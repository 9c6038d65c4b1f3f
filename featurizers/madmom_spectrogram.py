"""The filtered, logarithmic spectrograms that madmom's networks read, a few hundred frames at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers.madmom_compat import madmom_names

Floats = npt.NDArray[np.float32]

RATE_HZ = 44100
_CHUNK_FRAMES = 512


@dataclass(frozen=True)
class Filterbank:
    """Triangular filters over the bins ``first_bin ..`` of a Fourier transform: ``weights (bins, bands)``."""

    weights: Floats
    first_bin: int

    def __len__(self) -> int:
        return self.weights.shape[1]

    def log_bands(self, magnitudes: Floats) -> Floats:
        """``(frames, all bins)`` magnitudes to ``(frames, bands)`` of log10(1 + x)."""
        last_bin = self.first_bin + len(self.weights)
        return np.log10(1 + magnitudes[:, self.first_bin : last_bin] @ self.weights)


def filterbank(frame_size: int, num_bands: int, min_hz: float, max_hz: float) -> Filterbank:
    """madmom's logarithmic filterbank, ``num_bands`` an octave at most, cut to the bins that it reads."""
    with madmom_names():
        from madmom.audio.filters import LogarithmicFilterbank
        from madmom.audio.stft import fft_frequencies

        bins_hz = fft_frequencies(frame_size // 2, RATE_HZ)
        bank = LogarithmicFilterbank(bins_hz, num_bands=num_bands, fmin=min_hz, fmax=max_hz)
    used = np.flatnonzero(np.any(bank, axis=1))
    return Filterbank(np.array(bank[used[0] : used[-1] + 1], dtype=np.float32), int(used[0]))


def num_frames(num_samples: int, hop_samples: int) -> int:
    """Frames are centred on samples 0, hop, 2 hop ... below the end."""
    return -(-num_samples // hop_samples)


def magnitudes(samples: Floats, frame_size: int, hop_samples: int) -> Iterator[tuple[slice, Floats]]:
    """Yield slices of frames and their Fourier magnitudes ``(frames, frame_size // 2)``.

    ``samples`` is mono ``(samples,)`` with full scale 1.0, at 44.1 kHz; outside of it is silence.
    """
    import scipy.fft  # numpy's transform of float32 takes three times as long

    window = np.hanning(frame_size).astype(np.float32)
    total = num_frames(len(samples), hop_samples)
    for first in range(0, total, _CHUNK_FRAMES):
        chunk = slice(first, min(first + _CHUNK_FRAMES, total))
        frames = _frames(samples, frame_size, hop_samples, chunk)
        yield chunk, np.abs(scipy.fft.rfft(frames * window)[:, :-1])


def _frames(samples: Floats, frame_size: int, hop_samples: int, chunk: slice) -> Floats:
    """View of the frames of a chunk, ``(frames, frame_size)``, on a copy padded with zeros."""
    start = chunk.start * hop_samples - frame_size // 2
    stop = (chunk.stop - 1) * hop_samples - frame_size // 2 + frame_size
    inside = samples[max(start, 0) : stop]
    padded = np.zeros(stop - start, dtype=np.float32)
    padded[max(-start, 0) :][: len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(padded, frame_size)[::hop_samples]
