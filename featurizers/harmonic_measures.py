"""Numbers that sum up a track's harmony: how often it changes, how complex it is, how far it can be trusted."""

import math
from collections import defaultdict
from collections.abc import Sequence

from featurizers.harte import Chord, ChordSpan
from featurizers.meter import Meter
from featurizers.roman_numerals import Reading

_ENTROPY_WEIGHT, _CHROMATIC_WEIGHT, _QUALITY_WEIGHT = 0.5, 0.3, 0.2


def harmonic_rhythm_per_bar(spans: Sequence[ChordSpan], meter: Meter) -> float | None:
    """Return the changes of chord a bar between the first downbeat and the last; None without two of them, or chords.

    Half a beat of slack lets a change that comes a little late count with its downbeat. A chord that follows a rest
    is a change, the first chord is none.
    """
    num_bars = len(meter.downbeats_s) - 1
    if num_bars < 1 or not spans:
        return None
    first_s, last_s = (time_s + meter.beat_s / 2 for time_s in (meter.downbeats_s[0], meter.downbeats_s[-1]))
    return sum(first_s < span.start_s <= last_s for span in spans[1:]) / num_bars


def harmonic_complexity(readings: Sequence[Reading]) -> float | None:
    """Return 0.5 H + 0.3 C + 0.2 Q, between 0 and 1; None without chords.

    H is the entropy of the numerals, as root and triad weighted by time, over that of twelve equally long roots, at
    most 1. C is the share of time in chords that the key does not own. Q is the mean quality over time: 0 for major
    and minor triads, 0.25 for other chords of up to three tones without a third, 0.5 for sevenths and added tones,
    0.75 for diminished and augmented chords, 1 for chords of five tones and more. One triad alone scores 0,
    I-V-vi-IV 0.28.
    """
    total_s = sum(reading.span.duration_s for reading in readings)
    if not readings:
        return None
    chromatic_s = sum(reading.span.duration_s for reading in readings if not reading.is_diatonic)
    weighted_s = sum(_quality_weight(reading.chord) * reading.span.duration_s for reading in readings)
    entropy = _ENTROPY_WEIGHT * _entropy(readings, total_s)
    return entropy + (_CHROMATIC_WEIGHT * chromatic_s + _QUALITY_WEIGHT * weighted_s) / total_s


def _entropy(readings: Sequence[Reading], total_s: float) -> float:
    times_s: dict[tuple[int, str], float] = defaultdict(float)
    for reading in readings:
        times_s[reading.interval, reading.chord.triad] += reading.span.duration_s
    shares = [time_s / total_s for time_s in times_s.values()]
    return min(1.0, -sum(share * math.log(share, 12) for share in shares))


def _quality_weight(chord: Chord) -> float:
    if len(chord.intervals) >= 5:
        return 1.0
    if chord.triad in ("dim", "aug"):
        return 0.75
    if len(chord.intervals) == 4:
        return 0.5
    return 0.25 if chord.triad == "none" else 0.0


def theory_confidence(key_confidence: float | None, spans: Sequence[ChordSpan]) -> float | None:
    """Return the confidence of the key times the mean confidence of the chords over time; None if either is unknown."""
    known = [(span.confidence, span.duration_s) for span in spans if span.confidence is not None]
    if key_confidence is None or not known:
        return None
    mean = sum(confidence * duration_s for confidence, duration_s in known) / sum(duration_s for _, duration_s in known)
    return min(1.0, max(0.0, key_confidence * mean))
