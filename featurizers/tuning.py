"""How a recording is tuned, from the peaks of its spectra, and filterbanks moved to fit it."""

import numpy as np
import numpy.typing as npt

from featurizers.madmom_spectrogram import RATE_HZ, Filterbank, Floats

Doubles = npt.NDArray[np.float64]

_LOWEST_HZ, _HIGHEST_HZ = 100, 1200  # most fundamentals; higher harmonics are out of tune with the scale
_LEAST_SHARE = 0.05  # of the strongest bin of a frame: below lie the lobes of other peaks
_LEAST_MAGNITUDE = 1e-4  # of a transform, far below anything audible
_BLUR_CENTS = 8
_LEAST_PROMINENCE = 1.25  # music reaches 1.5 to 4, noise 1.02 to 1.13


class TuningHistogram:
    """Distances of spectral peaks from the nearest note of A4 = 440 Hz, weighted by their magnitudes.

    Peaks are placed between bins by parabolas through the log magnitudes. The estimate is the mode of the histogram
    in the way of librosa's ``estimate_tuning``, here blurred, so that it lies between cents.
    """

    def __init__(self, frame_samples: int) -> None:
        self._bin_hz = RATE_HZ / frame_samples
        self._counts = np.zeros(100)

    def add(self, magnitudes: Floats) -> None:
        """Count the peaks of Fourier magnitudes ``(frames, bins)``."""
        cents, weights = self._peaks(magnitudes)
        below = np.floor(cents)
        share = cents - below
        for bins, weight in ((below, weights * (1 - share)), (below + 1, weights * share)):
            self._counts += np.bincount(bins.astype(int) % 100, weight, minlength=100)

    def _peaks(self, magnitudes: Floats) -> tuple[Doubles, Floats]:
        """Cents of peaks, modulo a semitone, and their magnitudes."""
        first, last = round(_LOWEST_HZ / self._bin_hz), round(_HIGHEST_HZ / self._bin_hz)
        band = magnitudes[:, first - 1 : last + 1]
        before, at, after = band[:, :-2], band[:, 1:-1], band[:, 2:]
        least = np.maximum(_LEAST_SHARE * at.max(axis=1, keepdims=True), _LEAST_MAGNITUDE)
        frames, bins = np.nonzero((at > before) & (at >= after) & (at > least))
        logs = [np.log(side[frames, bins].astype(np.float64) + 1e-12) for side in (before, at, after)]
        shift = (logs[0] - logs[2]) / 2 / (logs[0] - 2 * logs[1] + logs[2])
        return 1200 * np.log2((first + bins + shift) * self._bin_hz / 440) % 100, at[frames, bins]

    @property
    def cents(self) -> float | None:
        """Deviation of A4 from 440 Hz, from -50 up to 50 cents; None if no tuning stands out, as in noise."""
        if not self._counts.any():
            return None
        distance = np.minimum(np.arange(100), 100 - np.arange(100))
        blur = np.fft.rfft(np.exp(-((distance / _BLUR_CENTS) ** 2) / 2))
        smooth = np.fft.irfft(np.fft.rfft(self._counts) * blur, 100)
        mode = int(smooth.argmax())
        if smooth[mode] < _LEAST_PROMINENCE * smooth.mean():
            return None
        before, at, after = smooth[[mode - 1, mode, (mode + 1) % 100]]
        return float((mode + (before - after) / 2 / (before - 2 * at + after) + 50) % 100 - 50)


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
