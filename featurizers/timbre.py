"""Summaries of spectral shape and onsets, from one pass of short-time spectra."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import MIX_22K_MONO
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.librosa_chunks import FRAME_SAMPLES, HOP_SAMPLES, Signal, centred_chunks, tempograms
from schemas.fragments.timbre import TIMBRE

_CONTRAST_QUANTILE = 0.02
_CONTRAST_EDGES_HZ = (0.0, *(200.0 * 2**octave for octave in range(7)))

Spectra = npt.NDArray[np.float32]  # (bins, frames), magnitudes
Frames = npt.NDArray[np.floating[Any]]  # (values, frames)


@dataclass(frozen=True)
class Timbre(Featurizer):
    """librosa's features with its default settings, computed block by block from shared spectra.

    Equal to calling librosa on the whole signal, in a fraction of the memory. Spectral contrast follows Jiang et al.
    ("Music type classification by spectral contrast feature", ICME 2002), the tempogram ratio Prockup et al.
    ("Modeling genre with musical attributes", ISMIR 2015).
    """

    writes = TIMBRE
    cost = 0.015

    def load(self) -> Extract:
        import librosa  # noqa: F401 - paid for here, not by the first track

        return _extract


def _extract(batch: Sequence[Inputs]) -> list[Features]:
    return [_features(inputs) for inputs in batch]


def _features(inputs: Inputs) -> Features:
    import librosa

    audio = inputs.audio(MIX_22K_MONO)
    if audio.samples.size == 0:  # a sample or two at a higher rate
        return dict.fromkeys(TIMBRE.names)
    frames = _frames(audio.samples[0], audio.rate_hz)
    log_mel = librosa.power_to_db(frames["mel"])
    mfcc = librosa.feature.mfcc(S=log_mel)
    contrast = librosa.power_to_db(frames["peaks"]) - librosa.power_to_db(frames["valleys"])
    return {
        "mfcc_mean": _mean(mfcc).tolist(),
        "mfcc_std": mfcc.std(axis=1, dtype=np.float64).tolist(),
        **_summary("spectral_centroid_hz", frames["centroid"]),
        **_summary("spectral_bandwidth_hz", frames["bandwidth"]),
        **_summary("spectral_rolloff_hz", frames["rolloff"]),
        **_summary("spectral_flatness", frames["flatness"]),
        "spectral_contrast_mean_db": _mean(contrast).tolist(),
        **_summary("zero_crossing_rate", frames["zero_crossings"]),
        **_onset_features(log_mel, audio.rate_hz, audio.duration_s),
    }


def _mean(frames: Frames) -> npt.NDArray[np.float64]:
    mean: npt.NDArray[np.float64] = frames.mean(axis=1, dtype=np.float64)
    return mean


def _summary(name: str, frames: Frames) -> dict[str, float]:
    return {f"{name}_mean": float(_mean(frames)[0]), f"{name}_std": float(frames.std(dtype=np.float64))}


def _frames(signal: Signal, rate_hz: int) -> dict[str, Frames]:
    """Return every framewise feature of the whole signal, each (values, frames)."""
    import librosa

    measure = _measures(rate_hz)
    blocks = []
    for centred, held in zip(centred_chunks(signal), centred_chunks(signal, "edge"), strict=True):
        spectra = np.abs(librosa.stft(centred, n_fft=FRAME_SAMPLES, hop_length=HOP_SAMPLES, center=False))
        zero_crossings = librosa.feature.zero_crossing_rate(
            held, frame_length=FRAME_SAMPLES, hop_length=HOP_SAMPLES, center=False
        )
        blocks.append(measure(spectra) | {"zero_crossings": zero_crossings})
    return {name: np.concatenate([block[name] for block in blocks], axis=1) for name in blocks[0]}


def _measures(rate_hz: int) -> Callable[[Spectra], dict[str, Frames]]:
    """Return the function that measures a block of spectra."""
    import librosa
    from librosa.filters import mel

    mel_filters = mel(sr=rate_hz, n_fft=FRAME_SAMPLES)
    bands = _contrast_bands(librosa.fft_frequencies(sr=rate_hz, n_fft=FRAME_SAMPLES))

    def measure(spectra: Spectra) -> dict[str, Frames]:
        centroid = librosa.feature.spectral_centroid(S=spectra, sr=rate_hz)
        extremes = [_extremes(spectra[band], num_bins) for band, num_bins in bands]
        return {
            "mel": mel_filters @ np.square(spectra),
            "centroid": centroid,
            "bandwidth": librosa.feature.spectral_bandwidth(S=spectra, sr=rate_hz, centroid=centroid),
            "rolloff": librosa.feature.spectral_rolloff(S=spectra, sr=rate_hz),
            "flatness": librosa.feature.spectral_flatness(S=spectra),
            "valleys": np.stack([valley for valley, _ in extremes]),
            "peaks": np.stack([peak for _, peak in extremes]),
        }

    return measure


def _contrast_bands(frequencies_hz: npt.NDArray[np.float64]) -> list[tuple[slice, int]]:
    """Return, an octave band, its bins and how many of the weakest and strongest count as valley and peak.

    As in librosa: a band begins one bin early, and its last bin belongs to the next, while the highest band ends
    with the spectrum.
    """
    bands = []
    for low_hz, high_hz in pairwise(_CONTRAST_EDGES_HZ):
        start = int(np.searchsorted(frequencies_hz, low_hz, side="left"))
        stop = int(np.searchsorted(frequencies_hz, high_hz, side="right"))
        start = max(0, start - 1) if low_hz else start
        highest = high_hz == _CONTRAST_EDGES_HZ[-1]
        stop = len(frequencies_hz) if highest else stop
        num_extremes = max(1, round(_CONTRAST_QUANTILE * (stop - start)))
        bands.append((slice(start, stop if highest else stop - 1), num_extremes))
    return bands


def _extremes(band: Spectra, num_bins: int) -> tuple[Spectra, Spectra]:
    """Return the means of the weakest and of the strongest bins of every frame: (frames,) each."""
    ordered = np.partition(band, (num_bins - 1, len(band) - num_bins), axis=0)
    return ordered[:num_bins].mean(axis=0), ordered[-num_bins:].mean(axis=0)


def _onset_features(log_mel: Frames, rate_hz: int, duration_s: float) -> Features:
    from librosa.onset import onset_detect, onset_strength

    strength = onset_strength(S=log_mel, sr=rate_hz)
    onsets = onset_detect(onset_envelope=strength, sr=rate_hz)
    return {
        "onset_rate_hz": len(onsets) / duration_s,
        "tempogram_ratio": _tempogram_ratio(strength, rate_hz).tolist() if len(onsets) else None,
    }


def _tempogram_ratio(strength: Signal, rate_hz: int) -> npt.NDArray[np.float64]:
    """Return the mean over frames of the tempogram at 13 ratios of each frame's tempo: (13,).

    The ratios are read off by linear interpolation, so frames of one tempo can be summed first.
    """
    from librosa.feature import tempo, tempogram_ratio

    sums: defaultdict[float, Any] = defaultdict(float)
    for strengths in tempograms(strength):
        tempi_bpm = tempo(tg=strengths, sr=rate_hz, aggregate=None)
        for tempo_bpm in np.unique(tempi_bpm):
            sums[tempo_bpm] += strengths[:, tempi_bpm == tempo_bpm].sum(axis=1)
    ratios = tempogram_ratio(tg=np.stack(list(sums.values()), axis=1), bpm=np.array(list(sums)), sr=rate_hz)
    total: npt.NDArray[np.float64] = ratios.sum(axis=1)
    return total / len(strength)
