"""How far beats and tempo agree with those of another tracker, librosa's.

It is Ellis' dynamic programming ("Beat Tracking by Dynamic Programming", JNMR 2007) over a mel spectrum's rise, with
librosa's default settings.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.librosa_chunks import FRAME_SAMPLES, HOP_SAMPLES, TEMPOGRAM_FRAMES, centred_chunks, tempograms
from featurizers.tempo import FACTORS, Doubles, is_close, tempo_line

Floats = npt.NDArray[np.float32]

RATE_HZ = 22050
TOLERANCE_S = 0.07
"""Beats no further apart are the same one (Dixon, JNMR 2007)."""


class Agreement(NamedTuple):
    """F-measure of beats, and 1, 0.5 or 0 for the same tempo, a multiple or part of it, or neither."""

    beats: float
    tempo: float


def agreement(beats_s: Sequence[float] | Doubles, tempo_bpm: float, others_s: Sequence[float] | Doubles) -> Agreement:
    """Compare beats and the tempo of the line through them with the beats of another tracker, which may be none."""
    if len(others_s) < 2:
        return Agreement(0.0, 0.0)
    return Agreement(f_measure(beats_s, others_s), tempo_agreement(tempo_bpm, tempo_line(others_s).tempo_bpm))


def tempo_agreement(tempo_bpm: float, other_bpm: float) -> float:
    """1 if within 4 % of the other, 0.5 if within 4 % of a half, a third, twice or three times that, else 0."""
    same, *related = (is_close(tempo_bpm, other_bpm * factor) for factor in FACTORS)
    return 1.0 if same else 0.5 if any(related) else 0.0


def f_measure(
    times_s: Sequence[float] | Doubles, others_s: Sequence[float] | Doubles, tolerance_s: float = TOLERANCE_S
) -> float:
    """Harmonic mean of precision and recall of ascending times, each matched at most once within the tolerance."""
    hits = i = j = 0
    while i < len(times_s) and j < len(others_s):
        is_hit, is_late = abs(times_s[i] - others_s[j]) <= tolerance_s, others_s[j] > times_s[i]
        hits += is_hit
        i += is_hit or is_late
        j += is_hit or not is_late
    return 2 * hits / max(1, len(times_s) + len(others_s))


def librosa_beats_s(samples: Floats) -> Doubles:
    """Beat times by librosa in mono 22.05 kHz samples ``(samples,)``."""
    from librosa.beat import beat_track

    strengths = onset_strengths(samples)
    settings = {"sr": RATE_HZ, "hop_length": HOP_SAMPLES, "units": "time"}
    if not strengths.any():
        return np.empty(0)
    _, beats_s = beat_track(onset_envelope=strengths, bpm=_librosa_tempo_bpm(strengths), **settings)
    return np.asarray(beats_s, dtype=np.float64)


def onset_strengths(samples: Floats) -> Floats:
    """What ``librosa.onset.onset_strength`` returns, ``(frames,)``."""
    from librosa import power_to_db
    from librosa.feature import melspectrogram
    from librosa.onset import onset_strength

    settings = {"sr": RATE_HZ, "n_fft": FRAME_SAMPLES, "hop_length": HOP_SAMPLES, "center": False}
    mel = np.concatenate([melspectrogram(y=segment, **settings) for segment in centred_chunks(samples)], axis=1)
    strengths: Floats = onset_strength(S=power_to_db(mel), sr=RATE_HZ)
    return strengths


def _librosa_tempo_bpm(strengths: Floats) -> float:
    """The tempo of the mean tempogram."""
    from librosa.feature import tempo

    sums = np.zeros(TEMPOGRAM_FRAMES)
    for tempogram in tempograms(strengths):
        sums += tempogram.sum(axis=1)
    return float(tempo(tg=sums[:, None] / len(strengths), sr=RATE_HZ, hop_length=HOP_SAMPLES)[0])
