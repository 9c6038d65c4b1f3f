"""The filtered, logarithmic spectrograms that madmom's networks read, a few hundred frames at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers.madmom_compat import madmom_names

Floats = npt.NDArray[np.float32]

RATE_HZ = 44100
_CHUNK_FRAMES = 512
_BLOCK_SAMPLES = round(0.4 * RATE_HZ)
_EDGE_SAMPLES = round(0.05 * RATE_HZ)
_SILENCE_RMS = 10 ** (-70 / 20)


def is_audible(samples: Floats) -> bool:
    """Whether some 0.4 s of mono 44.1 kHz samples reach -70 dB re full scale, the absolute gate of ITU-R BS.1770.

    A constant offset does not count, nor do the first and last 0.05 s, where resamplers and codecs
    ring if there is one. Without this gate madmom finds beats and a key in digital silence.
    """
    inner = samples[_EDGE_SAMPLES:-_EDGE_SAMPLES]
    blocks = (inner[start : start + _BLOCK_SAMPLES] for start in range(0, len(inner), _BLOCK_SAMPLES))
    return any(block.std(dtype=np.float64) >= _SILENCE_RMS for block in blocks)


@dataclass(frozen=True)
class Filterbank:
    """Triangular filters ``(bins, bands)`` over the bins of a Fourier transform from ``first_bin`` on."""

    weights: Floats
    first_bin: int

    def __len__(self) -> int:
        return int(self.weights.shape[1])

    def log_bands(self, magnitudes: Floats) -> Floats:
        """Magnitudes of all bins ``(frames, bins)`` to log10(1 + x) of the bands ``(frames, bands)``."""
        last_bin = self.first_bin + len(self.weights)
        bands: Floats = np.log10(1 + magnitudes[:, self.first_bin : last_bin] @ self.weights)
        return bands


def filterbank(frame_samples: int, bands_per_octave: int, min_hz: float, max_hz: float) -> Filterbank:
    """Build madmom's logarithmic filterbank, cut to the bins that it reads."""
    with madmom_names():
        from madmom.audio.filters import LogarithmicFilterbank
        from madmom.audio.stft import fft_frequencies

        bins_hz = fft_frequencies(frame_samples // 2, RATE_HZ)
        bank = LogarithmicFilterbank(bins_hz, num_bands=bands_per_octave, fmin=min_hz, fmax=max_hz)
    used = np.flatnonzero(np.any(bank, axis=1))
    return Filterbank(np.array(bank[used[0] : used[-1] + 1], dtype=np.float32), int(used[0]))


def num_frames(num_samples: int, hop_samples: int) -> int:
    """Frames are centred on samples 0, hop, 2 hop ... before the end."""
    return -(-num_samples // hop_samples)


def magnitudes(samples: Floats, frame_samples: int, hop_samples: int) -> Iterator[Floats]:
    """Yield the Fourier magnitudes ``(frames, frame_samples // 2)`` of consecutive chunks of frames.

    ``samples`` is mono ``(samples,)`` with full scale 1.0; before and after it is silence.
    """
    import scipy.fft  # numpy's transform of float32 takes three times as long

    window = np.hanning(frame_samples).astype(np.float32)
    total = num_frames(len(samples), hop_samples)
    for first in range(0, total, _CHUNK_FRAMES):
        frames = _frames(samples, frame_samples, hop_samples, range(first, min(first + _CHUNK_FRAMES, total)))
        yield np.abs(scipy.fft.rfft(frames * window)[:, :-1])


def _frames(samples: Floats, frame_samples: int, hop_samples: int, frames: range) -> Floats:
    """View ``(frames, frame_samples)`` on a copy of the samples around some frames, padded with zeros."""
    start = frames.start * hop_samples - frame_samples // 2
    stop = frames[-1] * hop_samples - frame_samples // 2 + frame_samples
    inside = samples[max(start, 0) : stop]
    padded = np.zeros(stop - start, dtype=np.float32)
    padded[max(-start, 0) :][: len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(padded, frame_samples)[::hop_samples]
