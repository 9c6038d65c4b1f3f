"""What is known of a track, as the conditions of its windows are cut from it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.packing.windows import Window

Floats = npt.NDArray[np.float64]
Item = Mapping[str, Any]
Span = tuple[float, float, Item]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt",),
    "lyrics": ("has_vocals", "words", "sentiment", "sentiment_score"),
    "structure": ("sections",),
    "level": ("loudness_lufs", "energy"),
    "rhythm": ("tempo_bpm", "beats_s", "time_signature"),
    "harmony": ("key_index", "chords"),
    "clap": ("clap_audio_embedding",),
    "clap_text": ("clap_text_embedding",),
    "singer": ("voice_embedding",),
    "singer_vocals": ("voice_embedding_vocals", "ecapa_embedding"),
    "phonemes": ("phonemes",),
    "pitch": (
        *("f0_hz", "f0_hop_s", "voiced", "pitch_source", "breaths"),
        *("vibrato_rate_hz", "vibrato_depth_cents", "vibrato_extent"),
    ),
    "theory": ("roman_numerals", "harmonic_complexity", "rhythmic_complexity", "syncopation", "genres"),
}
"""Fragment -> the columns that conditions are cut from, besides artist, genre_tag and duration_s of ``tracks``."""

_DECIMALS = 4  # times are stored in 32 bits: to a tenth of a millisecond they are what was meant


class Track:
    """The columns of a track by their names as ``fragment.column``; any may be absent or null."""

    def __init__(self, track_id: str, columns: Mapping[str, Any]) -> None:
        """Take Arrow scalars."""
        self.track_id = track_id
        self._columns = columns
        self._read: dict[str, Any] = {}
        self._spans: dict[str, list[Span] | None] = {}

    def value(self, name: str) -> Any:
        """The value of a column; None if it is not known."""
        return self._once(name, lambda scalar: scalar.as_py())

    def array(self, name: str) -> Any:
        """A list of numbers as an array; None if it is not known."""
        return self._once(name, lambda scalar: scalar.values.to_numpy(zero_copy_only=False))

    def spans(self, name: str) -> list[Span] | None:
        """The items of a list that have a start and an end, with both in seconds; None if they are not known."""
        if name not in self._spans:
            items = self.value(name)
            self._spans[name] = None if items is None else [_span(item) for item in items if _is_timed(item)]
        return self._spans[name]

    def section(self, window: Window) -> Item | None:
        """The section in the middle of a window."""
        return next(
            (item for start, end, item in self.spans("structure.sections") or () if start <= window.middle_s < end),
            None,
        )

    @cached_property
    def beats_s(self) -> Floats | None:
        """Times of the beats in order; None if they are not known."""
        beats = self.array("rhythm.beats_s")
        return None if beats is None else np.round(beats.astype(np.float64), _DECIMALS)

    def _once(self, name: str, read: Any) -> Any:
        if name not in self._read:
            scalar = self._columns.get(name)
            self._read[name] = read(scalar) if scalar is not None and scalar.is_valid else None
        return self._read[name]


def seconds(time_s: float) -> float:
    """A time of 32 bits as the decimal number that was meant."""
    return round(time_s, _DECIMALS)


def _is_timed(item: Item) -> bool:
    return item["start_s"] is not None and item["end_s"] is not None


def _span(item: Item) -> Span:
    return seconds(item["start_s"]), seconds(item["end_s"]), item
