"""Facts of a track put into English sentences; which words are taken depends on the track's id alone."""

import dataclasses
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

_SYNONYMS = {
    "slow": ("slow", "slow-paced", "unhurried"),
    "mid-tempo": ("mid-tempo", "moderately paced"),
    "fast": ("fast", "fast-paced", "up-tempo"),
    "quiet": ("quiet", "soft", "gentle"),
    "loud": ("loud", "energetic", "powerful"),
    "dark": ("dark", "warm", "mellow"),
    "bright": ("bright", "crisp", "brilliant"),
}
_NOUNS: dict[bool | None, tuple[str, ...]] = {
    True: ("song", "track"),
    False: ("instrumental", "instrumental track", "instrumental piece"),
    None: ("track", "piece", "recording"),
}
_NOUNS_ALONE = ("piece of music", "music track", "music recording")
_LANGUAGE_NAMES = """
    ar Arabic, bg Bulgarian, bn Bengali, ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek, en English,
    es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, fr French, ga Irish, gl Galician, he Hebrew, hi Hindi,
    hr Croatian, hu Hungarian, hy Armenian, id Indonesian, is Icelandic, it Italian, ja Japanese, ka Georgian,
    ko Korean, la Latin, lt Lithuanian, lv Latvian, mk Macedonian, ms Malay, nl Dutch, no Norwegian, pl Polish,
    pt Portuguese, ro Romanian, ru Russian, sk Slovak, sl Slovenian, sq Albanian, sr Serbian, sv Swedish, sw Swahili,
    ta Tamil, te Telugu, th Thai, tl Tagalog, tr Turkish, uk Ukrainian, ur Urdu, vi Vietnamese, yi Yiddish,
    yo Yoruba, zh Chinese
"""
LANGUAGES: dict[str, str] = dict(pair.split() for pair in _LANGUAGE_NAMES.split(","))
"""ISO 639-1 code -> English name; a language that is not here is not named."""


@dataclass(frozen=True)
class Facts:
    """What may be said of a track; None where it is unknown or uncertain."""

    genre: str | None = None
    artist: str | None = None
    year: int | None = None
    tempo: str | None = None
    """slow, mid-tempo or fast"""
    tempo_bpm: int | None = None
    key: str | None = None
    time_signature: str | None = None
    loudness: str | None = None
    """quiet or loud"""
    brightness: str | None = None
    """dark or bright"""
    has_vocals: bool | None = None
    language: str | None = None
    lyrics_sentiment: str | None = None
    """positive or negative"""
    progression: str | None = None
    """name of a chord progression, as in fragment theory"""
    form: str | None = None
    """what it is made of, e.g. verses and choruses"""

    @property
    def known(self) -> dict[str, Any]:
        """The facts there are, by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Chance:
    """Choices that look random over tracks and are always the same for one; each has a name of its own."""

    track_id: str

    def pick(self, name: str, options: Sequence[T]) -> T:
        return options[self._number(name) % len(options)]

    def shuffled(self, name: str, items: Sequence[T]) -> list[T]:
        return [item for _, item in sorted(enumerate(items), key=lambda pair: self._number(f"{name} {pair[0]}"))]

    def _number(self, name: str) -> int:
        digest = hashlib.sha256(f"{self.track_id} {name}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8])


def caption(facts: Facts, track_id: str) -> str:
    """Return one or two sentences that say every fact."""
    chance = Chance(track_id)
    subject = chance.pick("opening", ("", "This is ")) + _subject(facts, chance)
    pitch, pace, voice = _in_what(facts, chance), _how_fast(facts, chance), _with_what(facts, chance)
    build = _built_on_what(facts, chance)
    if not (pitch or pace or voice or build):
        return _sentence(subject)
    if chance.pick("sentences", (1, 2)) == 1:
        comma = "," if facts.artist or facts.year else ""
        music = " ".join(phrase for phrase in chance.shuffled("music", (pitch, pace)) if phrase)
        candidates = (music, voice and f"with {voice}", build)
        phrases = [phrase for phrase in chance.shuffled("phrases", candidates) if phrase]
        return _sentence(f"{subject}{comma} {', '.join(phrases)}")
    said = (
        pitch and f"is {pitch}",
        pace and f"{chance.pick('verb', ('runs', 'moves'))} {pace}",
        voice and f"has {voice}",
        build and f"is {build}",
    )
    return f"{_sentence(subject)} {_sentence('it ' + _enumeration([v for v in chance.shuffled('said', said) if v]))}"


def _subject(facts: Facts, chance: Chance) -> str:
    words = [word for word in (facts.loudness, facts.tempo, facts.brightness) if word]
    adjectives = [chance.pick(word, _SYNONYMS[word]) for word in chance.shuffled("adjectives", words)]
    qualified = bool(adjectives or facts.genre or facts.has_vocals is not None)
    noun = chance.pick("noun", _NOUNS[facts.has_vocals] if qualified else _NOUNS_ALONE)
    parts = [", ".join(adjectives), facts.genre, noun, facts.artist and f"by {facts.artist}", _origin(facts, chance)]
    phrase = " ".join(part for part in parts if part)
    return f"{article(phrase)} {phrase}"


def _origin(facts: Facts, chance: Chance) -> str | None:
    if facts.year is None:
        return None
    return chance.pick("origin", (f"from {facts.year}", f"from the {facts.year // 10 * 10}s"))


def _in_what(facts: Facts, chance: Chance) -> str | None:
    key = facts.key and chance.pick("key", (facts.key, f"the key of {facts.key}"))
    known = [words for words in (key, facts.time_signature and f"{facts.time_signature} time") if words]
    return f"in {_enumeration(known)}" if known else None


def _how_fast(facts: Facts, chance: Chance) -> str | None:
    if facts.tempo_bpm is None:
        return None
    return chance.pick("tempo", (f"at {facts.tempo_bpm} BPM", f"at a tempo of {facts.tempo_bpm} BPM"))


def _with_what(facts: Facts, chance: Chance) -> str | None:
    if not facts.has_vocals:
        return None
    language, sentiment = facts.language, facts.lyrics_sentiment
    known = [chance.pick("voice", (f"vocals in {language}", f"{language} vocals")) if language else "vocals"]
    if sentiment:
        known.append(chance.pick("sentiment", (f"{sentiment} lyrics", f"lyrics of {sentiment} sentiment")))
    return _enumeration(known)


def _built_on_what(facts: Facts, chance: Chance) -> str | None:
    chords = facts.progression and (
        f"a {facts.progression}" if facts.progression.endswith("blues") else f"the chords {facts.progression}"
    )
    known = [words for words in (facts.form, chords) if words]
    if not known:
        return None
    return f"{chance.pick('build', ('built on', 'based on'))} {_enumeration(chance.shuffled('builds', known))}"


def _enumeration(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}".rstrip(".") + "."


def article(phrase: str) -> str:
    """Return a or an: by the first letter's sound, which in abbreviations is the letter's name."""
    first = phrase.split()[0]
    if "&" in first[:2] or (first.isupper() and first.isalpha() and len(first) > 1):
        return "an" if first[0] in "AEFHILMNORSX" else "a"
    if re.match(r"8|1[18](?!\d)", first):
        return "an"
    plain = unicodedata.normalize("NFKD", first).casefold()
    return "an" if plain[0] in "aeiou" and not re.match(r"eu|uni|uk|one", plain) else "a"
