"""The key by profiles of pitch classes and by what chords say: no model, and no weights.

Profiles are those of Albrecht and Shanahan, "The Use of Large Corpora to Train a New Type of Key-Finding Algorithm",
Music Perception 2013. On rendered songs and chorales they found more keys than those of Krumhansl and Kessler (1982)
and of Temperley (2007).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from featurizers.beat_votes import ChordSpan
from featurizers.chord_templates import LABELS

Doubles = npt.NDArray[np.float64]

_MAJOR_TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
KEYS = (*(f"{tonic} major" for tonic in _MAJOR_TONICS), *(f"{tonic} minor" for tonic in _MINOR_TONICS))
"""Names by ``key_index``."""

PROFILES = np.array(
    [
        [0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081],
        [0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052],
    ]
)
"""Shares of pitch classes above the tonic in major and minor, ``(2, 12)``."""

# Shares of time of chords, in semitones above the tonic, as they may be in songs: the order of roots is that of
# de Clercq and Temperley, "A corpus analysis of rock harmony", Popular Music 2011 (I IV V bVII vi ii ...).
_MAJOR_CHORDS = {
    "maj": {0: 33, 5: 20, 7: 19, 10: 4, 2: 1.4, 9: 1.2, 3: 0.6, 4: 0.6, 8: 0.6},
    "min": {9: 9, 2: 5, 4: 2.5, 5: 0.8, 7: 0.8},
}
_MINOR_CHORDS = {
    "maj": {10: 12, 8: 11, 7: 9, 3: 9, 5: 3, 0: 1.2, 2: 0.6},
    "min": {0: 33, 5: 11, 7: 5, 2: 0.8, 10: 0.6},
}
_ANY_OTHER_CHORD = 0.2

_PROFILE_WEIGHT, _CHORD_WEIGHT, _OPENING_WEIGHT, _CLOSING_WEIGHT = 3.0, 3.0, 2.0, 0.5
_LEAST_OUTER_S = 0.5  # a shorter chord at either end is a guess


def key_evidence(chroma: npt.NDArray[np.floating], chords: Sequence[ChordSpan]) -> Doubles:
    """Log odds ``(24,)`` of keys by ``key_index``, up to a constant: by tones and by chords."""
    evidence: Doubles = _PROFILE_WEIGHT * profile_correlations(chroma) + chord_evidence(chords)
    return evidence


def chord_evidence(chords: Sequence[ChordSpan]) -> Doubles:
    """What the chords alone say: their shares of the time, and that songs often open and close with the tonic.

    It is the opening that tells A minor from C major in Am F C G.
    """
    seconds = np.zeros(len(LABELS))
    for chord in chords:
        seconds[LABELS.index(chord.label)] += chord.duration_s
    sounding = seconds[:-1]
    evidence: Doubles = _CHORD_WEIGHT * _log_likelihoods() @ (sounding / max(sounding.sum(), 1e-9))
    outer = [chord.label for chord in chords if chord.label != "N" and chord.duration_s >= _LEAST_OUTER_S]
    if outer:
        evidence[LABELS.index(outer[0])] += _OPENING_WEIGHT
        evidence[LABELS.index(outer[-1])] += _CLOSING_WEIGHT
    return evidence


def profile_correlations(chroma: npt.NDArray[np.floating]) -> Doubles:
    """Pearson's correlation ``(24,)`` of chroma ``(12,)`` with the profile of every key; 0 if the chroma is flat."""
    deviations = PROFILES - PROFILES.mean(axis=1, keepdims=True)
    unit = deviations / np.linalg.norm(deviations, axis=1, keepdims=True)
    keys = np.stack([np.roll(profile, tonic) for profile in unit for tonic in range(12)])
    centred = chroma - np.mean(chroma)
    correlations: Doubles = keys @ centred / max(float(np.linalg.norm(centred)), 1e-9)
    return correlations


def _log_likelihoods() -> Doubles:
    """Log shares ``(24 keys, 24 chords)``, both by index: pitch class of the tonic or root, plus 12 if minor."""
    shares = np.full((24, 24), _ANY_OTHER_CHORD)
    for mode, chords in enumerate((_MAJOR_CHORDS, _MINOR_CHORDS)):
        for tonic in range(12):
            for quality, degrees in enumerate(chords.values()):
                for degree, share in degrees.items():
                    shares[12 * mode + tonic, 12 * quality + (tonic + degree) % 12] = share
    likelihoods: Doubles = np.log(shares / shares.sum(axis=1, keepdims=True))
    return likelihoods


def probabilities(log_odds: Doubles) -> Doubles:
    """Probabilities that sum to 1 from log odds, up to a constant."""
    powers: Doubles = np.exp(log_odds - log_odds.max())
    powers /= powers.sum()
    return powers
