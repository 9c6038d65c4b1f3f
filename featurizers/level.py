"""Loudness, loudness range and true peak, measured in one pass over the track."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import MIX, Audio, Samples, View
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from schemas.fragments.level import LEVEL

_HOPS_A_SECOND = 10
_BLOCK_HOPS = 4  # 400 ms gating blocks, 75 % overlap: ITU-R BS.1770-4
_SHORT_TERM_HOPS = 30  # 3 s windows at 10 Hz: EBU Tech 3342
_PASS_HOPS = 100  # 10 s are filtered at a time

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_RANGE_GATE_LU = -20.0
_RANGE_PERCENTILES = (10, 95)

_OVERSAMPLING = 4
_MIN_RATE_HZ = 8000
_ANALYSIS = View("mix", 48000)

_QUIET_LUFS = -40.0
_LOUD_LUFS = -5.0

Energies = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Level(Featurizer):
    """Loudness and true peak by ITU-R BS.1770-4, loudness range by EBU Tech 3342.

    The K-weighting filters are pyloudnorm's, in the design of B. De Man ("Evaluation of implementations of the
    EBU R128 loudness measurement", AES 145, 2018), which gives the very coefficients of the recommendation at 48 kHz.
    Gating runs on energies a 100 ms, and an incomplete block at the end is left out, as the recommendation says.
    For the true peak soxr interpolates fourfold, as annex 2 asks. Memory does not grow with the track.
    """

    writes = LEVEL
    cost = 0.008

    def load(self) -> Extract:
        import pyloudnorm  # noqa: F401 - paid for here, not by the first track
        import scipy.signal  # noqa: F401

        return _extract


def _extract(batch: Sequence[Inputs]) -> list[Features]:
    return [_features(inputs) for inputs in batch]


def _features(inputs: Inputs) -> Features:
    audio = inputs.audio(MIX)
    if audio.rate_hz < _MIN_RATE_HZ:  # the weighting curve lies beyond what such a rate can carry
        audio = inputs.audio(_ANALYSIS)
    energies = hop_energies(audio)
    loudness_lufs = integrated_loudness_lufs(energies)
    silent = loudness_lufs is None and audio.duration_s >= _BLOCK_HOPS / _HOPS_A_SECOND
    return {
        "loudness_lufs": loudness_lufs,
        "loudness_range_lu": loudness_range_lu(energies),
        "true_peak_db": true_peak_db(audio),
        "energy": 0.0 if silent else energy_of(loudness_lufs),
    }


def hop_energies(audio: Audio) -> Energies:
    """Return the mean square of the K-weighted signal, summed over channels, a full hop of 100 ms: (hops,)."""
    from scipy.signal import sosfilt

    sections = _k_weighting(audio.rate_hz)
    state = np.zeros((len(sections), audio.samples.shape[0], 2))
    num_hops = audio.samples.shape[1] * _HOPS_A_SECOND // audio.rate_hz
    energies = np.empty(num_hops)
    for first in range(0, num_hops, _PASS_HOPS):
        hops = np.arange(first, min(first + _PASS_HOPS, num_hops) + 1)
        edges = hops * audio.rate_hz // _HOPS_A_SECOND
        block = audio.samples[:, edges[0] : edges[-1]].astype(np.float64)
        weighted, state = sosfilt(sections, block, zi=state)
        squares = np.square(weighted).sum(axis=0)
        energies[hops[:-1]] = np.add.reduceat(squares, edges[:-1] - edges[0]) / np.diff(edges)
    return energies


def _k_weighting(rate_hz: int) -> npt.NDArray[np.float64]:
    """Return the two second-order sections of K-weighting: (2, 6)."""
    from pyloudnorm.iirfilter import IIRfilter

    shelf = IIRfilter(3.99984385397, 0.7071752369554193, 1681.9744509555319, rate_hz, "high_shelf_DeMan")
    high_pass = IIRfilter(0.0, 0.5003270373253953, 38.13547087613982, rate_hz, "high_pass_DeMan")
    return np.array([[*section.b, *section.a] for section in (shelf, high_pass)])


def integrated_loudness_lufs(energies: Energies) -> float | None:
    """Return the gated loudness; None below 0.4 s, or where nothing exceeds -70 LUFS."""
    blocks = _moving_mean(energies, _BLOCK_HOPS)
    audible = blocks[_lufs(blocks) >= _ABSOLUTE_GATE_LUFS]
    if not len(audible):
        return None
    gate_lufs = _lufs(audible.mean()) + _RELATIVE_GATE_LU
    return float(_lufs(audible[_lufs(audible) > gate_lufs].mean()))


def loudness_range_lu(energies: Energies) -> float | None:
    """Return the spread between soft and loud 3 s windows; None below 3 s, or where nothing exceeds -70 LUFS."""
    windows = _moving_mean(energies, _SHORT_TERM_HOPS)
    audible = windows[_lufs(windows) >= _ABSOLUTE_GATE_LUFS]
    if not len(audible):
        return None
    levels_lufs = _lufs(audible)
    gate_lufs = _lufs(audible.mean()) + _RANGE_GATE_LU
    low, high = np.percentile(levels_lufs[levels_lufs >= gate_lufs], _RANGE_PERCENTILES)
    return float(high - low)


def _moving_mean(energies: Energies, num_hops: int) -> Energies:
    """Return the mean over every ``num_hops`` hops in a row; none if there are fewer."""
    if len(energies) < num_hops:
        return np.empty(0)
    means: Energies = np.lib.stride_tricks.sliding_window_view(energies, num_hops).mean(axis=1)
    return means


def _lufs(energy: Any) -> Any:
    with np.errstate(divide="ignore"):
        return -0.691 + 10 * np.log10(energy)


def true_peak_db(audio: Audio) -> float | None:
    """Return the largest magnitude of the signal, as it is and at four times its rate, in dBTP; None in silence."""
    peak = max((float(np.abs(block).max(initial=0.0)) for block in _oversampled(audio)), default=0.0)
    return float(20 * np.log10(peak)) if peak > 0 else None


def _oversampled(audio: Audio) -> Iterator[Samples]:
    """Yield the signal a second at a time, each time as it is and at four times its rate: (samples, channels)."""
    import soxr

    num_channels, num_samples = audio.samples.shape
    stream = soxr.ResampleStream(audio.rate_hz, audio.rate_hz * _OVERSAMPLING, num_channels, "float32", "HQ")
    for start in range(0, num_samples, audio.rate_hz):
        block = np.ascontiguousarray(audio.samples[:, start : start + audio.rate_hz].T)
        yield block
        yield stream.resample_chunk(block, last=start + audio.rate_hz >= num_samples)


def energy_of(loudness_lufs: float | None) -> float | None:
    if loudness_lufs is None:
        return None
    return float(np.clip((loudness_lufs - _QUIET_LUFS) / (_LOUD_LUFS - _QUIET_LUFS), 0.0, 1.0))
