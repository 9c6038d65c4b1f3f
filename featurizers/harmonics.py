"""F0 to about a cent from the instantaneous frequencies of its harmonics, once it is known to 30 cents.

CREPE's answers bend by up to 15 cents with the pitch itself, whatever the decoding, which changes the depth of
a shallow vibrato by a fifth (measured). The phase of a harmonic does not bend: its frequency at the centre of a
frame follows from two Fourier transforms, one with the window's derivative (Auger and Flandrin, "Improving the
readability of time-frequency and time-scale representations by the reassignment method", IEEE Trans. Signal
Processing 1995).
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from featurizers.crepe import HOP_SAMPLES, RATE_HZ

Floats = npt.NDArray[np.float32]

AVERAGING_S = 0.02  # a running mean over this time shrinks a modulation as much as the window does; measured
_WINDOW_SAMPLES = 640  # 40 ms: the harmonics of 65 Hz are two and a half bins of the transform apart
_FFT_SAMPLES = 1024
_NUM_HARMONICS = 8
_MAX_STRAY_CENTS = 30.0  # a harmonic further off belongs to another sound
_MIN_AMPLITUDE = 0.01  # of the strongest: what is fainter may be the window's leakage
_BATCH_FRAMES = 2048


def refine_f0(samples: Floats, f0_hz: Floats) -> Floats:
    """Return a better ``f0_hz (frames,)`` for samples ``(samples,)`` at 16 kHz; NaN stays NaN.

    The answer is the median of what each harmonic says that agrees with the given F0, weighted with its
    amplitude and number: a tone of the accompaniment may pass for one harmonic, not for most. Where none
    agrees, the given F0 is returned.
    """
    padded = np.pad(samples, _WINDOW_SAMPLES // 2)
    frames = sliding_window_view(padded, _WINDOW_SAMPLES)[::HOP_SAMPLES]
    refined = f0_hz.copy()
    known = np.flatnonzero(np.isfinite(f0_hz))
    for start in range(0, len(known), _BATCH_FRAMES):
        batch = known[start : start + _BATCH_FRAMES]
        refined[batch] = f0_hz[batch] * _correction(frames[batch], f0_hz[batch])
    return refined


def _correction(frames: Floats, f0_hz: Floats) -> npt.NDArray[np.float64]:
    """Factor for the F0 of each of ``frames (frames, samples)``."""
    harmonics_hz = f0_hz[:, None].astype(np.float64) * np.arange(1, _NUM_HARMONICS + 1)
    bins = np.rint(harmonics_hz * _FFT_SAMPLES / RATE_HZ).astype(np.intp).clip(0, _FFT_SAMPLES // 2)
    phase = 2 * np.pi * (np.arange(_WINDOW_SAMPLES) + 0.5) / _WINDOW_SAMPLES
    hann = (1 - np.cos(phase)).astype(np.float32)
    slope = (np.sin(phase) * 2 * np.pi / _WINDOW_SAMPLES).astype(np.float32)  # of the window, a sample
    at = np.take_along_axis(np.fft.rfft(frames * hann, _FFT_SAMPLES), bins, axis=1)
    derivative = np.take_along_axis(np.fft.rfft(frames * slope, _FFT_SAMPLES), bins, axis=1)
    amplitudes = np.abs(at)
    offset = -(derivative * at.conj()).imag / np.maximum(amplitudes**2, 1e-20)  # radians a sample, from the bin
    ratios = (bins / _FFT_SAMPLES + offset / (2 * np.pi)) * RATE_HZ / harmonics_hz
    agree = np.abs(ratios - 1) < 2 ** (_MAX_STRAY_CENTS / 1200) - 1
    agree &= amplitudes > _MIN_AMPLITUDE * amplitudes.max(axis=1, keepdims=True)
    weights = amplitudes * np.arange(1, _NUM_HARMONICS + 1) * agree
    return np.where(weights.any(axis=1), _weighted_median(ratios, weights), 1.0)


def _weighted_median(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of every row: the smallest value up to which half of the weight lies."""
    order = values.argsort(axis=1)
    reached = np.take_along_axis(weights, order, axis=1).cumsum(axis=1)
    middle = (reached < reached[:, -1:] / 2).sum(axis=1, keepdims=True)
    return np.take_along_axis(np.take_along_axis(values, order, axis=1), middle, axis=1)[:, 0]
