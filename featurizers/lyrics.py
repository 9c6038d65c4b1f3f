"""What is sung and when: Whisper on the vocal stem, as faster-whisper runs it.

Radford et al., "Robust speech recognition via large-scale weak supervision" (2022). Whisper hears only the spans in
which the stem has a voice (see ``vocal_activity``): in silence it invents text, and its own detector of speech
rejects singing. Without a voice it is not run at all.
"""

import os
from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from featurizers.audio import VOCALS_16K_MONO, Audio
from featurizers.device import device
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.lyrics_guards import Segment, Word, guarded
from featurizers.sentiment import LANGUAGE, Score, load_score, sentiment_of
from featurizers.vocal_activity import Span, cut_vocals, find_vocals, total_s
from featurizers.weights import model_id
from featurizers.weights_store import weight_folder
from schemas.fragments.lyrics import LYRICS

Model = Literal["tiny", "base", "small", "medium", "large-v2", "large-v3", "large-v3-turbo"]
Floats = npt.NDArray[np.float32]

MAX_CHUNK_S = 28.0  # Whisper hears 30 s at once and what is beyond is lost
LINE_PAUSE_S = 0.5
VOTING_CHUNKS = 3  # each costs as much as most of a transcription
COMPUTE_TYPES = {"cpu": "int8", "cuda": "float16"}
BATCH_CHUNKS = {"cpu": 1, "cuda": 8}  # a CPU gains nothing from more, and large-v3 takes half a GiB for each
ISO_639 = {"jw": "jv"}  # Whisper's code that is none


@dataclass(frozen=True)
class Lyrics(Featurizer):
    """Words and their times by Whisper ``model``, in ``language`` or the one that most of the singing seems to be in.

    The decoding is a beam search and nothing random: text that fails a guard is dropped instead of tried again.
    Raises ValueError for settings that cannot be.
    """

    model: Model = "large-v3-turbo"
    language: str | None = None
    beam_size: int = 5
    writes = LYRICS
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

    def _features(self, inputs: Inputs, recogniser: "Recogniser", score: Score) -> Features:
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
        return features | self._sung(audio, spans, recogniser, score) if spans else features

    def _sung(self, audio: Audio, spans: list[Span], recogniser: "Recogniser", score: Score) -> Features:
        """What there is to say of a track with vocals."""
        chunks = cut_vocals(audio, spans, MAX_CHUNK_S)
        language, probability = (self.language, None) if self.language else recogniser.vote(audio, chunks)
        words, fired = guarded(recogniser.transcribe(audio, chunks, language))
        text = text_of(words)
        value = score(text) if language == LANGUAGE else None
        return {
            "language": ISO_639.get(language, language),
            "language_probability": probability,
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


@dataclass(frozen=True)
class Recogniser:
    """A Whisper model, and how many chunks it takes at once."""

    whisper: Any
    beam_size: int
    batch_chunks: int

    @classmethod
    def load(cls, folder: str, beam_size: int) -> "Recogniser":
        """Read a model in CTranslate2's format."""
        os.environ["HF_HUB_OFFLINE"] = "1"  # it would fetch a tokenizer that is not in the folder
        from faster_whisper import WhisperModel

        where = device()
        whisper = WhisperModel(
            folder, device=where, compute_type=COMPUTE_TYPES[where], cpu_threads=1, local_files_only=True
        )
        return cls(whisper, beam_size, BATCH_CHUNKS[where])

    @property
    def languages(self) -> list[str]:
        """Codes of the languages that it knows."""
        return list(self.whisper.supported_languages)

    def vote(self, audio: Audio, chunks: list[list[Span]]) -> tuple[str, float]:
        """Return the most probable language and its probability: means over the chunks with most singing, by sung time.

        A chunk is a list of spans.
        """
        voters = sorted(chunks, key=total_s, reverse=True)[:VOTING_CHUNKS]
        votes: dict[str, float] = defaultdict(float)
        for spans in voters:
            _, _, probabilities = self.whisper.detect_language(_samples(audio, spans))
            for language, probability in probabilities:
                votes[language] += total_s(spans) * probability
        best = max(votes, key=lambda language: votes[language])
        return best, votes[best] / sum(map(total_s, voters))

    def transcribe(self, audio: Audio, chunks: list[list[Span]], language: str) -> list[Segment]:
        """Return a segment for every chunk in which there is any text. Times are in seconds of the audio."""
        starts_s = [spans[0][0] for spans in chunks]
        segments = []
        for first in range(0, len(chunks), self.batch_chunks):
            for segment in self._transcribe(audio, chunks[first : first + self.batch_chunks], language):
                # It says at which hundredth of a second its chunk starts, rounded down.
                spans = chunks[bisect(starts_s, segment.seek / 100 + 0.011) - 1]
                words = [
                    Word(word.word, float(word.start), float(word.end), float(word.probability))
                    for word in segment.words
                ]
                segments.append(Segment(words, segment.avg_logprob, segment.no_speech_prob, spans))
        return segments

    def _transcribe(self, audio: Audio, chunks: list[list[Span]], language: str) -> list[Any]:
        """Segments as the library gives them.

        Its batched pipeline also where one chunk is a batch: the plain one computes the spectrum of the whole track
        and tries failed text again at random. Timestamps are left out of the text: with them the pipeline loses what
        follows the last one. Word times come from the attention in either case.
        """
        from faster_whisper import BatchedInferencePipeline

        segments, _ = BatchedInferencePipeline(self.whisper).transcribe(
            audio.samples[0],
            language=language,
            beam_size=self.beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            word_timestamps=True,
            vad_filter=False,
            clip_timestamps=[{"start": spans[0][0], "end": spans[-1][1]} for spans in chunks],
            batch_size=self.batch_chunks,
        )
        return list(segments)


def _samples(audio: Audio, spans: list[Span]) -> Floats:
    """Samples from the start of the first span to the end of the last."""
    return audio.samples[0, round(spans[0][0] * audio.rate_hz) : round(spans[-1][1] * audio.rate_hz)]


def text_of(words: Sequence[Word]) -> str:
    """The words as text, with a new line after every pause of at least half a second."""
    text = ""
    last_s = 0.0
    for word in words:
        text += f"\n{word.text.lstrip()}" if word.start_s - last_s >= LINE_PAUSE_S else word.text
        last_s = word.end_s
    return text.strip()
