"""F0 to about a cent from the instantaneous frequencies of its harmonics, once it is known to a quarter tone.

CREPE's answers bend by up to 15 cents with the pitch itself, which changes the depth of a shallow vibrato by
a fifth. The phase of a harmonic does not bend: its frequency at the centre of a frame follows from two Fourier
transforms, one with the window's derivative (Auger and Flandrin, "Improving the readability of time-frequency
and time-scale representations by the reassignment method", IEEE Trans. Signal Processing 1995).
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from featurizers.crepe import HOP_SAMPLES, RATE_HZ

Floats = npt.NDArray[np.float32]

AVERAGING_S = 0.0212  # a running mean over this time shrinks a modulation as much as the window does; measured
_WINDOW_SAMPLES = 640  # 40 ms: the harmonics of 65 Hz are two and a half bins of the transform apart
_FFT_SAMPLES = 1024
_NUM_HARMONICS = 6
_MAX_STRAY_CENTS = 40.0  # a harmonic further off belongs to another sound
_BATCH_FRAMES = 2048


def refine_f0(samples: Floats, f0_hz: Floats) -> Floats:
    """Return a better ``f0_hz (frames,)`` for samples ``(samples,)`` at 16 kHz; NaN stays NaN.

    The answer fits the harmonics that agree with the given F0, weighted with their energy; where none
    does, the given F0 is returned.
    """
    padded = np.pad(samples, _WINDOW_SAMPLES // 2)
    frames = sliding_window_view(padded, _WINDOW_SAMPLES)[::HOP_SAMPLES]
    refined = f0_hz.copy()
    known = np.flatnonzero(np.isfinite(f0_hz))
    for start in range(0, len(known), _BATCH_FRAMES):
        batch = known[start : start + _BATCH_FRAMES]
        refined[batch] = _fitted(frames[batch], f0_hz[batch].astype(np.float64))
    return refined


def _fitted(frames: Floats, f0_hz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Least-squares F0 of the harmonics of ``frames (frames, samples)``; overwrites ``f0_hz (frames,)``."""
    numbers = np.arange(1, _NUM_HARMONICS + 1)
    bins = np.rint(f0_hz[:, None] * numbers * _FFT_SAMPLES / RATE_HZ).astype(np.intp)
    phase = 2 * np.pi * (np.arange(_WINDOW_SAMPLES) + 0.5) / _WINDOW_SAMPLES
    hann = (1 - np.cos(phase)).astype(np.float32)
    slope = (np.sin(phase) * 2 * np.pi / _WINDOW_SAMPLES).astype(np.float32)  # of the window, a sample
    at = np.take_along_axis(np.fft.rfft(frames * hann, _FFT_SAMPLES), bins, axis=1)
    derivative = np.take_along_axis(np.fft.rfft(frames * slope, _FFT_SAMPLES), bins, axis=1)
    energy = np.abs(at) ** 2
    offset = -(derivative * at.conj()).imag / np.maximum(energy, 1e-20)  # radians a sample, from the bin
    frequencies_hz = (bins / _FFT_SAMPLES + offset / (2 * np.pi)) * RATE_HZ
    stray = frequencies_hz / (f0_hz[:, None] * numbers)
    agrees = np.abs(stray - 1) < 2 ** (_MAX_STRAY_CENTS / 1200) - 1
    weights = energy * agrees * numbers
    total = (weights * numbers).sum(axis=1)
    fitted = (weights * frequencies_hz).sum(axis=1)
    np.divide(fitted, total, out=f0_hz, where=total > 0)
    return f0_hz
