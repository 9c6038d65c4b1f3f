"""Whisper as faster-whisper runs it: the language that singing seems to be in, and the words in it."""

import os
from bisect import bisect
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import Audio
from featurizers.device import device
from featurizers.lyrics_guards import Segment, Word
from featurizers.vocal_activity import Span, total_s

Floats = npt.NDArray[np.float32]

VOTING_CHUNKS = 3  # each costs as much as most of a transcription
COMPUTE_TYPES = {"cpu": "int8", "cuda": "float16"}
BATCH_CHUNKS = {"cpu": 1, "cuda": 8}  # a CPU gains nothing from more, and large-v3 takes half a GiB for each


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
