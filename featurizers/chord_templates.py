"""Major and minor chords from chroma by templates and a Viterbi path: no model, and no weights.

Templates after Fujishima, "Realtime Chord Recognition of Musical Sound", ICMC 1999; bass and smoothing after Mauch
and Dixon, "Simultaneous Estimation of Chords and Musical Context from Audio", IEEE TASLP 2010.
"""

import numpy as np
import numpy.typing as npt

from featurizers.label_chain import Run, best_states, posteriors, runs_of
from featurizers.madmom_spectrogram import Floats
from schemas.pitch_classes import PITCH_CLASSES

Doubles = npt.NDArray[np.float64]

LABELS = (*(f"{root}:maj" for root in PITCH_CLASSES), *(f"{root}:min" for root in PITCH_CLASSES), "N")
TRIADS = ((0, 4, 7), (0, 3, 7))
"""Semitones of a major and a minor chord above the root."""

_COMPRESSION = 0.8
_LOUD_PERCENTILE = 90
_BASS_WEIGHT = 0.35
_NO_CHORD = 0.62  # the likeness of no chord: a single note has 0.58 to its best triad, its own bass aside
_SILENT_NORM = 0.1  # of a loud frame's
_POTENTIAL_A_FRAME = 2.0  # of a likeness of 1: frames overlap, so they say less than they would alone
_CHANGE = 2.0


def templates() -> Doubles:
    """Unit vectors ``(24, 12)`` of the tones of ``LABELS`` without N."""
    tones = np.zeros((24, 12))
    for mode, triad in enumerate(TRIADS):
        for root in range(12):
            tones[12 * mode + root, [(root + step) % 12 for step in triad]] = 1 / np.sqrt(3)
    return tones


def template_chords(treble: Floats, bass: Floats) -> list[Run]:
    """Runs of ``LABELS`` in frames of chroma, both ``(frames, 12)``; the louder the music, the more a frame counts.

    A frame is like a chord by the cosine of its tones and the share of the root in the bass.
    """
    potentials = _POTENTIAL_A_FRAME * likeness(treble, bass)
    changes = _CHANGE * (np.eye(len(LABELS)) - 1)
    zeros = np.zeros(len(LABELS))
    states = best_states(potentials, _CHANGE)
    return runs_of(states, posteriors(potentials, changes, zeros, zeros), LABELS)


def likeness(treble: Floats, bass: Floats) -> Doubles:
    """How much frames are like every label, ``(frames, 25)``; chords from 0 to 1.35, N is a threshold."""
    tones, roots = _compressed(treble), _compressed(bass)
    norms = np.linalg.norm(tones, axis=1, keepdims=True)
    cosines = tones @ templates().T / (norms + 1e-9)
    roots /= np.linalg.norm(roots, axis=1, keepdims=True) + 0.01
    chords = cosines + _BASS_WEIGHT * np.concatenate([roots, roots], axis=1)
    return np.concatenate([chords, np.where(norms < _SILENT_NORM, 2, _NO_CHORD)], axis=1)


def _compressed(chroma: Floats) -> Doubles:
    """Chroma with less contrast, where a loud frame has a norm of about 1."""
    norms = np.linalg.norm(chroma, axis=1)
    loud = np.percentile(norms, _LOUD_PERCENTILE) or 1
    return np.asarray(chroma / loud, dtype=np.float64) ** _COMPRESSION
