"""How a recording is tuned, from the peaks of its spectra, and filterbanks moved to fit it."""

import numpy as np
import numpy.typing as npt

from featurizers.madmom_spectrogram import RATE_HZ, Filterbank, Floats

Doubles = npt.NDArray[np.float64]

FRAME_SAMPLES = 8192  # about a period of vibrato: in much longer frames its extremes stand still, as lines of their own

_LOWEST_HZ, _HIGHEST_HZ = 100, 1200  # most fundamentals; higher harmonics are out of tune with the scale
_LEAST_SHARE = 0.05  # of the strongest bin of a frame: below lie the lobes of other peaks
_LEAST_MAGNITUDE = 1e-4  # of a transform, far below anything audible
_STEADY_CENTS = 5  # 0.1 s later, half of a period of vibrato
_FRAME_APART_CENTS = 1e5  # more than any two peaks of a frame
_BLUR_CENTS = 8
_LEAST_PROMINENCE = 1.3  # music reaches 1.5 to 4, noise 1.03 to 1.26, the more the shorter it is


class TuningHistogram:
    """Distances of spectral peaks from the nearest note of A4 = 440 Hz, weighted by their magnitudes.

    Peaks are placed between bins by parabolas through the log magnitudes. The estimate is the mode of the histogram
    in the way of librosa's ``estimate_tuning``, here blurred, so that it lies between cents. Only peaks that are
    steady from one frame to the next count where there are any: a vibrato of 50 cents dwells longest half a semitone
    off, above and below.
    """

    def __init__(self) -> None:
        self._bin_hz = RATE_HZ / FRAME_SAMPLES
        self._all, self._steady = np.zeros(100), np.zeros(100)
        self._last_cents: Doubles = np.empty(0)  # of the peaks of the frame before

    def add(self, magnitudes: Floats) -> None:
        """Count the peaks of the Fourier magnitudes ``(frames, bins)`` of the next frames, ten a second."""
        frames, cents, weights = self._peaks(magnitudes)
        is_steady = self._is_steady(frames, cents)
        self._all += _spread(cents, weights)
        self._steady += _spread(cents[is_steady], weights[is_steady])
        self._last_cents = cents[frames == len(magnitudes) - 1]

    def _peaks(self, magnitudes: Floats) -> tuple[npt.NDArray[np.intp], Doubles, Floats]:
        """Frames of peaks, their cents above 440 Hz, and their magnitudes."""
        first, last = round(_LOWEST_HZ / self._bin_hz), round(_HIGHEST_HZ / self._bin_hz)
        band = magnitudes[:, first - 1 : last + 1]
        before, at, after = band[:, :-2], band[:, 1:-1], band[:, 2:]
        least = np.maximum(_LEAST_SHARE * at.max(axis=1, keepdims=True), _LEAST_MAGNITUDE)
        frames, bins = np.nonzero((at > before) & (at >= after) & (at > least))
        logs = [np.log(side[frames, bins].astype(np.float64) + 1e-12) for side in (before, at, after)]
        shift = (logs[0] - logs[2]) / 2 / (logs[0] - 2 * logs[1] + logs[2])
        return frames, 1200 * np.log2((first + bins + shift) * self._bin_hz / 440), at[frames, bins]

    def _is_steady(self, frames: npt.NDArray[np.intp], cents: Doubles) -> npt.NDArray[np.bool_]:
        """Whether the frame before has a peak within 5 cents of each peak; both are ascending."""
        known = np.concatenate([self._last_cents - _FRAME_APART_CENTS, frames * _FRAME_APART_CENTS + cents])
        if not len(known):
            return np.zeros(0, bool)
        sought = (frames - 1) * _FRAME_APART_CENTS + cents
        above = np.searchsorted(known, sought)
        nearest = np.minimum(
            np.abs(known[(above - 1).clip(0)] - sought), np.abs(known[above.clip(max=len(known) - 1)] - sought)
        )
        is_steady: npt.NDArray[np.bool_] = nearest <= _STEADY_CENTS
        return is_steady

    @property
    def cents(self) -> float | None:
        """Deviation of A4 from 440 Hz, from -50 up to 50 cents; None if no tuning stands out, as in noise."""
        everything = _blurred(self._all)
        if not self._all.any() or everything.max() < _LEAST_PROMINENCE * everything.mean():
            return None
        smooth = _blurred(self._steady) if self._steady.any() else everything
        mode = int(smooth.argmax())
        before, at, after = smooth[[mode - 1, mode, (mode + 1) % 100]]
        return float((mode + (before - after) / 2 / (before - 2 * at + after) + 50) % 100 - 50)


def _spread(cents: Doubles, weights: Floats) -> Doubles:
    """Histogram ``(100,)`` of cents modulo a semitone, each shared by the two bins that it lies between."""
    below = np.floor(cents)
    bins = np.concatenate([below, below + 1]).astype(int) % 100
    shares = np.concatenate([1 - (cents - below), cents - below])
    counts: Doubles = np.bincount(bins, np.tile(weights, 2) * shares, minlength=100).astype(np.float64)
    return counts


def _blurred(counts: Doubles) -> Doubles:
    distance = np.minimum(np.arange(100), 100 - np.arange(100))
    blur = np.fft.rfft(np.exp(-((distance / _BLUR_CENTS) ** 2) / 2))
    smooth: Doubles = np.fft.irfft(np.fft.rfft(counts) * blur, 100)
    return smooth


def retuned(bank: Filterbank, cents: float) -> Filterbank:
    """The filters moved up by some cents, as if it were the music that was moved down; they keep their sums."""
    ratio = 2 ** (cents / 1200)
    last_bin = bank.first_bin + len(bank.weights)
    bins = np.arange(int((bank.first_bin - 1) * min(ratio, 1)), int(last_bin * max(ratio, 1)) + 2)
    nominal = np.arange(bank.first_bin - 1, last_bin + 1)
    padded = np.pad(bank.weights, ((1, 1), (0, 0)))
    weights = np.stack([np.interp(bins / ratio, nominal, filter_) for filter_ in padded.T], axis=1)
    weights *= bank.weights.sum(axis=0) / weights.sum(axis=0)
    return Filterbank(weights.astype(np.float32), int(bins[0]))
