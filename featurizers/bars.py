"""What every bar of a track sounds like: its harmony, its timbre, its level, and the accent that opens it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Frames = npt.NDArray[np.float32]  # (values, frames)

RATE_HZ = 22050
BLOCK_S = 2.0
_PART_OF_BAR = 0.25
PARTS = 4  # of a bar, so that bars with the same chords in another order differ
_HOP_SAMPLES = 512
_FRAME_SAMPLES = 2048
_PASS_FRAMES = 1280  # half a minute of spectra at a time
_MARGIN_FRAMES = 64  # longer than the lowest filter
_LOWEST_HZ = 65.406  # C2
_OCTAVES = 6
_COMPRESSION = 100.0
_MEL_BANDS = 80
_NUM_MFCC = 14
_FLOOR_BELOW_PEAK_DB = 70.0
_CYMBAL_BANDS = slice(50, None)  # of the mel bands: above 3 kHz
_ACCENT_BARS = 4
_ACCENT_DB = (0.0, 6.0)


@dataclass(frozen=True)
class Bars:
    """Features of consecutive bars, all with the bars first."""

    harmony: Floats
    """Chroma of a quarter of a bar after another, ``(bars, 4 * 12)``, less its mean over the track."""
    timbre: Floats
    """Mel-frequency cepstral coefficients 1 to 13, in dB, ``(bars, 13)``."""
    level_db: Floats
    """Mean over mel bands of the level, ``(bars,)``."""
    accent: Floats
    """0-1, how far high sounds at the start of a bar stand out from other starts nearby, by up to 6 dB: a crash."""


def bar_edges_s(downbeats_s: Sequence[float], duration_s: float) -> Floats:
    """Times between which bars lie, from 0 to the end of the track: ``(bars + 1,)``, ascending.

    Where there are no downbeats for one and a half median bars, bars go on at the median length; less than three
    quarters of a bar at either end belong to the bar beside them. With fewer than two downbeats, bars are equal blocks
    of about 2 s.
    """
    inner_s = sorted({time_s for time_s in downbeats_s if 0 <= time_s < duration_s})
    if len(inner_s) < 2:
        return np.linspace(0, duration_s, max(1, round(duration_s / BLOCK_S)) + 1)
    bar_s = float(np.median(np.diff(inner_s)))
    edges_s = [inner_s[0] - bar_s * count for count in range(_whole_bars(inner_s[0] / bar_s), 0, -1)]
    for before_s, after_s in pairwise(inner_s):
        num_bars = max(1, round((after_s - before_s) / bar_s))
        edges_s.extend(before_s + (after_s - before_s) * np.arange(num_bars) / num_bars)
    num_bars = max(1, _whole_bars((duration_s - inner_s[-1]) / bar_s))
    edges_s.extend(inner_s[-1] + bar_s * np.arange(num_bars))
    return np.array([0.0, *edges_s[1:], duration_s])


def _whole_bars(length: float) -> int:
    """How many bars a length of so many bars is."""
    return int(length + _PART_OF_BAR)


def measure_bars(samples: npt.NDArray[np.float32], edges_s: Floats) -> Bars:
    """Features of mono samples at 22.05 kHz, ``(samples,)``, between consecutive edges.

    The first and the last bar are heard for as long as the median bar only: what rings or is silent around them is
    not part of the music's form. Harmony is a constant-Q transform folded to chroma (librosa), compressed as
    log(1 + 100 x); timbre and level are medians over the quarters of a bar, so that a single hit does not show.
    """
    import librosa

    chroma, mel_db = _spectra(samples)
    edges = _part_edges(edges_s)
    harmony = _parts(chroma, edges, np.mean).reshape(len(edges), -1)
    quarters_db = _parts(mel_db, edges, np.median)
    coefficients = librosa.feature.mfcc(S=np.median(quarters_db, axis=1).T, n_mfcc=_NUM_MFCC).T
    return Bars(
        harmony=harmony - harmony.mean(axis=0),
        timbre=coefficients[:, 1:],
        level_db=coefficients[:, 0] / np.sqrt(_MEL_BANDS),
        accent=_accents(quarters_db[:, 0, _CYMBAL_BANDS].mean(axis=1)),
    )


def _spectra(samples: npt.NDArray[np.float32]) -> tuple[Frames, Frames]:
    """Compressed chroma ``(12, frames)`` and mel spectrum in dB ``(80, frames)`` of the whole signal."""
    import librosa

    chroma, mel = [], []
    for block in _blocks(samples):
        tones = librosa.cqt(
            block, sr=RATE_HZ, hop_length=_HOP_SAMPLES, fmin=_LOWEST_HZ, n_bins=12 * _OCTAVES, bins_per_octave=12
        )
        bands = librosa.feature.melspectrogram(
            y=block, sr=RATE_HZ, n_fft=_FRAME_SAMPLES, hop_length=_HOP_SAMPLES, n_mels=_MEL_BANDS
        )
        chroma.append(np.abs(tones)[:, _MARGIN_FRAMES : -_MARGIN_FRAMES - 1])
        mel.append(bands[:, _MARGIN_FRAMES : -_MARGIN_FRAMES - 1])
    tones = np.concatenate(chroma, axis=1)
    tones = np.log1p(_COMPRESSION * tones / max(float(tones.max()), 1e-9)).reshape(_OCTAVES, 12, -1).sum(axis=0)
    mel_db = 10 * np.log10(np.maximum(np.concatenate(mel, axis=1), 1e-10))
    return tones, np.maximum(mel_db, mel_db.max() - _FLOOR_BELOW_PEAK_DB)


def _blocks(samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield half a minute after another, with a margin on both sides; silence before and after the track."""
    num_frames = 1 + len(samples) // _HOP_SAMPLES
    for first in range(0, num_frames, _PASS_FRAMES):
        last = min(first + _PASS_FRAMES, num_frames)
        start, stop = (first - _MARGIN_FRAMES) * _HOP_SAMPLES, (last + _MARGIN_FRAMES) * _HOP_SAMPLES
        inside = samples[max(0, start) : stop]
        before = max(0, -start)
        yield np.pad(inside, (before, stop - start - before - len(inside)))


def _part_edges(edges_s: Floats) -> npt.NDArray[np.int64]:
    """First frames of the quarters of every bar, and the last edge: ``(bars, 5)``."""
    starts_s, ends_s = edges_s[:-1].copy(), edges_s[1:].copy()
    bar_s = float(np.median(ends_s - starts_s))
    starts_s[0], ends_s[-1] = max(starts_s[0], ends_s[0] - bar_s), min(ends_s[-1], starts_s[-1] + bar_s)
    shares = np.arange(PARTS + 1) / PARTS
    parts_s = starts_s[:, None] + (ends_s - starts_s)[:, None] * shares
    frames: npt.NDArray[np.int64] = np.round(parts_s * RATE_HZ / _HOP_SAMPLES).astype(np.int64)
    return frames


def _parts(frames: Frames, edges: npt.NDArray[np.int64], average: Callable[..., Any]) -> Floats:
    """Average of the frames of every quarter of every bar: ``(bars, 4, values)``."""
    last = frames.shape[1] - 1
    starts, stops = np.minimum(edges[:, :-1], last), edges[:, 1:]
    return np.array(
        [
            [average(frames[:, start : max(stop, start + 1)], axis=1) for start, stop in zip(row, ends, strict=True)]
            for row, ends in zip(starts, stops, strict=True)
        ],
        dtype=np.float64,
    )


def _accents(starts_db: Floats) -> Floats:
    """How far each start stands out from three quarters of its neighbours, the loudest quarter left out."""
    accents = np.zeros(len(starts_db))
    for bar in range(1, len(starts_db)):
        near = np.delete(starts_db, bar)[max(0, bar - _ACCENT_BARS) : bar + _ACCENT_BARS]
        usual_db = np.sort(near)[max(0, int(0.75 * len(near)) - 1)]
        accents[bar] = starts_db[bar] - usual_db
    faint_db, full_db = _ACCENT_DB
    shares: Floats = ((accents - faint_db) / (full_db - faint_db)).clip(0, 1)
    return shares
