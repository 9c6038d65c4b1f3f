"""What is pronounced, and when: the lyrics in IPA, with a span of time for every phoneme.

Where the acoustic model knows the language, a word's letters are found in the vocals and its phonemes follow them;
elsewhere the span that the lyrics give the word is shared out among its phonemes.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.alignment import (
    FRAME_S,
    LANGUAGE,
    RATE_HZ,
    WEIGHT,
    AcousticModel,
    Span,
    align_letters,
    is_vowel,
    match_letters,
)
from featurizers.audio import VOCALS_16K_MONO
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.phonemizer import Phonemizer, phonemizer
from featurizers.weights import model_id
from schemas.fragments.phonemes import PHONEMES

Floats = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]

MAX_PAUSE_S = 0.5
MAX_PHRASE_S = 15.0
MAX_PHRASE_WORDS = 40
PADDING_S = 0.3
"""How far around its span a word is looked for."""
VOWEL_SHARE = 2.0
"""Of a consonant's time: Klatt, "Linguistic uses of segmental duration in English" (JASA 1976), has 130 and 70 ms."""


class Word(NamedTuple):
    """A word that sounds."""

    start_s: float
    end_s: float
    spoken: str
    phonemes: tuple[str, ...]


Phrase = Sequence[Word]


@dataclass(frozen=True)
class Phonemes(Featurizer):
    """``aligner`` says how the times are had: "ctc" by the acoustic model in the languages it knows, else "shared"."""

    aligner: Literal["ctc", "shared"] = "ctc"
    writes = PHONEMES
    reads = ("lyrics",)
    cost = 0.2
    gpu_share = 0.1

    @property
    def hears(self) -> tuple[str, ...]:  # type: ignore[override]  # sharing out needs no audio
        """The vocals, if they are to be aligned."""
        return ("vocals",) if self.aligner == "ctc" else ()

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # nor a model
        """The acoustic model, if it is to be used."""
        return (WEIGHT,) if self.aligner == "ctc" else ()

    def load(self) -> Extract:
        model = AcousticModel() if self.aligner == "ctc" else None
        extract = functools.partial(_features, functools.cache(phonemizer), model, model_id(*self.weights))
        return lambda batch: [extract(inputs) for inputs in batch]


def _features(
    phonemizer_of: Callable[[str | None], Phonemizer], model: AcousticModel | None, identity: str, inputs: Inputs
) -> Features:
    words, language = inputs.columns["words"] or [], inputs.columns["language"]
    if not words:
        return _nothing()
    reader = phonemizer_of(language)
    phrases = list(read_phrases(words, reader))
    if not phrases:
        return _nothing()
    found: list[list[Times] | None] = [None] * len(phrases)
    if model and language == LANGUAGE:
        samples = inputs.audio(VOCALS_16K_MONO).samples[0]
        found = [align_phrase(model, samples, phrases, index) for index in range(len(phrases))]
    is_aligned = any(found)
    bounds_s = [aligned or [share_out(word) for word in phrase] for phrase, aligned in zip(phrases, found, strict=True)]
    words_s = zip(itertools.chain(*phrases), itertools.chain(*bounds_s), strict=True)
    return {
        "phonemes_ipa": " ".join("".join(word.phonemes) for word in itertools.chain(*phrases)),
        "phonemes": [row for word, times_s in words_s for row in _rows(word, times_s)],
        "alignment": "ctc" if is_aligned else "shared",
        "phonemizer": reader.name,
        "phonemes_model": identity if is_aligned else None,
    }


def _nothing() -> Features:
    return {**dict.fromkeys(PHONEMES.names), "phonemes": []}


def _rows(word: Word, times_s: Times) -> Iterator[dict[str, Any]]:
    for phoneme, (start_s, end_s) in zip(word.phonemes, itertools.pairwise(times_s.tolist()), strict=True):
        yield {"phoneme": phoneme, "start_s": start_s, "end_s": end_s}


def read_phrases(words: Sequence[Mapping[str, Any]], reader: Phonemizer) -> Iterator[list[Word]]:
    """Yield the phrases of the lyrics, without the words that have no sound.

    A phrase ends at a pause of half a second, after 40 words, or before it would take 15 s. Spans that overlap or run
    backwards are cut to where the time had already come.
    """
    edges_s = np.maximum.accumulate([edge for word in words for edge in (word["start_s"], word["end_s"])])
    spans_s = edges_s.reshape(-1, 2).tolist()
    first = 0
    for stop in range(1, len(words) + 1):
        if stop == len(words) or _phrase_ends(spans_s[first:stop], spans_s[stop]):
            read = reader.read([word["word"] for word in words[first:stop]])
            timed = zip(spans_s[first:stop], read, strict=True)
            phrase = [Word(start_s, end_s, *sound) for (start_s, end_s), sound in timed if sound.phonemes]
            if phrase:
                yield phrase
            first = stop


def _phrase_ends(spans_s: Sequence[Sequence[float]], following_s: Sequence[float]) -> bool:
    is_pause = following_s[0] - spans_s[-1][1] >= MAX_PAUSE_S
    return is_pause or len(spans_s) == MAX_PHRASE_WORDS or following_s[1] - spans_s[0][0] > MAX_PHRASE_S


def share_out(word: Word) -> Times:
    """Share the span of a word out among its phonemes, twice as much to a vowel as to a consonant.

    Returns the seconds at which its phonemes begin and the last one ends, ``(phonemes + 1,)``.
    """
    weights = [VOWEL_SHARE if is_vowel(phoneme) else 1.0 for phoneme in word.phonemes]
    bounds_s: Times = word.start_s + (word.end_s - word.start_s) * np.cumsum([0.0, *weights]) / np.sum(weights)
    bounds_s[-1] = word.end_s
    return bounds_s


def align_phrase(model: AcousticModel, samples: Floats, phrases: Sequence[Phrase], index: int) -> list[Times] | None:
    """Find the phonemes of a phrase in samples at 16 kHz: for each word as ``share_out``, or None if it is impossible.

    That is so where a word has no letter that the model knows, the phrase has more letters than frames, or one word
    lasts longer than a phrase may.
    """
    phrase = phrases[index]
    low_s, high_s = _limits(phrases, index)
    letters = [model.letters(word.spoken) for word in phrase]
    if not all(letters) or high_s - low_s > MAX_PHRASE_S + 2 * PADDING_S:
        return None
    log_probs = model(samples[round(low_s * RATE_HZ) : round(high_s * RATE_HZ)])
    labels = [[model.labels[letter] for letter in word] for word in letters]
    spans = align_letters(log_probs, labels, [_window(word, low_s) for word in phrase])
    if spans is None:
        return None
    bounds_s = _letter_bounds(phrase, spans, low_s, high_s)
    positions = [match_letters(word, spoken.phonemes) for word, spoken in zip(letters, phrase, strict=True)]
    return [np.interp(at, np.arange(len(s)), s) for at, s in zip(positions, bounds_s, strict=True)]


def _limits(phrases: Sequence[Phrase], index: int) -> tuple[float, float]:
    """Where the letters of a phrase may lie: its span and 0.3 s around it, but at most half of the pause, and no more
    than the span of all lyrics.
    """
    low_s, high_s = phrases[index][0].start_s, phrases[index][-1].end_s
    before, after = phrases[:index][-1:], phrases[index + 1 :][:1]
    low_s = max(low_s - PADDING_S, (before[0][-1].end_s + low_s) / 2) if before else low_s
    high_s = min(high_s + PADDING_S, (high_s + after[0][0].start_s) / 2) if after else high_s
    return low_s, high_s


def _window(word: Word, low_s: float) -> Span:
    first = max(0, round((word.start_s - PADDING_S - low_s) / FRAME_S))
    return first, round((word.end_s + PADDING_S - low_s) / FRAME_S)


def _letter_bounds(phrase: Phrase, spans: Sequence[Sequence[Span]], low_s: float, high_s: float) -> list[Times]:
    """Seconds at which the letters of each word begin and the last one ends, ``(letters + 1,)``.

    The path marks a letter for a frame or two, however long it is held: so it lasts until the next one begins, and the
    last one of a word to the end of the word in the lyrics, unless it is still heard then or the next word has begun.
    """
    onsets_s = [[low_s + first * FRAME_S for first, _ in word] for word in spans]
    latest_s = [onset_s[0] for onset_s in onsets_s[1:]] + [high_s]
    heard_s = [low_s + word[-1][1] * FRAME_S for word in spans]
    ends_s = np.minimum(np.maximum(heard_s, [word.end_s for word in phrase]), latest_s)
    return [np.array([*onset_s, end_s]) for onset_s, end_s in zip(onsets_s, ends_s, strict=True)]
