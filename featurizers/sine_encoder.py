"""The strongest partials of a sound and the noise that they leave, as tokens; see ``schemas.sine_tokens``."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from schemas import sine_tokens as meaning
from schemas.sine_tokens import BANDS, HOP_SAMPLES, LEVELS, LOWEST_HZ, PITCHES, PITCHES_AN_OCTAVE, RATE_HZ

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_WINDOW_SAMPLES = 1024
_N_FFT = 4096
_LOBE_BINS = 2 * _N_FFT // _WINDOW_SAMPLES
"""From a partial's peak to where a Hann window's main lobe ends."""
_WINDOW = np.hanning(_WINDOW_SAMPLES + 1)[:-1]
_HZ = np.fft.rfftfreq(_N_FFT, 1 / RATE_HZ)
_HALF_PITCH = 2 ** (0.5 / PITCHES_AN_OCTAVE)
_HIGHEST_HZ = LOWEST_HZ * 2 ** ((PITCHES - 1) / PITCHES_AN_OCTAVE)
_IN_RANGE = (_HZ > LOWEST_HZ / _HALF_PITCH) & (_HZ < _HIGHEST_HZ * _HALF_PITCH)
_BLOCK_FRAMES = 500  # 16 MiB of spectra at a time
_SILENT = 1e-9


def sine_tokens(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Return ``(CODEBOOKS, samples // HOP_SAMPLES)`` of mono samples at ``RATE_HZ``; what fills no frame is left out.

    Partials are peaks of the spectrum under a Hann window of 64 ms, interpolated over the logarithms of three bins
    (Smith and Serra, "PARSHL", 1987); what lies under their main lobes is no noise.
    """
    num_frames = len(samples) // HOP_SAMPLES
    pad_samples = (_WINDOW_SAMPLES - HOP_SAMPLES) // 2
    padded = np.pad(samples[: num_frames * HOP_SAMPLES].astype(np.float64), pad_samples)
    if num_frames == 0:
        return np.zeros((meaning.CODEBOOKS, 0), np.uint16)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::HOP_SAMPLES]
    blocks = (frames[start : start + _BLOCK_FRAMES] for start in range(0, num_frames, _BLOCK_FRAMES))
    return np.concatenate([np.stack([*_tokens(block)]) for block in blocks], axis=1).astype(np.uint16)


def _tokens(frames: Doubles) -> Iterator[Integers]:
    """Yield the tokens of some frames, codebook by codebook."""
    spectra = np.abs(np.fft.rfft(frames * _WINDOW, _N_FFT)) / (_WINDOW.sum() / 2)  # a partial's peak is its amplitude
    candidates = np.where(_is_peak(spectra) & _IN_RANGE, spectra, 0.0)
    rest = spectra.copy()
    every, bins = np.arange(len(spectra)), np.arange(spectra.shape[1])
    for _ in range(meaning.LINES):
        peak = candidates.argmax(axis=1)
        yield np.where(candidates[every, peak] > 0, _line(spectra, peak), 0)
        under = np.abs(bins - peak[:, None]) <= _LOBE_BINS
        candidates[under], rest[under] = 0.0, 0.0
    yield _noise(rest)


def _is_peak(spectra: Doubles) -> npt.NDArray[np.bool_]:
    inner = (spectra[:, 1:-1] > spectra[:, :-2]) & (spectra[:, 1:-1] >= spectra[:, 2:])
    return np.pad(inner, ((0, 0), (1, 1)))


def _line(spectra: Doubles, peak: Integers) -> Integers:
    """The token of the partial at a bin of each frame, which has neighbours wherever it is a peak."""
    every = np.arange(len(spectra))
    around = [spectra[every, np.clip(peak + shift, 0, spectra.shape[1] - 1)] for shift in (-1, 0, 1)]
    below, at, above = (np.log(np.maximum(values, _SILENT)) for values in around)
    curve = below - 2 * at + above
    shift = np.divide(0.5 * (below - above), curve, out=np.zeros_like(curve), where=curve < -_SILENT).clip(-0.5, 0.5)
    hz = np.maximum((peak + shift) * RATE_HZ / _N_FFT, 1.0)
    amplitude_db = (at - 0.25 * (below - above) * shift) * 20 / np.log(10)
    pitch = np.rint(PITCHES_AN_OCTAVE * np.log2(hz / LOWEST_HZ)).clip(0, PITCHES - 1).astype(np.int64)
    level = _level(amplitude_db, LEVELS, meaning.LEVEL_DB)
    return np.where(level > 0, pitch * LEVELS + level, 0)


def _noise(rest: Doubles) -> Integers:
    """The token of what the partials leave of each frame, by Parseval's theorem."""
    scale = (_WINDOW.sum() / 2) ** 2 * 2 / (_N_FFT * np.square(_WINDOW).sum())
    token = np.zeros(len(rest), np.int64)
    for band in BANDS:
        inside = (band.low_hz <= _HZ) & (band.high_hz > _HZ)
        power = np.square(rest[:, inside]).sum(axis=1) * scale
        rms_db = 10 * np.log10(np.maximum(power, _SILENT**2)) - meaning.LOUDEST_NOISE_DB
        token = token * band.levels + _level(rms_db, band.levels, band.level_db)
    return token


def _level(below_db: Doubles, levels: int, level_db: float) -> Integers:
    """The nearest level; 0 dB is the highest."""
    return np.rint(levels - 1 + below_db / level_db).clip(0, levels - 1).astype(np.int64)
