"""Onsets in the rise of spectra, and activations of beats and downbeats made of them: no model, nothing trained."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.madmom_spectrogram import RATE_HZ, Floats, filterbank, magnitudes, num_frames

FRAMES_PER_S = 100

_FRAME_SAMPLES = 2048
_HOP_SAMPLES = RATE_HZ // FRAMES_PER_S
_BANDS_PER_OCTAVE = 12
_LAG_FRAMES = 2
_LOW_HZ = 180  # kick drum and bass
_HARMONY_HZ = (100, 3000)
_BLOCK_FRAMES = 5
_HARMONY_BLOCKS = 8  # 0.4 s
_LOCAL_FRAMES = 2 * FRAMES_PER_S
_NEVER = 1e-3  # of the maximum: no onset is so weak
_STRONGEST_ONSET = 0.3
_DOWNBEAT_SHARES = (0.02, 0.95)


class OnsetCurves(NamedTuple):
    """How much the spectrum rises, its lows alone, and how harmony changes: ``(frames,)``, 100 frames a second."""

    strengths: Floats
    low_strengths: Floats
    harmony_changes: Floats


class OnsetDetector:
    """Onset strengths of mono 44.1 kHz samples ``(samples,)``, by logarithmic bands, twelve an octave.

    A band rises against the strongest of itself and its neighbours 20 ms before, so that vibrato is no onset
    (Böck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013). Harmony changes are the
    mean distance of spectra from 100 Hz to 3 kHz in the 0.4 s after a moment from those in the 0.4 s before.
    """

    def __init__(self) -> None:
        self._bank = filterbank(_FRAME_SAMPLES, _BANDS_PER_OCTAVE, 30, 16000)
        bins_hz = (np.arange(len(self._bank.weights)) + self._bank.first_bin) * RATE_HZ / _FRAME_SAMPLES
        bands_hz = bins_hz @ self._bank.weights / self._bank.weights.sum(axis=0)
        self._is_low = bands_hz < _LOW_HZ
        self._is_harmony = (bands_hz > _HARMONY_HZ[0]) & (bands_hz < _HARMONY_HZ[1])

    def __call__(self, samples: Floats) -> OnsetCurves:
        total = num_frames(len(samples), _HOP_SAMPLES)
        strengths, low_strengths = np.zeros(total, np.float32), np.zeros(total, np.float32)
        harmony = np.zeros((-(-total // _BLOCK_FRAMES), int(self._is_harmony.sum())))
        held = np.zeros((0, len(self._bank)), np.float32)
        frame = 0
        for chunk in magnitudes(samples, _FRAME_SAMPLES, _HOP_SAMPLES):
            bands = self._bank.log_bands(chunk)
            rises = _rises(np.concatenate((held, bands)))
            frames = slice(frame + len(bands) - len(rises), frame + len(bands))
            strengths[frames] = rises.mean(axis=1)
            low_strengths[frames] = rises[:, self._is_low].mean(axis=1)
            np.add.at(harmony, np.arange(frame, frame + len(bands)) // _BLOCK_FRAMES, bands[:, self._is_harmony])
            held, frame = bands[-_LAG_FRAMES:], frame + len(bands)
        return OnsetCurves(strengths, low_strengths, _changes(harmony / _BLOCK_FRAMES, total))


def _rises(bands: Floats) -> Floats:
    """Rises over two frames ``(frames - 2, bands)`` of log spectra."""
    import scipy.ndimage

    former = scipy.ndimage.maximum_filter1d(bands[:-_LAG_FRAMES], 3, axis=1)
    rises: Floats = np.maximum(bands[_LAG_FRAMES:] - former, 0)
    return rises


def _changes(harmony: npt.NDArray[np.float64], total_frames: int) -> Floats:
    """Mean distance of the spectra after each frame from those before; levels do not count."""
    levelled = harmony - harmony.mean(axis=1, keepdims=True)
    sums = np.pad(np.cumsum(levelled, axis=0), ((1, 0), (0, 0)))
    at = np.arange(len(sums))
    before, after = (sums[at.clip(max=len(harmony))] - sums[(at - _HARMONY_BLOCKS).clip(0)] for at in (at, at + 8))
    distances = np.abs(after - before).mean(axis=1) / _HARMONY_BLOCKS
    changes: Floats = np.interp(np.arange(total_frames), at * _BLOCK_FRAMES, distances).astype(np.float32)
    return changes


def onset_activations(onsets: OnsetCurves) -> Floats:
    """Activations ``(frames, 2)`` of beats and of downbeats, as a bar model reads them.

    An onset's strength, relative to the strongest within some seconds, is what a beat there and a downbeat there
    share; the downbeat's part is the greater the more the lows rise with it and the harmony changes.
    """
    strengths, low_strengths, changes = map(_relative, onsets)
    share = (0.2 + 0.2 * low_strengths + 0.5 * changes**2).clip(*_DOWNBEAT_SHARES)
    activations: Floats = np.stack([strengths * (1 - share), strengths * share], axis=1) * np.float32(_STRONGEST_ONSET)
    return activations.astype(np.float32)


def _relative(strengths: Floats) -> Floats:
    """Strengths as shares, 0-1, of the strongest near them."""
    import scipy.ndimage

    strongest = scipy.ndimage.maximum_filter1d(strengths, 2 * _LOCAL_FRAMES + 1)
    smooth = scipy.ndimage.uniform_filter1d(strongest, _LOCAL_FRAMES + 1)
    relative: Floats = (strengths / np.maximum(smooth, _NEVER * strengths.max() + 1e-9)).clip(0, 1)
    return relative
