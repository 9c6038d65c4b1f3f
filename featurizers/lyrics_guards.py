"""Guards against text that a recogniser invents where nobody sings it.

Radford et al., "Robust speech recognition via large-scale weak supervision" (2022), name the two thresholds of a
decoding that failed: text that compresses too well, and a likely pause with an unlikely text. There the decoder tries
again at a higher temperature, which is random; here the text is dropped. A loop is a decoder that repeats itself, and
a word outside the vocals is one that nothing was heard of.
"""

import re
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from featurizers.vocal_activity import Span

MAX_COMPRESSION_RATIO = 2.4
MAX_NO_SPEECH_PROBABILITY = 0.6
MIN_LOG_PROBABILITY = -1.0
MAX_REPEATS = 8  # refrains and "la la la" repeat a phrase up to that often without a breath; loops go on to the end
MAX_PHRASE_WORDS = 16
NEAR_S = 0.2  # Whisper's word times are off by about that much


class Word(NamedTuple):
    """A word as it follows the one before: in languages with spaces, ``text`` starts with one."""

    text: str
    start_s: float
    end_s: float
    probability: float


class Segment(NamedTuple):
    """What was transcribed of one chunk, and the spans of it in which somebody sings."""

    words: list[Word]
    avg_logprob: float
    no_speech_prob: float
    spans: Sequence[Span]


def guarded(segments: Sequence[Segment]) -> tuple[list[Word], list[str]]:
    """Return the words that pass every guard, within their spans, and the sorted names of the guards that dropped any.

    They are ``no_speech``, ``compression``, ``loop`` and ``outside_vocals``.
    """
    words: list[Word] = []
    fired = set()
    for segment in segments:
        passed = segment.words
        for name, guard in _GUARDS.items():
            before, passed = passed, guard(segment._replace(words=passed))
            if len(passed) < len(before):
                fired.add(name)
        words += passed
    return words, sorted(fired)


def unless_no_speech(segment: Segment) -> list[Word]:
    """No words if the model itself hears a pause (probability above 0.6) and doubts the text (mean log below -1)."""
    doubted = segment.no_speech_prob > MAX_NO_SPEECH_PROBABILITY and segment.avg_logprob < MIN_LOG_PROBABILITY
    return [] if doubted else segment.words


def unless_compressible(segment: Segment) -> list[Word]:
    """No words if their bytes are more than 2.4 times those of their zlib compression.

    Immediate repeats of a phrase are left out of that measure: songs have them, and loops have a guard of their own.
    """
    text = "".join(word.text for word in without_repeats(segment.words, 1)).strip()
    return [] if compression_ratio(text) > MAX_COMPRESSION_RATIO else segment.words


def compression_ratio(text: str) -> float:
    """Bytes of the text over bytes of its zlib compression: Whisper's measure of repetition."""
    content = text.encode()
    return len(content) / len(zlib.compress(content))


def without_loops(segment: Segment) -> list[Word]:
    """The words with every phrase that is repeated more than 8 times in a row said once, the first time."""
    return without_repeats(segment.words, MAX_REPEATS)


def without_repeats(words: list[Word], at_most: int) -> list[Word]:
    """The words with every phrase of up to 16 words that is said more than ``at_most`` times in a row said once.

    Case and punctuation make no difference. Of several ways to see a loop the shortest phrase counts.
    """
    for length in range(1, MAX_PHRASE_WORDS + 1):
        words = _without_repeats_of(words, length, at_most)
    return words


def _without_repeats_of(words: list[Word], length: int, at_most: int) -> list[Word]:
    keys = [re.sub(r"\W", "", word.text).casefold() for word in words]
    kept = []
    position = 0
    while position < len(words):
        phrase = keys[position : position + length]
        stop = position + length
        while keys[stop : stop + length] == phrase:
            stop += length
        loops = stop - position > at_most * length
        kept += words[position : position + length] if loops else words[position : position + 1]
        position = stop if loops else position + 1
    return kept


def within_vocals(segment: Segment) -> list[Word]:
    """The words in or near (0.2 s) the spans in which somebody sings, trimmed to them."""
    trimmed = (_trimmed(word, segment.spans) for word in segment.words)
    return [word for word in trimmed if word is not None]


def _trimmed(word: Word, spans: Sequence[Span]) -> Word | None:
    distances_s = [max(start_s - word.end_s, word.start_s - end_s, 0.0) for start_s, end_s in spans]
    nearest_s = min(distances_s)
    if nearest_s > NEAR_S:
        return None
    touched = [span for span, distance_s in zip(spans, distances_s, strict=True) if distance_s == nearest_s]
    first_s, last_s = touched[0][0], touched[-1][1]
    start_s, end_s = (min(max(time_s, first_s), last_s) for time_s in (word.start_s, word.end_s))
    return word._replace(start_s=start_s, end_s=end_s)


_GUARDS: dict[str, Callable[[Segment], list[Word]]] = {
    "no_speech": unless_no_speech,
    "compression": unless_compressible,
    "loop": without_loops,
    "outside_vocals": within_vocals,
}
