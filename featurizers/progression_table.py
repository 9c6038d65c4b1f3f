"""The named progressions, as Roman numerals.

Numerals are those of ``featurizers.roman_numerals``: in a minor pattern, one with an ``i``, they are degrees of natural
minor, so that the Andalusian i-bVII-bVI-V of popular writing is i VII VI V here.
"""

from dataclasses import dataclass

Token = tuple[int, int]
"""Root in semitones above the tonic, and third in semitones above the root."""

_MAJOR = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_MINOR = {"I": 0, "II": 2, "III": 3, "IV": 5, "V": 7, "VI": 8, "VII": 10}


@dataclass(frozen=True)
class Pattern:
    """A progression by name. A loop may begin at any chord, others only at their first."""

    name: str
    tokens: tuple[Token, ...]
    is_loop: bool
    min_repetitions: int = 1

    @property
    def period(self) -> int:
        """Chords from one round to the next: rounds share a chord where a pattern ends as it begins."""
        return len(self.tokens) - (self.tokens[0] == self.tokens[-1])

    @property
    def rotations(self) -> list[tuple[Token, ...]]:
        starts = range(len(self.tokens) if self.is_loop else 1)
        return [self.tokens[start:] + self.tokens[:start] for start in starts]


def _tokens(numerals: str) -> tuple[Token, ...]:
    words = numerals.split()
    return tuple(_token(word, "i" in words) for word in words)


def _token(numeral: str, is_minor: bool) -> Token:
    roman = numeral.strip("bo")
    root = (_MINOR if is_minor else _MAJOR)[roman.upper()] - numeral.count("b")
    return root, 4 if roman.isupper() else 3


def _loop(numerals: str, name: str = "", min_repetitions: int = 1) -> Pattern:
    return Pattern(name or numerals.replace(" ", "-"), _tokens(numerals), True, min_repetitions)


def _line(numerals: str, name: str = "") -> Pattern:
    return Pattern(name or numerals.replace(" ", "-"), _tokens(numerals), False)


PATTERNS = (
    _loop("I V vi iii IV I IV V", "Pachelbel"),
    _loop("I IV viio iii vi ii V", "circle of fifths"),
    _loop("i iv VII III VI iio V", "circle of fifths"),
    _line("iii vi ii V I", "circle of fifths"),
    _loop("I V vi IV"),
    _loop("I vi IV V"),
    _loop("I vi ii V"),
    _loop("I IV vi V"),
    _loop("I IV V IV"),
    _loop("I iii IV V"),
    _loop("IV V iii vi", "royal road"),
    _loop("I VI II V", "ragtime"),
    _loop("I III IV iv"),
    _loop("i VII VI V", "Andalusian"),
    _loop("i VI III VII"),
    _loop("i VII VI VII"),
    _loop("i III VII IV"),
    _loop("i iv VII III"),
    _loop("i VI iv V"),
    _line("I IV V I"),
    _line("i iv V i"),
    _line("i iv v i"),
    _line("ii V I"),
    _line("iio V i", "ii-V-i"),
    _line("bVI bVII I"),
    _line("IV iv I"),
    _loop("I bVII IV"),
    _loop("i VI VII"),
    _loop("I IV V", min_repetitions=2),
    _loop("I V IV", min_repetitions=2),
    _loop("i iv v", min_repetitions=2),
    _loop("i iv V", min_repetitions=2),
    _loop("I IV", "plagal vamp", min_repetitions=2),
    _loop("I bVII", "mixolydian vamp", min_repetitions=2),
    _loop("i IV", "dorian vamp", min_repetitions=2),
)
"""Where two readings are as short as each other, the pattern that stands first wins."""


def _bars(numerals: str) -> tuple[frozenset[Token], ...]:
    is_minor = "i" in numerals.split()
    return tuple(frozenset(_token(word, is_minor) for word in bar.split()) for bar in numerals.split("|"))


BLUES = {
    "12-bar blues": _bars("I | I IV | I | I | IV | IV | I | I VI | V ii | IV V | I | I V"),
    "12-bar minor blues": _bars("i | i iv | i | i | iv | iv | i | i | V v VI iio | iv V v | i | i V v"),
}
"""The chords that each bar may have: with quick change and turnaround, the ii-V of jazz, and VI-V in minor."""
