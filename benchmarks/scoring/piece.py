"""A file with what is known about it: the unit of everything that is scored."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

Truth = Mapping[str, Any]
"""What is known of a piece. Times in seconds; every key may be absent.

beats_s, downbeats_s, onsets_s: times. tempi_bpm: the likeliest first. time_signature, key, speaker: text.
chords, sections, words, phonemes: spans. tuning_cents: A4 from 440 Hz. note_midi: the one note of the file.
f0: a contour, of a singer the written notes where no F0 is known; f0_parts: contours of voices that sound together.
vibrato: spans labelled yes or no; vibrato_rate_hz, vibrato_depth_cents.
"""

Found = Mapping[str, Any]
"""What an estimator says of a piece, by the names of muze's columns; None and absent are nothing found."""

ANNOTATED = "annotated recordings"
RENDERED = "rendered songs"
RENDERED_ALONE = "rendered, voice alone"
ALL = "all audio"
CORPORA = (ANNOTATED, RENDERED, RENDERED_ALONE)


class Span(NamedTuple):
    """Something that lasts, with its name."""

    start_s: float
    end_s: float
    label: str


class Contour(NamedTuple):
    """F0 at ascending times, 0 where unvoiced."""

    times_s: list[float]
    f0_hz: list[float]


@dataclass(frozen=True, eq=False)
class Piece:
    """An audio file, the corpus it belongs to, and its truth."""

    name: str
    path: Path
    corpus: str
    truth: Truth

    @cached_property
    def track_id(self) -> str:
        """By the file's content, as a dataset has it."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
