"""What a window of music can be conditioned on: one table, which packs, streams and models all read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.pitch_classes import PITCH_CLASSES

Kind = Literal["number", "label", "vector", "curve", "spans", "symbols", "text"]
"""How a condition of B windows reaches a model:

- number: float ``(B,)``
- label: int64 ``(B,)``, 0 = unknown
- vector: float ``(B, size)``
- curve: float ``(B, frames)`` on a grid of 10 ms, 0 where there is no value
- spans: float ``(B, length, 2)``, start and end in seconds from the start of the window, -1 beyond the last
- symbols: int64 ``(B, length)``, 0 beyond the last; their spans are in the condition of this name plus ``_s``
- text: a string a window, for a text encoder
"""

CURVE_HOP_S = 0.01

SECTION_TYPES = ("intro", "verse", "chorus", "bridge", "solo", "break", "outro", "silence")
SENTIMENTS = ("negative", "neutral", "positive")
TIME_SIGNATURES = ("2/4", "3/4", "4/4", "5/4", "6/4", "7/4")
CHORDS = (*(f"{root}:{mode}" for mode in ("maj", "min") for root in PITCH_CLASSES), "N")
KEYS = tuple(range(24))
"""Indices as in fragment harmony: pitch class of the tonic, plus 12 if minor."""


@dataclass(frozen=True)
class Condition:
    """One thing a window can be conditioned on; null where the dataset does not know it."""

    name: str
    kind: Kind
    doc: str
    size: int = 1
    """Width of a vector; number of ids of a label or symbol, the unknown one included."""
    labels: tuple[str | int, ...] = ()
    """The names of ids 1, 2, ...; without them a name's id is a hash, so that no table has to be built."""

    def label_id(self, name: str | int | None) -> int:
        """The id of a name, the same in every pack: 0 if it is None or not in ``labels``, else 1 to ``size - 1``."""
        if name is None:
            return 0
        if self.labels:
            return self.labels.index(name) + 1 if name in self.labels else 0
        digest = hashlib.sha256(str(name).casefold().encode()).digest()
        return 1 + int.from_bytes(digest[:8], "big") % (self.size - 1)


def _number(name: str, doc: str) -> Condition:
    return Condition(name, "number", doc)


def _label(name: str, doc: str, labels: Sequence[str | int]) -> Condition:
    return Condition(name, "label", doc, len(labels) + 1, tuple(labels))


CONDITIONS = (
    Condition("prompt", "text", "Caption of the track."),
    Condition("lyrics", "text", "Words that begin in the window."),
    _label("section_type", "Type of the section in the middle of the window.", SECTION_TYPES),
    _number("section_position", "Middle of the window as a share of the track, 0-1."),
    _number("section_energy", "Energy of that section, else of the track, 0-1."),
    _number("tempo_bpm", "Tempo of the track."),
    _label("key_index", "Key of the track.", KEYS),
    _number("loudness_lufs", "Integrated loudness of the track."),
    _number("has_vocals", "1 if somebody sings in the window, else 0."),
    _label("sentiment", "Sentiment of the lyrics.", SENTIMENTS),
    _number("sentiment_score", "-1 to 1."),
    Condition("genre", "label", "Genre tag, else the best guess of theory.", size=512),
    Condition("artist", "label", "Artist tag.", size=4096),
    Condition("clap_audio", "vector", "CLAP embedding of the audio.", size=512),
    Condition("clap_text", "vector", "CLAP embedding of the prompt.", size=512),
    Condition("voice", "vector", "Resemblyzer embedding: of the vocals, else of the mix.", size=256),
    Condition("ecapa", "vector", "ECAPA-TDNN embedding of the vocals.", size=192),
    _number("num_beats", "Beats in the window."),
    Condition("beats", "spans", "From each beat in the window to the next."),
    _label("time_signature", "Metre of the track.", TIME_SIGNATURES),
    _label("current_chord", "Chord in the middle of the window, reduced to major, minor or N.", CHORDS),
    Condition("chords", "symbols", "Chords in the window, reduced alike.", len(CHORDS) + 1, CHORDS),
    Condition("phonemes", "symbols", "IPA phonemes in the window.", size=512),
    Condition("f0_hz", "curve", "F0 of the voice; 0 where unvoiced."),
    Condition("f0_coarse_hz", "curve", "F0 averaged over 100 ms, on the same grid."),
    Condition("voiced", "curve", "1 where voiced, else 0."),
    _number("vibrato_rate_hz", "Rate of vibrato in the track."),
    _number("vibrato_depth_cents", "Half of peak to peak."),
    _number("vibrato_extent", "Share of voiced time with vibrato, 0-1."),
    Condition("breaths", "spans", "Breaths in the window."),
    _number("harmonic_complexity", "Of the track, 0-1."),
    _number("rhythmic_complexity", "Of the track, 0-1."),
    _number("syncopation", "Of the track."),
    Condition("numerals", "symbols", "Roman numerals of the chords in the window.", size=256),
)
"""Every condition there is. A pack has a column for each, a model takes those it is built for."""

BY_NAME = {condition.name: condition for condition in CONDITIONS}
