"""Text to IPA, word by word: gruut for the languages of its packs, espeak-ng for all others it speaks.

gruut (MIT) reads a phrase at once, because the part of speech decides how English *read*, *use* and *wind* sound.
Its own lexicons mark stress in English alone and French has none that tells words apart; for German, Spanish,
Italian and Portuguese it reads the lexicons of the same packs that were derived from espeak-ng, which mark it.

espeak-ng and the package phonemizer, through which it is called, are under the GPL-3.0. They are separate and
optional installs that nothing here contains; without them only the languages of gruut's packs are to be had.
espeak-ng joins words of a phrase (*of the* becomes one), so it gets one word at a time.
"""

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

GRUUT: dict[str, tuple[str, str]] = {
    "de": ("de-de", "espeak"),
    "en": ("en-us", ""),
    "es": ("es-es", "espeak"),
    "fr": ("fr-fr", ""),
    "it": ("it-it", "espeak"),
    "pt": ("pt", "espeak"),
}
"""ISO 639-1 code -> gruut's name of the language, and the folder of its pack that holds the lexicon."""

ESPEAK_VOICES = {"en": "en-us", "fr": "fr-fr", "no": "nb", "zh": "cmn"}
"""Where espeak-ng's name of a language differs from the ISO 639-1 code."""

ESPEAK_UNREADABLE = frozenset({"ja"})
"""espeak-ng reads kana alone: for a kanji it says "Chinese letter"."""

MAX_DIGITS = 15
_EXPONENT = re.compile(r"(?<=\d)(?=e[+-]?\d)", re.IGNORECASE)
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[.,]?(?=\d)")
_SYMBOLS = re.compile(r"[^\w']+")


class Pronunciation(NamedTuple):
    """How one word sounds. Both are empty for what has no sound (a dash) or cannot be read (a foreign script)."""

    spoken: str
    """The word without punctuation, a number in words; words of espeak-ng are as they were written."""
    phonemes: tuple[str, ...]


Read = Callable[[Sequence[str]], list[Pronunciation]]


@dataclass(frozen=True)
class Phonemizer:
    """What reads a language. ``read`` takes the words of a phrase and gives one pronunciation for each."""

    name: str
    read: Read


class UnknownLanguageError(Exception):
    """There is nothing that could read a language."""


def phonemizer(language: str | None) -> Phonemizer:
    """Return what reads a language, an ISO 639-1 code: gruut if it has the pack, else espeak-ng.

    Raises UnknownLanguageError if neither knows it.
    """
    return _gruut(language) or _espeak(language)


def _gruut(language: str | None) -> Phonemizer | None:
    if language not in GRUUT:
        return None
    name, folder = GRUUT[language]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # jsonlines, which it imports, has an invalid escape
        from gruut import TextProcessor
        from gruut.lang import get_settings
    settings = get_settings(name, model_prefix=folder, replacements=[("\u2019", "'")])  # its own for German spoil ß
    lookup: Any = settings.lookup_phonemes
    if lookup is None:  # no pack: it would leave every word without phonemes and say nothing
        return None
    lookup.phonemizer = _lexicon_in_memory(lookup)
    # A processor for each language: the library's own shares one, which falls back to the language it was made for.
    return Phonemizer("gruut", partial(_read_with_gruut, TextProcessor(name, settings={name: settings})))


def _lexicon_in_memory(lookup: Any) -> Any:
    """The lexicon of a pack with an index, which its file lacks: 0.1 ms a word instead of 30 to 150."""
    import sqlite3

    from gruut.phonemize import SqlitePhonemizer

    lexicon = sqlite3.connect(":memory:")
    lexicon.execute("ATTACH ? AS pack", (str(Path(lookup.db_path)),))
    lexicon.execute("CREATE TABLE word_phonemes AS SELECT word, pron_order, phonemes, role FROM pack.word_phonemes")
    lexicon.execute("CREATE INDEX words ON word_phonemes (word)")
    return SqlitePhonemizer(lexicon, **lookup.phonemizer_args)


def _read_with_gruut(processor: Any, words: Sequence[str]) -> list[Pronunciation]:
    """Read a phrase; then what it made nothing of, like *24/7*, once more without the symbols."""
    cleaned = [_without_huge_numbers(_clean(word)) for word in words]
    found = _read_phrase(processor, cleaned)
    for index, word in enumerate(cleaned):
        plain = _SYMBOLS.sub(" ", word)
        if not found[index].phonemes and plain != word:
            found[index] = _read_phrase(processor, [plain])[0]
    return found


def _without_huge_numbers(word: str) -> str:
    """Leave single digits of a number with more than 15, and take 1e9 for no number: gruut fails beyond 28 digits."""
    word = _EXPONENT.sub(" ", word)
    return _BETWEEN_DIGITS.sub(" ", word) if sum(map(str.isdigit, word)) > MAX_DIGITS else word


def _read_phrase(processor: Any, words: Sequence[str]) -> list[Pronunciation]:
    """A mark before every word tells which of them the spoken ones came from: *1999* is read as three."""
    marked = "".join(f'<mark name="{index}"/>{escape(word)} ' for index, word in enumerate(words))
    # Dates cost seconds and join words.
    graph, root = processor(f"<speak><s>{marked}</s></speak>", ssml=True, detect_dates=False)
    spoken: list[list[Any]] = [[] for _ in words]
    for index, word in _spoken_words(processor.sentences(graph, root, break_phonemes=False)):
        spoken[index].append(word)
    return [_pronunciation((part.text, part.phonemes) for part in parts) for parts in spoken]


def _spoken_words(sentences: Iterable[Any]) -> Iterable[tuple[int, Any]]:
    """Yield what is spoken, each with the number in the mark that comes last before it."""
    index = 0
    for sentence in sentences:
        index = _last(sentence.marks_before, index)
        for word in sentence:
            index = _last(word.marks_before, index)
            if word.is_spoken and word.phonemes:
                yield index, word
            index = _last(word.marks_after, index)
        index = _last(sentence.marks_after, index)


def _last(marks: Sequence[str] | None, otherwise: int) -> int:
    return int(marks[-1]) if marks else otherwise


def _espeak(language: str | None) -> Phonemizer:
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper

    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    voice = ESPEAK_VOICES.get(language or "", language)
    if language in ESPEAK_UNREADABLE or voice not in EspeakBackend.supported_languages():
        raise UnknownLanguageError(f"neither gruut nor espeak-ng can read the language {language!r}")
    backend = EspeakBackend(voice, with_stress=True, language_switch="remove-flags")
    return Phonemizer("espeak-ng", partial(_read_with_espeak, backend))


def _read_with_espeak(backend: Any, words: Sequence[str]) -> list[Pronunciation]:
    from phonemizer.separator import Separator

    cleaned = [_clean(word) for word in words]
    lines = backend.phonemize(cleaned, separator=Separator(phone=" ", word="|", syllable=""), strip=True)
    return [_pronunciation([(word, line.replace("|", " ").split())]) for word, line in zip(cleaned, lines, strict=True)]


def _pronunciation(parts: Iterable[tuple[str, Sequence[str]]]) -> Pronunciation:
    sounding = [(text, phonemes) for text, phonemes in parts if phonemes]
    every = tuple(phoneme for _, phonemes in sounding for phoneme in phonemes)
    return Pronunciation(" ".join(text for text, _ in sounding), every)


def _clean(word: str) -> str:
    """Without what is no text: control characters, and pictures and notes, whose names espeak-ng would say."""
    kept = (char if char.isprintable() and unicodedata.category(char) != "So" else " " for char in word)
    return "".join(kept).strip()
