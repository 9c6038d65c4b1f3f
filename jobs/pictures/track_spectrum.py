"""What the eye sees of a sound: the envelope of its waveform, and its spectrogram on the mel scale."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers.audio import Audio, Samples
from jobs.pictures.track_audio import chunks

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_MAX_BINS = 24_000
_MIN_BIN_S = 0.01
_BINS_AT_ONCE = 1000
_MAX_FRAMES = 8_000
_RATE_HZ = 22_050
_WINDOW_S = 0.093
_HOPS_A_WINDOW = 4
_NUM_BANDS = 96
_LOWEST_HZ = 40.0
_RANGE_DB = 80.0
_FRAMES_AT_ONCE = 512


@dataclass(frozen=True)
class Waveform:
    """Lowest and highest sample of each bin, ``(2, bins)``, of the mean of the channels; 1.0 is full scale."""

    extremes: Floats
    bin_s: float

    @property
    def peak(self) -> float:
        return float(np.abs(self.extremes).max(initial=0.0))


@dataclass(frozen=True)
class Spectrogram:
    """Power of mel bands from low to high, ``(bands, frames)``: 255 is the loudest, 0 lies 80 dB and more below.

    Frame i is the mean of what sounds from ``i * frame_s`` to ``(i + 1) * frame_s``.
    """

    levels: Bytes
    frame_s: float
    lowest_hz: float
    highest_hz: float


def waveform(audio: Audio) -> Waveform:
    """The envelope in bins of 10 ms, longer where that would be more than 24 000."""
    num_samples = audio.samples.shape[1]
    size = max(round(_MIN_BIN_S * audio.rate_hz), -(-num_samples // _MAX_BINS), 1)
    parts = []
    for start in range(0, num_samples, size * _BINS_AT_ONCE):
        mono = audio.samples[:, start : start + size * _BINS_AT_ONCE].mean(axis=0, dtype=np.float32)
        starts = np.arange(0, len(mono), size)
        parts.append(np.stack([np.minimum.reduceat(mono, starts), np.maximum.reduceat(mono, starts)]))
    return Waveform(np.concatenate(parts, axis=1), size / audio.rate_hz)


def mel_of_hz(frequency_hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Mels by O'Shaughnessy, "Speech Communication" (1987): 2595 log10(1 + f / 700)."""
    return 2595 * np.log10(1 + np.asarray(frequency_hz, np.float64) / 700)


def hz_of_mel(mel: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The inverse of ``mel_of_hz``."""
    return 700 * (10 ** (np.asarray(mel, np.float64) / 2595) - 1)


def mel_bank(rate_hz: int, window: int, lowest_hz: float, highest_hz: float) -> Floats:
    """Triangular bands, evenly spaced in mels and of equal height, ``(bins, bands)``."""
    edges_hz = hz_of_mel(np.linspace(mel_of_hz(lowest_hz), mel_of_hz(highest_hz), _NUM_BANDS + 2))
    bins_hz = np.arange(window // 2 + 1) * rate_hz / window
    rising = (bins_hz[:, None] - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - bins_hz[:, None]) / np.diff(edges_hz)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def spectrogram(audio: Audio) -> Spectrogram:
    """Mel bands from 40 Hz to 11 kHz or half the sample rate, every 23 ms, or longer to have at most 8000 frames."""
    mono, rate_hz = _mono(audio)
    window = 2 ** round(np.log2(_WINDOW_S * rate_hz))
    hop = window // _HOPS_A_WINDOW
    highest_hz = rate_hz / 2
    bank = mel_bank(rate_hz, window, _LOWEST_HZ, highest_hz)
    num_frames = -(-len(mono) // hop)
    group = -(-num_frames // _MAX_FRAMES)
    padded = np.pad(mono, (window // 2 - hop // 2, window + group * hop))  # a frame is centred on the hop it stands for
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    taper = np.hanning(window + 1)[:-1].astype(np.float32)
    power = np.empty((-(-num_frames // group), _NUM_BANDS), np.float32)
    at_once = max(1, _FRAMES_AT_ONCE // group)
    for first in range(0, len(power), at_once):
        part = frames[first * group : min(first + at_once, len(power)) * group]
        bands = np.square(np.abs(np.fft.rfft(part * taper))) @ bank
        power[first : first + at_once] = bands.reshape(-1, group, _NUM_BANDS).mean(axis=1)
    return Spectrogram(_levels(power).T, group * hop / rate_hz, _LOWEST_HZ, highest_hz)


def _mono(audio: Audio) -> tuple[Samples, int]:
    """The mean of the channels, at 22 050 Hz if the audio's rate is higher."""
    if audio.rate_hz <= _RATE_HZ:
        return np.concatenate([part.mean(axis=0, dtype=np.float32) for part in chunks(audio)]), audio.rate_hz
    import soxr

    stream = soxr.ResampleStream(audio.rate_hz, _RATE_HZ, 1, "float32", "HQ")
    parts = [stream.resample_chunk(part.mean(axis=0, dtype=np.float32)) for part in chunks(audio)]
    return np.concatenate([*parts, stream.resample_chunk(np.zeros(0, np.float32), last=True)]), _RATE_HZ


def _levels(power: Floats) -> Bytes:
    loudest = float(power.max(initial=0.0))
    if loudest <= 0:
        return np.zeros(power.shape, np.uint8)
    level_db = 10 * np.log10(np.maximum(power / loudest, 1e-12))
    levels: Bytes = np.round(255 * np.clip(1 + level_db / _RANGE_DB, 0, 1)).astype(np.uint8)
    return levels
