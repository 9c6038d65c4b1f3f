"""Chords written down in a line, as rows of column ``chords`` and as what is read from them."""

from collections.abc import Sequence
from typing import Any

from featurizers.harte import ChordSpan, read_chords
from featurizers.roman_numerals import Key, Reading, read_numerals

NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def rows(labels: str | Sequence[str], chord_s: float = 2.0) -> list[dict[str, Any]]:
    """One row a label, each as long as the others."""
    written = labels.split() if isinstance(labels, str) else labels
    return [
        {"start_s": i * chord_s, "end_s": (i + 1) * chord_s, "label": label, "confidence": 0.9}
        for i, label in enumerate(written)
    ]


def spans(labels: str | Sequence[str], chord_s: float = 2.0) -> list[ChordSpan]:
    return read_chords(rows(labels, chord_s))


def key(name: str) -> Key:
    """The key of a name such as ``F# minor``."""
    tonic, mode = name.split()
    return Key(NAMES.index(tonic), mode == "minor")


def readings(key_name: str, labels: str | Sequence[str], chord_s: float = 2.0) -> list[Reading]:
    return read_numerals(spans(labels, chord_s), key(key_name))


def transposed(labels: str, semitones: int) -> str:
    """Labels whose roots are in ``NAMES`` a number of semitones higher, N as it is."""
    return " ".join(_higher(label, semitones) for label in labels.split())


def _higher(label: str, semitones: int) -> str:
    root, colon, quality = label.partition(":")
    return label if label == "N" else NAMES[(NAMES.index(root) + semitones) % 12] + colon + quality
