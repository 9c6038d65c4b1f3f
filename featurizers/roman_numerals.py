"""Chords as Roman numerals in a key: degree, quality, function, borrowed chords and secondary dominants.

The rules follow Kostka and Payne, "Tonal Harmony"; functions follow Riemann in that a chord stands in for the
primary triad it shares two tones with. The conventions where books differ:

- Case tells the third: upper major, lower minor; chords without a third are upper case (Vsus4, I5).
- o diminished, ø half-diminished, + augmented; 7 a minor seventh, maj7 a major one; 9, 11 and 13 replace the 7.
  Figures name tones, never inversions (the label has the bass): a sixth is add6, a ninth without seventh add9.
- Accidentals are against the scale of the key, natural minor in minor: bVII in C major and VII in A minor.
  In minor, V and viio with the raised leading tone are plain, and a diminished chord below that tone is bviio.
  Other diminished chords lead upwards and are spelled so (#ivo); a chord on the tritone is #IV.
- Minor keys own the chords of natural and harmonic minor. What a key does not own but the parallel key does is
  borrowed: iv, bVI, bVII in major; I, ii, IV in minor.
- A major triad or dominant seventh that its key does not own is V of what follows a fifth below, a diminished chord
  viio of what follows a semitone above: of the triad that the key owns there, major or minor, never of the tonic.
  A chord of the same root may come between, a rest may not. I7 before IV7 is the tonic of a blues.
- Of a diminished seventh chord, whose tones are equally far apart, any tone may be the root: it is the one a
  semitone below the next chord or the tonic (in minor, which owns viio7, the tonic first), else the label's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from featurizers.harte import Chord, ChordSpan

_MAJOR = frozenset({0, 2, 4, 5, 7, 9, 11})
_NATURAL_MINOR = frozenset({0, 2, 3, 5, 7, 8, 10})
_HARMONIC_MINOR = frozenset({0, 2, 3, 5, 7, 8, 11})
_DIMINISHED_SEVENTH = frozenset({0, 3, 6, 9})
_THIRDS = {"maj": 4, "min": 3}

# accidental and degree by semitones above the tonic
_DEGREES_MAJOR = ("1", "b2", "2", "b3", "3", "4", "#4", "5", "b6", "6", "b7", "7")
_DEGREES_MINOR = ("1", "b2", "2", "3", "#3", "4", "#4", "5", "6", "#6", "7", "#7")
_DIMINISHED_MAJOR = ("1", "#1", "2", "#2", "3", "4", "#4", "5", "#5", "6", "#6", "7")
_DIMINISHED_MINOR = ("1", "#1", "2", "3", "#3", "4", "#4", "5", "6", "#6", "b7", "7")
_ROMANS = ("I", "II", "III", "IV", "V", "VI", "VII")

_FUNCTIONS = {
    **dict.fromkeys(((0, "maj"), (0, "min")), "tonic"),
    **dict.fromkeys(((4, "min"), (9, "min"), (3, "maj"), (8, "maj")), "tonic_substitute"),
    **dict.fromkeys(((2, "min"), (2, "dim"), (5, "maj"), (5, "min"), (1, "maj")), "subdominant"),
    **dict.fromkeys(((7, "maj"), (7, "min"), (7, "aug"), (11, "dim"), (10, "maj")), "dominant"),
}
_FUNCTIONS_OF_ROOTS = {root: function for (root, _), function in _FUNCTIONS.items()}


@dataclass(frozen=True)
class Key:
    """Pitch class of the tonic, and the mode."""

    tonic: int
    is_minor: bool

    @classmethod
    def of_index(cls, index: int | None) -> "Key | None":
        """The key of a ``key_index``; None where there is none."""
        return cls(int(index) % 12, int(index) >= 12) if index is not None and 0 <= index < 24 else None

    def owns(self, chord: Chord) -> bool:
        """Whether its scale, in minor natural or harmonic, holds every tone of the chord."""
        tones = {(tone - self.tonic) % 12 for tone in chord.pitch_classes}
        scales = (_NATURAL_MINOR, _HARMONIC_MINOR) if self.is_minor else (_MAJOR,)
        return any(tones <= scale for scale in scales)

    @property
    def parallel(self) -> "Key":
        return Key(self.tonic, not self.is_minor)


@dataclass(frozen=True)
class Reading:
    """A chord as its key makes it heard. ``interval`` is the root in semitones above the tonic."""

    span: ChordSpan
    interval: int
    numeral: str
    degree: int
    function: str | None
    is_diatonic: bool
    borrowed: bool
    secondary_of: str | None

    @property
    def chord(self) -> Chord:
        return self.span.chord

    @property
    def row(self) -> dict[str, Any]:
        """Its row of column ``roman_numerals``."""
        names = ("numeral", "degree", "function", "borrowed", "secondary_of")
        return {"start_s": self.span.start_s, "end_s": self.span.end_s} | {name: getattr(self, name) for name in names}


def read_numerals(spans: Sequence[ChordSpan], key: Key) -> list[Reading]:
    """Read every chord in the key, in order."""
    return [_reading(span, _next_chord(spans, i), key) for i, span in enumerate(spans)]


def _next_chord(spans: Sequence[ChordSpan], index: int) -> Chord | None:
    """The chord that follows with another root; None where a rest or the end comes before."""
    for later in range(index + 1, len(spans)):
        if not spans[later - 1].leads_to(spans[later]):
            return None
        if spans[later].chord.root != spans[index].chord.root:
            return spans[later].chord
    return None


def _reading(span: ChordSpan, following: Chord | None, key: Key) -> Reading:
    chord = _respelled(span.chord, following, key)
    interval = (chord.root - key.tonic) % 12
    is_diatonic = key.owns(chord)
    secondary_of = None if is_diatonic or following is None else _dominated(chord, following, key)
    degree = _degree(chord, key)
    if secondary_of:
        numeral = ("vii" if chord.triad == "dim" else "V") + _figures(chord) + f"/{secondary_of}"
    else:
        numeral = _numeral(chord, key)
    return Reading(
        span=replace(span, chord=chord),
        interval=interval,
        numeral=numeral,
        degree=int(degree[-1]),
        function=None if secondary_of else _function(chord, interval),
        is_diatonic=is_diatonic,
        borrowed=not is_diatonic and not secondary_of and key.parallel.owns(chord),
        secondary_of=secondary_of,
    )


def _respelled(chord: Chord, following: Chord | None, key: Key) -> Chord:
    """A diminished seventh chord on the root it has in the key, any other as it is."""
    if chord.intervals != _DIMINISHED_SEVENTH:
        return chord
    leading_tones = [key.tonic - 1] if following is None else [following.root - 1, key.tonic - 1]
    candidates = reversed(leading_tones) if key.is_minor else leading_tones
    root = next((tone % 12 for tone in candidates if tone % 12 in chord.pitch_classes), chord.root)
    return Chord(root, chord.intervals, (chord.root + chord.bass - root) % 12)


def _dominated(chord: Chord, following: Chord, key: Key) -> str | None:
    """The numeral of the triad that the chord is a dominant of; None if it is none."""
    rises = (following.root - chord.root) % 12
    as_five = rises == 5 and chord.triad in ("maj", "aug") and 11 not in chord.intervals
    as_seven = rises == 1 and chord.triad == "dim"
    blues = chord.root == key.tonic and following.triad == "maj" and 10 in following.intervals
    if not (as_five or as_seven) or following.root == key.tonic or following.triad == "dim" or blues:
        return None
    for triad in (following.triad, "maj", "min"):
        if triad in _THIRDS:
            target = Chord(following.root, frozenset({0, _THIRDS[triad], 7}))
            if key.owns(target):
                return _numeral(target, key)
    return None


def _degree(chord: Chord, key: Key) -> str:
    """Accidental and degree of the root, such as b7."""
    if chord.triad == "dim":
        degrees = _DIMINISHED_MINOR if key.is_minor else _DIMINISHED_MAJOR
    else:
        degrees = _DEGREES_MINOR if key.is_minor else _DEGREES_MAJOR
    return degrees[(chord.root - key.tonic) % 12]


def _numeral(chord: Chord, key: Key) -> str:
    degree = _degree(chord, key)
    roman = _ROMANS[int(degree[-1]) - 1]
    return degree[:-1] + (roman.lower() if chord.triad in ("min", "dim") else roman) + _figures(chord)


def _figures(chord: Chord) -> str:
    """What follows the numeral: the sign of the triad, its highest extension, added and suspended tones."""
    tones = chord.intervals
    if chord.triad == "dim" and (9 in tones or 10 in tones):
        return "o7" if 10 not in tones else "ø7"
    sign = {"dim": "o", "aug": "+"}.get(chord.triad, "")
    if 10 in tones or 11 in tones:
        extension = next((name for tone, name in ((9, "13"), (5, "11"), (2, "9")) if tone in tones), "7")
        suspended = chord.triad == "none" and 5 in tones
        if suspended and 9 not in tones:
            extension = "9" if 2 in tones else "7"
        return sign + ("" if 10 in tones else "maj") + extension + ("sus4" if suspended else "")
    if chord.triad == "none":
        return "sus4" if 5 in tones else "sus2" if 2 in tones else "5" if 7 in tones else ""
    return sign + ("add6" if 9 in tones else "") + ("add9" if 2 in tones else "")


def _function(chord: Chord, interval: int) -> str | None:
    """Of a chord without a third, that of its root; of bII7, the tritone substitute of V7, dominant."""
    if chord.triad == "none":
        return _FUNCTIONS_OF_ROOTS.get(interval)
    if interval == 1 and chord.triad == "maj" and 10 in chord.intervals:
        return "dominant"
    return _FUNCTIONS.get((interval, chord.triad))
