"""Chord labels in the syntax of Harte et al., and the chords of a track read from them.

Harte, Sandler, Abdallah and Gomez, "Symbolic Representation of Musical Chords: A Proposed Syntax for Text
Annotations", ISMIR 2005.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from schemas.pitch_classes import pitch_class

Triad = Literal["maj", "min", "dim", "aug", "none"]

MAX_REST_S = 1.0
"""A rest up to this long does not part two chords; a longer one ends a phrase."""

_SCALE = (0, 2, 4, 5, 7, 9, 11)
_DEGREES = {
    "maj": "3 5",
    "min": "b3 5",
    "dim": "b3 b5",
    "aug": "3 #5",
    "maj7": "3 5 7",
    "min7": "b3 5 b7",
    "7": "3 5 b7",
    "dim7": "b3 b5 bb7",
    "hdim7": "b3 b5 b7",
    "minmaj7": "b3 5 7",
    "aug7": "3 #5 b7",
    "maj6": "3 5 6",
    "6": "3 5 6",
    "min6": "b3 5 6",
    "9": "3 5 b7 9",
    "maj9": "3 5 7 9",
    "min9": "b3 5 b7 9",
    "11": "3 5 b7 9 11",
    "maj11": "3 5 7 9 11",
    "min11": "b3 5 b7 9 11",
    "13": "3 5 b7 9 11 13",
    "maj13": "3 5 7 9 11 13",
    "min13": "b3 5 b7 9 11 13",
    "sus2": "2 5",
    "sus4": "4 5",
    "5": "5",
    "1": "",
}
_LABEL = re.compile(
    r"(?P<root>[A-G][b#]*)(?P<colon>:(?P<quality>\w*)(?:\((?P<degrees>[^()]*)\))?)?(?:/(?P<bass>[A-G]?[b#]*\d*))?"
)
_DEGREE = re.compile(r"(?P<omitted>\*?)(?P<accidentals>[b#]*)(?P<number>\d{1,2})")


@dataclass(frozen=True)
class Chord:
    """A chord without octaves. ``intervals`` and ``bass`` are semitones above the root, 0-11; both hold the bass."""

    root: int
    intervals: frozenset[int]
    bass: int = 0

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Pitch classes, C = 0."""
        return frozenset((self.root + interval) % 12 for interval in self.intervals)

    @property
    def triad(self) -> Triad:
        """The triad it is built on; none where there is no third (suspensions, power chords)."""
        if 4 in self.intervals:
            return "aug" if 8 in self.intervals and 7 not in self.intervals else "maj"
        if 3 in self.intervals:
            return "dim" if 6 in self.intervals and 7 not in self.intervals else "min"
        return "none"


@dataclass(frozen=True)
class ChordSpan:
    """A chord that sounds from ``start_s`` to ``end_s``. ``confidence`` is 0-1, None where it is unknown."""

    start_s: float
    end_s: float
    chord: Chord
    confidence: float | None = None

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def leads_to(self, other: "ChordSpan") -> bool:
        """Whether the other follows without a rest to speak of."""
        return other.start_s - self.end_s <= MAX_REST_S


@lru_cache(maxsize=4096)
def parse(label: str) -> Chord | None:
    """Read a label such as ``A:min7/b3``; None for no chord (N), an unknown one (X), or what is no label.

    The bass may also be a note name (``B:dim7/C``). A bass that is no tone of the chord becomes one.
    """
    match = _LABEL.fullmatch(label.strip())
    if match is None:
        return None
    degrees = match["degrees"]
    quality = match["quality"] if match["colon"] else "maj"
    if quality not in _DEGREES and (quality or degrees is None):
        return None
    root = pitch_class(match["root"])
    written = [*_DEGREES.get(quality, "").split(), *(degree for degree in (degrees or "").split(",") if degree.strip())]
    read = [_DEGREE.fullmatch(degree.strip()) for degree in written]
    bass = _bass(match["bass"], root)
    if bass is None or None in read:
        return None
    omitted = {_semitones(degree) for degree in read if degree and degree["omitted"]}
    intervals = {0} | {_semitones(degree) for degree in read if degree and not degree["omitted"]}
    return Chord(root, frozenset(intervals - omitted | {bass}), bass)


def _semitones(degree: re.Match[str]) -> int:
    accidentals = degree["accidentals"]
    return (_SCALE[(int(degree["number"]) - 1) % 7] + accidentals.count("#") - accidentals.count("b")) % 12


def _bass(text: str | None, root: int) -> int | None:
    """Semitones above the root of a bass written as a degree or a note; None if it is neither."""
    if text is None:
        return 0
    if re.fullmatch(r"[A-G][b#]*", text):
        return (pitch_class(text) - root) % 12
    degree = _DEGREE.fullmatch(text)
    return _semitones(degree) if degree else None


def read_chords(rows: Iterable[Mapping[str, Any] | None] | None) -> list[ChordSpan]:
    """Return the chords of column ``chords`` in order of time, equal neighbours joined.

    Left out is what is no chord: N, X, labels that cannot be read, spans without times or length.
    """
    spans = sorted((span for row in rows or () if (span := _span(row or {}))), key=lambda span: span.start_s)
    joined: list[ChordSpan] = []
    for span in spans:
        if joined and joined[-1].chord == span.chord and joined[-1].leads_to(span):
            joined[-1] = _joined(joined[-1], span)
        else:
            joined.append(span)
    return joined


def _span(row: Mapping[str, Any]) -> ChordSpan | None:
    start_s, end_s, label = row.get("start_s"), row.get("end_s"), row.get("label")
    chord = parse(label) if label else None
    if chord is None or start_s is None or end_s is None or not math.isfinite(end_s - start_s) or end_s <= start_s:
        return None
    return ChordSpan(start_s, end_s, chord, row.get("confidence"))


def _joined(first: ChordSpan, second: ChordSpan) -> ChordSpan:
    known = [span for span in (first, second) if span.confidence is not None]
    duration_s = sum(span.duration_s for span in known)
    mean = sum((span.confidence or 0) * span.duration_s for span in known) / duration_s if known else None
    return replace(first, end_s=max(first.end_s, second.end_s), confidence=mean)
