"""What networks or templates hear, as chords in time and the odds of keys, with confidences that mean something."""

from typing import NamedTuple

import numpy as np

from featurizers.beat_votes import ChordSpan, Times, spans_on_beats
from featurizers.chord_templates import template_chords
from featurizers.key_profiles import Doubles, key_evidence
from featurizers.madmom_harmony import NetworkHarmony
from featurizers.note_chroma import NoteChroma

_NETWORK_WEIGHT = 0.4
_FLOOR = 1e-4  # of a probability, for a network that is sure may be wrong

# How sure to be. Fitted to rendered songs and to chorales rendered from their scores, as few annotated recordings were
# at hand, and a little more cautious than those ask for. The network's own posteriors needed nothing.
_TEMPLATE_SLOPE, _TEMPLATE_OFFSET = 2.0, 3.1  # of the log odds that a chord is right over those of its posterior
_NETWORK_TEMPERATURE, _TEMPLATE_TEMPERATURE = 1.4, 1.2  # of the log odds of keys


class Estimate(NamedTuple):
    """Chords, mean chroma ``(12,)`` summing to 1, and log odds ``(24,)`` of keys by ``key_index``."""

    chords: list[ChordSpan]
    chroma: Doubles
    key_log_odds: Doubles


def by_templates(notes: NoteChroma, duration_s: float, beats_s: Times) -> Estimate:
    """Chords by templates; the key by profiles and chords."""
    found = spans_on_beats(template_chords(notes.treble, notes.bass), duration_s, beats_s)
    chords = [chord._replace(confidence=_calibrated(chord.confidence)) for chord in found]
    chroma = _shares(notes.treble.mean(axis=0))
    return Estimate(chords, chroma, key_evidence(chroma, chords) / _TEMPLATE_TEMPERATURE)


def by_networks(heard: NetworkHarmony, duration_s: float, beats_s: Times) -> Estimate:
    """Chords by the network; the key by its network where it has one, weighed against profiles and chords."""
    chords = spans_on_beats(heard.chords, duration_s, beats_s)
    chroma = _shares(heard.chroma)
    evidence = key_evidence(chroma, chords)
    if heard.keys is not None:
        evidence += _NETWORK_WEIGHT * np.log(heard.keys + _FLOOR)
    return Estimate(chords, chroma, evidence / _NETWORK_TEMPERATURE)


def _calibrated(posterior: float) -> float:
    """The share of time in which a template's chord is right, for its mean posterior; frames repeat one another."""
    bounded = min(max(posterior, 1e-6), 1 - 1e-6)
    return float(1 / (1 + np.exp(-_TEMPLATE_OFFSET - _TEMPLATE_SLOPE * np.log(bounded / (1 - bounded)))))


def _shares(chroma: np.ndarray) -> Doubles:
    """Chroma that sums to 1, evenly spread if there is none."""
    total = float(chroma.sum())
    shares: Doubles = np.asarray(chroma, dtype=np.float64) / total if total else np.full(12, 1 / 12)
    return shares
