"""When notes and drums begin, how strongly, and in which part of the spectrum: peaks of the spectral flux."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers.audio import MIX_22K_MONO, Audio
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from schemas.fragments.onsets import ONSETS

_RATE_HZ = 22050
_FRAME_SAMPLES = 1024
_HOP_SAMPLES = 128  # 6 ms
_PASS_FRAMES = 2048  # 20 MiB of spectra at a time, so that memory does not grow with the track
_LAG_FRAMES = 3  # 17 ms, a little more than a third of a frame: in more, a vibrato moves on
_LATENCY_S = 0.001  # the flux peaks 5 ms before a click, 2 ms before a drum's start, up to 14 ms after a soft note's
_NUM_MELS = 200  # many, so that a noise's fluctuations cancel in their mean, and single partials show in it
_LOWEST_HZ = 30.0
_NEIGHBOURS = 5  # mel bands: 33 Hz to either side of the lows, half a semitone of the highs
_COMPRESSION = 200.0  # of magnitudes where the loudest sample is 1

BANDS = ("low", "mid", "high")
_BAND_EDGES_HZ = (160.0, 4000.0)

_FRAMES_A_S = _RATE_HZ / _HOP_SAMPLES
_PEAK_FRAMES = 2 * round(0.03 * _FRAMES_A_S) + 1
_MEAN_FRAMES = 2 * round(0.07 * _FRAMES_A_S) + 1
_MEDIAN_FRAMES = 2 * round(0.5 * _FRAMES_A_S) + 1
_MEAN_SHARE = 0.5
_MEDIAN_FACTOR = 2.0
_LEAST_FLUX = 0.005
_LEAST_SHARE = 0.03  # of a strong onset's flux

_SILENT_PEAK = 10 ** (-70 / 20)

Signal = npt.NDArray[np.float32]  # (samples,)
Spectra = npt.NDArray[np.float32]  # (frames, mels), log magnitudes
Flux = npt.NDArray[np.float32]  # (frames, 4): mean rise of the log spectrum, then the largest rise in each band


@dataclass(frozen=True)
class Onsets(Featurizer):
    """Peaks of the rise of a log mel spectrum against the strongest of neighbouring mels 17 ms earlier.

    The flux is that of SuperFlux (Böck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx
    2013). A peak is the largest within 30 ms, above half the mean of 0.14 s and above twice the median of 1 s, each
    by 0.03 of the flux of the track's strong onsets: a noise that stays has hardly any. Times are interpolated between
    frames of 6 ms. The level of the track does not matter, unless its peak is below -70 dBFS: then nothing is heard.

    Settings were chosen on synthetic pieces of exact truth (piano, plucked and sustained notes, voice over piano in a
    room, drums, bands, noise); docs/accuracy.md has what they give on annotated and rendered music.
    """

    writes = ONSETS
    cost = 0.008

    def load(self) -> Extract:
        import scipy.ndimage  # noqa: F401 - paid for here, not by the first track

        measure = _flux_measure()
        return lambda batch: [_features(inputs, measure) for inputs in batch]


def _features(inputs: Inputs, measure: Callable[[Audio], Flux]) -> Features:
    flux = measure(inputs.audio(MIX_22K_MONO))
    if not len(flux):
        return {"onsets": []}
    frames = _peaks(flux[:, 0])
    strongest = flux[frames, 0].max(initial=0)
    return {
        "onsets": [
            {"time_s": time_s, "strength": float(flux[frame, 0] / strongest), "band": BANDS[flux[frame, 1:].argmax()]}
            for frame, time_s in zip(frames, _times_s(flux[:, 0], frames), strict=True)
        ]
    }


def _flux_measure() -> Callable[[Audio], Flux]:
    """Return what gives a track's flux, a row every 6 ms; no rows in silence."""
    from librosa import mel_frequencies
    from librosa.filters import mel

    filters = mel(sr=_RATE_HZ, n_fft=_FRAME_SAMPLES, n_mels=_NUM_MELS, fmin=_LOWEST_HZ, norm=None).T
    centres_hz = mel_frequencies(_NUM_MELS + 2, fmin=_LOWEST_HZ, fmax=_RATE_HZ / 2)[1:-1]
    edges = [0, *np.searchsorted(centres_hz, _BAND_EDGES_HZ)]
    window = np.hanning(_FRAME_SAMPLES + 1)[:-1].astype(np.float32)

    def log_mels(segment: Signal) -> Spectra:
        frames = np.lib.stride_tricks.sliding_window_view(segment, _FRAME_SAMPLES)[::_HOP_SAMPLES]
        magnitudes = np.abs(np.fft.rfft(frames * window, axis=1)) * (2 / window.sum())
        spectra: Spectra = np.log10(1 + _COMPRESSION * (magnitudes @ filters))
        return spectra

    def measure(audio: Audio) -> Flux:
        blocks = [np.empty((0, 1 + len(BANDS)), np.float32)]
        for spectra, reference in _against_earlier(map(log_mels, _segments(audio.samples[0]))):
            rise = np.maximum(0, spectra - reference).mean(axis=1)
            in_bands = np.maximum.reduceat(10**spectra - 10**reference, edges, axis=1)
            blocks.append(np.column_stack([rise, in_bands]).astype(np.float32))
        return np.concatenate(blocks)

    return measure


def _segments(signal: Signal) -> Iterator[Signal]:
    """Yield the samples of ``_PASS_FRAMES`` centred frames after another, free of DC and with a peak of 1.

    There are no edges for the spectrum to rise at: before its start the signal is mirrored, and frames do not reach
    beyond its end.
    """
    mean = float(signal.mean(dtype=np.float64)) if len(signal) else 0.0
    peak = max(float(signal.max(initial=mean)) - mean, mean - float(signal.min(initial=mean)))
    if peak < _SILENT_PEAK:
        return
    margin = _FRAME_SAMPLES // 2
    num_frames = 1 + max(0, len(signal) - margin) // _HOP_SAMPLES
    for first in range(0, num_frames, _PASS_FRAMES):
        last = min(first + _PASS_FRAMES, num_frames) - 1
        start, stop = first * _HOP_SAMPLES - margin, last * _HOP_SAMPLES + margin
        before, after = max(0, -start), max(0, stop - len(signal))
        yield np.pad((signal[max(0, start) : stop] - np.float32(mean)) / np.float32(peak), (before, after), "symmetric")


def _against_earlier(blocks: Iterator[Spectra]) -> Iterator[tuple[Spectra, Spectra]]:
    """Yield blocks and, for every mel, the strongest of its neighbourhood 17 ms before.

    The first frames have the very first one before them: nothing rises at the start.
    """
    from scipy.ndimage import maximum_filter1d

    earlier: Spectra | None = None
    for block in blocks:
        if earlier is None:
            earlier = np.repeat(block[:1], _LAG_FRAMES, axis=0)
        spectra = np.concatenate([earlier, block])
        yield block, maximum_filter1d(spectra[:-_LAG_FRAMES], _NEIGHBOURS, axis=1)
        earlier = spectra[-_LAG_FRAMES:]


def _peaks(flux: Signal) -> npt.NDArray[np.intp]:
    """Return the frames of onsets, in order."""
    from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d

    mean = uniform_filter1d(flux, _MEAN_FRAMES)
    median = median_filter(flux, _MEDIAN_FRAMES)
    least = max(_LEAST_FLUX, _LEAST_SHARE * float(np.percentile(flux, 99.5)))
    threshold = np.maximum(_MEAN_SHARE * mean, _MEDIAN_FACTOR * median) + least
    frames = np.flatnonzero((flux == maximum_filter1d(flux, _PEAK_FRAMES)) & (flux > threshold))
    return frames[np.diff(frames, prepend=-_PEAK_FRAMES) > _PEAK_FRAMES // 2]  # two equal peaks are one


def _times_s(flux: Signal, frames: npt.NDArray[np.intp]) -> Sequence[float]:
    """Return the tops of parabolas through the peaks and their neighbours, in seconds."""
    padded = np.pad(flux, 1, "edge").astype(np.float64)
    before, at, after = (padded[frames + shift] for shift in range(3))
    bend = before - 2 * at + after
    shift = np.divide(0.5 * (before - after), bend, out=np.zeros(len(frames)), where=bend < 0)
    times_s: list[float] = ((frames + shift) / _FRAMES_A_S - _LATENCY_S).clip(0).tolist()
    return times_s
