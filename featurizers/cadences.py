"""Cadences: the last two chords of a phrase, after Kostka and Payne, "Tonal Harmony".

A phrase ends

- where a section ends,
- after every four bars, counted from the start of the section, or from the first downbeat where no sections are known,
- where the harmony rests: on a chord before a rest of more than a second, on the last chord, and on a chord held
  about twice as long as the track's median chord.

At the first two, the last chord is the one that sounds half a beat before the phrase ends, and it must have begun
within the last two bars: a chord that has sounded for longer closes nothing. Chords of one root in a row are one
here, with the quality of the last: Vsus4-V, V-V7.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from featurizers.meter import Meter
from featurizers.roman_numerals import Reading

_BARS_A_PHRASE = 4
_BARS_A_CADENCE = 2
_HELD = 1.9  # times the median chord: twice, less what analysers misplace its ends by


@dataclass(frozen=True)
class Cadence:
    """``time_s`` is when the last chord begins."""

    time_s: float
    type: str


def find_cadences(
    readings: Sequence[Reading], meter: Meter, sections_s: Sequence[tuple[float, float]]
) -> list[Cadence]:
    """Return the cadences in order of time. ``sections_s`` are starts and ends of sections, empty if unknown."""
    roots = _roots(readings)
    ends = {*_resting(roots), *_before(roots, meter, _phrase_ends_s(meter, sections_s))}
    pairs = [(roots[i - 1], roots[i]) for i in sorted(ends) if i > 0]
    kinds = [(last.span.start_s, _type(first, last)) for first, last in pairs if first.span.leads_to(last.span)]
    return [Cadence(time_s, kind) for time_s, kind in kinds if kind]


def _roots(readings: Sequence[Reading]) -> list[Reading]:
    """The readings with those of one root in a row joined."""
    joined: list[Reading] = []
    for reading in readings:
        if joined and joined[-1].interval == reading.interval and joined[-1].span.leads_to(reading.span):
            joined[-1] = replace(reading, span=replace(reading.span, start_s=joined[-1].span.start_s))
        else:
            joined.append(reading)
    return joined


def _resting(readings: Sequence[Reading]) -> Iterator[int]:
    """Indices of the chords on which the harmony rests."""
    if not readings:
        return
    held_s = _HELD * median(reading.span.duration_s for reading in readings)
    for i, (now, later) in enumerate(pairwise(readings)):
        if not now.span.leads_to(later.span) or now.span.duration_s >= held_s:
            yield i
    yield len(readings) - 1


def _phrase_ends_s(meter: Meter, sections_s: Sequence[tuple[float, float]]) -> Iterator[float]:
    downbeats_s, slack_s = meter.downbeats_s, meter.beat_s / 2
    if not sections_s and downbeats_s:
        sections_s = [(downbeats_s[0], downbeats_s[-1] + meter.bar_s)]
    for start_s, end_s in sections_s:
        inside_s = [time_s for time_s in downbeats_s if start_s - slack_s <= time_s <= end_s + slack_s]
        yield from inside_s[_BARS_A_PHRASE::_BARS_A_PHRASE]
        yield end_s


def _before(readings: Sequence[Reading], meter: Meter, ends_s: Iterable[float]) -> Iterator[int]:
    """Indices of the chords that sound when phrases end and began shortly before."""
    slack_s = meter.beat_s / 2
    longest_s = _BARS_A_CADENCE * meter.bar_s + slack_s
    for end_s in ends_s:
        i = bisect_right(readings, end_s - slack_s, key=lambda reading: reading.span.start_s) - 1
        if i >= 0 and readings[i].span.end_s > end_s - slack_s and readings[i].span.start_s >= end_s - longest_s:
            yield i


def _type(first: Reading, last: Reading) -> str | None:
    """The kind of cadence that two chords make; None if they make none.

    Authentic is V-I or viio-I; V has its leading tone, so v-i of a natural minor is none. It is imperfect where a chord
    is inverted or viio takes the place of V. That it is perfect no label can tell, for that depends on the melody.
    """
    if last.interval == 0 and last.chord.triad in ("maj", "min", "none"):
        if _is_five(first) or (first.interval == 11 and first.chord.triad == "dim"):
            weak = first.interval == 11 or first.chord.bass or last.chord.bass
            return "authentic_imperfect" if weak else "authentic"
        return "plagal" if first.interval == 5 and first.chord.triad in ("maj", "min") else None
    if _is_five(first) and (last.interval, last.chord.triad) in ((9, "min"), (8, "maj")):
        return "deceptive"
    return "half" if _is_five(last) else None


def _is_five(reading: Reading) -> bool:
    return reading.interval == 7 and reading.chord.triad in ("maj", "aug", "none")
