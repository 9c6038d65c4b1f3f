"""Tempo, beats and metre: madmom's downbeat networks and bar model, and a line through the beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from featurizers.audio import MIX_44K_MONO
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.madmom_bars import Tempi, tempi, track_bars
from featurizers.madmom_downbeats import FRAMES_PER_S, DownbeatNetworks
from featurizers.madmom_spectrogram import is_audible
from featurizers.weights import model_id
from schemas.fragments.rhythm import RHYTHM

MIN_BEATS = 4
"""Fewer are no pulse."""

_HALF_CONFIDENCE_STRAY = 0.05  # of a beat


class TempoLine(NamedTuple):
    """A steady tempo, and how well beats keep to it: 1 if exactly, 0.5 if they stray by a twentieth of a beat."""

    tempo_bpm: float
    confidence: float


@dataclass(frozen=True)
class Rhythm(Featurizer):
    """Beats by madmom (Böck, Krebs and Widmer, ISMIR 2016), bars of one of the lengths in ``beats_per_bar``.

    Where nothing is audible, or fewer than four beats are found, there is no pulse: null and empty.
    """

    beats_per_bar: tuple[int, ...] = (3, 4)
    writes = RHYTHM
    weights = ("madmom-downbeats",)
    cost = 0.027

    def load(self) -> Extract:
        networks, beat_lengths = DownbeatNetworks(), tempi(FRAMES_PER_S)
        model = model_id(*self.weights)
        return lambda batch: [
            {**self._measure(inputs, networks, beat_lengths), "rhythm_model": model} for inputs in batch
        ]

    def _measure(self, inputs: Inputs, networks: DownbeatNetworks, beat_lengths: Tempi) -> Features:
        samples = inputs.audio(MIX_44K_MONO).samples[0]
        if not is_audible(samples):
            return _no_pulse()
        frames, numbers, beats_per_bar = track_bars(networks(samples), self.beats_per_bar, beat_lengths)
        if len(frames) < MIN_BEATS:
            return _no_pulse()
        beats_s = frames / FRAMES_PER_S
        line = tempo_line(beats_s.tolist())
        return {
            "tempo_bpm": line.tempo_bpm,
            "tempo_confidence": line.confidence,
            "beats_s": beats_s.tolist(),
            "beat_numbers": numbers.tolist(),
            "downbeats_s": beats_s[numbers == 1].tolist(),
            "time_signature": f"{beats_per_bar}/4",
        }


def tempo_line(beats_s: Sequence[float]) -> TempoLine:
    """Least-squares line through ascending beat times, at least two, against their count.

    Each interval counts for as many beats as median intervals fit in, so that a dropped beat does
    not shear the line. With r the RMS distance of beats from the line as a share of a beat, the
    confidence is 1 / (1 + (r / 0.05)^2).
    """
    intervals_s = np.diff(beats_s)
    counts = np.cumsum([0, *np.round(intervals_s / np.median(intervals_s))])
    centred, centred_s = counts - np.mean(counts), np.asarray(beats_s) - np.mean(beats_s)
    period_s = float(centred @ centred_s / (centred @ centred))
    stray = float(np.sqrt(np.mean((centred_s / period_s - centred) ** 2)))
    return TempoLine(60 / period_s, 1 / (1 + (stray / _HALF_CONFIDENCE_STRAY) ** 2))


def _no_pulse() -> Features:
    return {
        "tempo_bpm": None,
        "tempo_confidence": None,
        "beats_s": [],
        "beat_numbers": [],
        "downbeats_s": [],
        "time_signature": None,
    }
