"""Drums, bass, keys and pad: one note or hit at a time, additive for pitch and filtered noise for the rest."""

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float32]  # (samples,)

RELEASE_S = 0.06


def kick(rate_hz: int) -> Signal:
    """A sine falling from 150 to 50 Hz, with a click that says exactly when."""
    time_s = _seconds(0.3, rate_hz)
    cycles = 50 * time_s + 100 * 0.03 * (1 - np.exp(-time_s / 0.03))
    return _float32(np.sin(2 * np.pi * cycles) * np.exp(-time_s / 0.09) + 0.3 * np.exp(-time_s / 0.002))


def snare(rate_hz: int) -> Signal:
    """A drum head at 185 Hz under a rattle of noise."""
    time_s = _seconds(0.25, rate_hz)
    head = 0.5 * np.sin(2 * np.pi * 185 * time_s) * np.exp(-time_s / 0.05)
    return _float32(head + 0.6 * _noise(len(time_s), 1, (900, 9000), rate_hz) * np.exp(-time_s / 0.06))


def hat(rate_hz: int) -> Signal:
    """A closed hi-hat: a short hiss above 7 kHz."""
    time_s = _seconds(0.08, rate_hz)
    return _float32(0.6 * _noise(len(time_s), 2, (7000, 15000), rate_hz) * np.exp(-time_s / 0.018))


def crash(rate_hz: int) -> Signal:
    """A cymbal that rings for a second."""
    time_s = _seconds(1.0, rate_hz)
    return _float32(0.5 * _noise(len(time_s), 3, (4000, 14000), rate_hz) * np.exp(-time_s / 0.3))


def snap(rate_hz: int) -> Signal:
    """A finger snap: 30 ms of noise around 2.5 kHz."""
    time_s = _seconds(0.06, rate_hz)
    return _float32(0.8 * _noise(len(time_s), 4, (1800, 3500), rate_hz) * np.exp(-time_s / 0.008))


def bass(midi: float, duration_s: float, rate_hz: int) -> Signal:
    """A plucked string, bright enough that small speakers and chroma hear its pitch."""
    time_s = _seconds(duration_s, rate_hz)
    partials = _partials(midi, [1, 0.7, 0.5, 0.3, 0.2, 0.12, 0.08], time_s)
    return _float32(0.5 * partials * np.exp(-time_s / 0.9) * _edges(time_s, duration_s, 0.006))


def keys(midi: float, duration_s: float, rate_hz: int) -> Signal:
    """An electric piano: eight harmonics, fast attack, slow decay."""
    time_s = _seconds(duration_s, rate_hz)
    partials = _partials(midi, [1, 0.6, 0.4, 0.3, 0.2, 0.14, 0.1, 0.07], time_s)
    return _float32(0.3 * partials * np.exp(-time_s / 0.8) * _edges(time_s, duration_s, 0.005))


def pad(midi: float, duration_s: float, rate_hz: int) -> Signal:
    """Soft strings: seven harmonics that swell in and stay."""
    time_s = _seconds(duration_s, rate_hz)
    partials = _partials(midi, [1, 0.5, 0.3, 0.16, 0.1, 0.06, 0.04], time_s)
    return _float32(0.3 * partials * _edges(time_s, duration_s, 0.08))


def _seconds(duration_s: float, rate_hz: int) -> npt.NDArray[np.float64]:
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def _partials(midi: float, levels: list[float], time_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The sum of harmonics with the given levels, as powers of one phasor."""
    f0_hz = 440 * 2 ** ((midi - 69) / 12)
    turn = np.exp(np.complex64(2j * np.pi) * (f0_hz * time_s % 1).astype(np.float32))
    phasor, total = np.ones_like(turn), np.zeros(len(turn), np.float32)
    for level in levels:
        phasor *= turn
        total += np.float32(level) * phasor.imag
    return total


def _edges(time_s: npt.NDArray[np.float64], duration_s: float, attack_s: float) -> npt.NDArray[np.float64]:
    return np.clip(np.minimum(time_s / attack_s, (duration_s - time_s) / RELEASE_S), 0, 1)


def _noise(num_samples: int, seed: int, band_hz: tuple[int, int], rate_hz: int) -> npt.NDArray[np.float64]:
    import scipy.signal

    white = np.random.default_rng(seed).standard_normal(num_samples)
    band = scipy.signal.butter(2, band_hz, "bandpass", fs=rate_hz, output="sos")
    filtered: npt.NDArray[np.float64] = scipy.signal.sosfilt(band, white)
    return filtered


def _float32(signal: npt.NDArray[np.float64]) -> Signal:
    return signal.astype(np.float32)
