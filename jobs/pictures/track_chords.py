"""Chords and their numerals as lanes show them."""

import re
from collections.abc import Mapping
from typing import Any

from featurizers.harte import parse
from jobs.pictures.track_colours import FUNCTIONS, NOTHING, PLAIN, Tone, chord_tone
from jobs.pictures.track_spans import Span, share, spans_of
from schemas.pitch_classes import STEPS, pitch_class

_HARTE = re.compile(r"(?P<root>[A-G][b#]*)(?::(?P<quality>\w*))?(?P<degrees>\([^()]*\))?(?P<bass>/.+)?")
_SHORT = {"maj": "", "min": "m", "min7": "m7", "min6": "m6", "min9": "m9", "minmaj7": "mM7", "maj6": "6"}
_SHORT |= {"dim": "°", "dim7": "°7", "hdim7": "ø7", "aug": "+"}
_ACCIDENTALS = str.maketrans({"#": "♯", "b": "♭"})
_TONIC = re.compile(r"([A-G][b#]?) (?:major|minor)")
_DEGREES = (0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6)
"""Steps of the scale above the tonic by which roots are spelt, by semitones: lowered but for the fourth."""
_LEADING_DEGREES = (0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6)
"""The same for diminished chords, whose roots lead up: raised."""


def chord_spans(row: Mapping[str, Any]) -> list[Span]:
    """Chords as musicians write them; the detail has the label as stored. No chord (N) has no label."""
    key = row.get("key") or ""
    return [
        Span(start_s, end_s, short_chord(item["label"] or "", key), _detail(item), _tone(item["label"] or ""))
        for start_s, end_s, item in spans_of(row.get("chords"))
    ]


def short_chord(label: str, key: str = "") -> str:
    """``A:min7/b3`` -> ``Am7/♭3``; what is no such label stays as it is, and N and X become nothing.

    In a key, such as ``C minor``, roots are spelt by its degrees: stored labels have sharps alone.
    """
    match = _HARTE.fullmatch(label)
    if match is None:
        return "" if label in ("N", "X") else label
    quality = match["quality"] or ""
    root = _spelt(match["root"], key, quality in ("dim", "dim7", "hdim7")).translate(_ACCIDENTALS)
    bass = (match["bass"] or "").translate(_ACCIDENTALS)
    return f"{root}{_SHORT.get(quality, quality)}{(match['degrees'] or '').translate(_ACCIDENTALS)}{bass}"


def _spelt(root: str, key: str, leads: bool) -> str:
    """The root by the letter of its degree in the key; as it is without a key, or with two accidentals."""
    tonic = _TONIC.fullmatch(key)
    if tonic is None:
        return root
    semitones = (pitch_class(root) - pitch_class(tonic[1])) % 12
    degree = (_LEADING_DEGREES if leads else _DEGREES)[semitones]
    letters = tuple(STEPS)
    letter = letters[(letters.index(tonic[1][0]) + degree) % len(letters)]
    accidentals = (pitch_class(root) - STEPS[letter] + 6) % 12 - 6
    return {-1: f"{letter}b", 0: letter, 1: f"{letter}#"}.get(accidentals, root)


def _detail(chord: Mapping[str, Any]) -> str:
    label = "no chord" if chord["label"] == "N" else chord["label"] or ""
    confidence = chord.get("confidence")
    return label if confidence is None else f"{label}, confidence {share(confidence)}"


def _tone(label: str) -> Tone:
    chord = parse(label)
    return chord_tone(chord.root, chord.triad in ("min", "dim")) if chord else NOTHING


def numeral_spans(row: Mapping[str, Any]) -> list[Span]:
    """Roman numerals coloured by function; one at which a cadence ends is strong."""
    cadences = {item["time_s"]: item["type"] for item in row.get("cadences") or [] if item}
    return [
        Span(
            start_s,
            end_s,
            (item["numeral"] or "").replace("b", "♭").replace("#", "♯"),
            _numeral_detail(item, cadences.get(start_s)),
            FUNCTIONS.get(item.get("function") or "", PLAIN),
            strong=start_s in cadences,
        )
        for start_s, end_s, item in spans_of(row.get("roman_numerals"))
    ]


def _numeral_detail(numeral: Mapping[str, Any], cadence: str | None) -> str:
    parts = [
        (numeral.get("function") or "").replace("_", " "),
        "borrowed" if numeral.get("borrowed") else "",
        f"of {numeral['secondary_of']}" if numeral.get("secondary_of") else "",
        f"{cadence.replace('_', ' ')} cadence" if cadence else "",
    ]
    return ", ".join(part for part in parts if part)
