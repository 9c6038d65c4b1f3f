"""What is sung and when: Whisper on the vocal stem, as faster-whisper runs it.

Radford et al., "Robust speech recognition via large-scale weak supervision" (2022). Whisper hears only the spans in
which the stem has a voice (see ``vocal_activity``): in silence it invents text, and its own detector of speech
rejects singing. Without a voice it is not run at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from featurizers.audio import VOCALS_16K_MONO, Audio
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.language_tag import language_of
from featurizers.lyrics_guards import Word, guarded
from featurizers.recogniser import Recogniser
from featurizers.sentiment import LANGUAGE, Score, load_score, sentiment_of
from featurizers.vocal_activity import Span, cut_vocals, find_vocals, total_s
from featurizers.weights import model_id
from featurizers.weights_store import weight_folder
from schemas.fragments.lyrics import LYRICS

Model = Literal["tiny", "base", "small", "medium", "large-v2", "large-v3", "large-v3-turbo"]

MAX_CHUNK_S = 28.0  # Whisper hears 30 s at once and what is beyond is lost
LINE_PAUSE_S = 0.5
ISO_639 = {"jw": "jv"}  # Whisper's code that is none


class Language(NamedTuple):
    """A code of Whisper's, how probable it is where Whisper was asked, and whence it is."""

    code: str
    probability: float | None
    source: Literal["setting", "tag", "vote"]


@dataclass(frozen=True)
class Lyrics(Featurizer):
    """Words and their times by Whisper ``model``.

    The language is ``language`` if that is set, else the one that the track's tag names, else the one that most of the
    singing seems to be in.

    The decoding is a beam search and nothing random: text that fails a guard is dropped instead of tried again.
    Raises ValueError for settings that cannot be.
    """

    model: Model = "large-v3-turbo"
    language: str | None = None
    beam_size: int = 5
    writes = LYRICS
    reads = ("tracks",)
    hears = ("vocals",)
    cost = 1.5
    gpu_share = 0.4

    def __post_init__(self) -> None:
        if self.model not in get_args(Model):
            expected = ", ".join(get_args(Model))
            raise ValueError(f"model is {self.model!r}, expected one of {expected}: choose one of them")
        if self.beam_size < 1:
            raise ValueError(f"beam_size is {self.beam_size}, expected 1 or more: 5 is what Whisper's authors use")

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which one depends on a setting
        """The weight of the model that is set."""
        return (f"whisper-{self.model}",)

    def load(self) -> Extract:
        recogniser = Recogniser.load(str(weight_folder(*self.weights)), self.beam_size)
        if self.language not in (None, *recogniser.languages):
            raise ValueError(
                f"language is {self.language!r}, expected a code of Whisper's such as 'en' or 'pl': leave it out to"
                " have it detected"
            )
        score = load_score()
        return lambda batch: [self._features(inputs, recogniser, score) for inputs in batch]

    def _features(self, inputs: Inputs, recogniser: Recogniser, score: Score) -> Features:
        audio = inputs.audio(VOCALS_16K_MONO)
        spans = find_vocals(audio, inputs.columns.get("vocals_energy_share"))
        features = dict.fromkeys(LYRICS.names) | {
            "has_vocals": bool(spans),
            "vocal_ratio": total_s(spans) / audio.duration_s if spans else 0.0,
            "text": "",
            "words": [],
            "lyrics_guards": [],
            "lyrics_model": model_id(*self.weights),
        }
        if not spans:
            return features
        chunks = cut_vocals(audio, spans, MAX_CHUNK_S)
        language = self._language(inputs.columns.get("language_tag"), audio, chunks, recogniser)
        return features | _sung(audio, chunks, language, recogniser, score)

    def _language(self, tag: str | None, audio: Audio, chunks: list[list[Span]], recogniser: Recogniser) -> Language:
        if self.language:
            return Language(self.language, None, "setting")
        if tagged := language_of(tag, recogniser.languages):
            return Language(tagged, None, "tag")
        return Language(*recogniser.vote(audio, chunks), "vote")


def _sung(audio: Audio, chunks: list[list[Span]], language: Language, recogniser: Recogniser, score: Score) -> Features:
    """What there is to say of a track with vocals."""
    words, fired = guarded(recogniser.transcribe(audio, chunks, language.code))
    text = text_of(words)
    value = score(text) if language.code == LANGUAGE else None
    return {
        "language": ISO_639.get(language.code, language.code),
        "language_probability": language.probability,
        "language_source": language.source,
        "text": text,
        "words": [
            {
                "word": word.text.strip(),
                "start_s": word.start_s,
                "end_s": word.end_s,
                "probability": word.probability,
            }
            for word in words
        ],
        "sentiment": None if value is None else sentiment_of(value),
        "sentiment_score": value,
        "lyrics_guards": fired,
    }


def text_of(words: Sequence[Word]) -> str:
    """The words as text, with a new line after every pause of at least half a second."""
    text = ""
    last_s = 0.0
    for word in words:
        text += f"\n{word.text.lstrip()}" if word.start_s - last_s >= LINE_PAUSE_S else word.text
        last_s = word.end_s
    return text.strip()
