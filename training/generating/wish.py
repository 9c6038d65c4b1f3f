"""What is asked of a piece, in the words of people, and the same as a row of a pack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.pitch_classes import PITCH_CLASSES
from training.conditions import BY_NAME, TIME_SIGNATURES
from training.errors import SettingError

_KEY = re.compile(r"\s*([A-Ga-g])\s*([#♯b♭]?)\s*((?i:major|maj|minor|min)|m)?\s*")


@dataclass(frozen=True)
class Wish:
    """What a piece should be; what is None is left to the model. Conditions that a model lacks do not reach it."""

    prompt: str | None = None
    tempo_bpm: float | None = None
    key: str | None = None
    """Such as ``C major``, ``F# minor`` or ``Bb``; see ``key_index``."""
    time_signature: str | None = None
    genre: str | None = None
    artist: str | None = None
    voice: Sequence[float] | None = None
    """Resemblyzer's embedding, 256 numbers."""
    ecapa: Sequence[float] | None = None
    """That of ECAPA-TDNN, 192 numbers."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """Any other condition by its name, as a pack stores it (``training.pack_format.shard_schema``)."""

    def __post_init__(self) -> None:
        """Raise SettingError for a key, metre or condition that there is not."""
        if self.time_signature is not None and self.time_signature not in TIME_SIGNATURES:
            expected = ", ".join(TIME_SIGNATURES)
            raise SettingError(f"there is no time signature {self.time_signature!r}, expected one of {expected}")
        if self.key is not None:
            key_index(self.key)
        if unknown := set(self.others) - set(BY_NAME):
            raise SettingError(f"there is no condition {', '.join(sorted(unknown))}")

    def row(self) -> dict[str, Any]:
        """Every condition that is known, as a row of a pack has it."""
        named = {
            "prompt": self.prompt,
            "tempo_bpm": self.tempo_bpm,
            "key_index": None if self.key is None else key_index(self.key),
            "time_signature": self.time_signature,
            "genre": self.genre,
            "artist": self.artist,
            "voice": self.voice,
            "ecapa": self.ecapa,
        }
        known = {name: value for name, value in named.items() if value is not None}
        return {name: value for name, value in self.others.items() if value is not None} | known

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Wish:
        """The wish for what a window of a pack is; columns that are no conditions are left out."""
        return cls(others={name: value for name, value in row.items() if name in BY_NAME})


def key_index(name: str) -> int:
    """Return the index of a key, 0-23: major if it does not say. SettingError if it cannot be read."""
    found = _KEY.fullmatch(name)
    if found is None:
        raise SettingError(f"there is no key {name!r}, expected one such as 'C major', 'F# minor' or 'Bb minor'")
    tonic, accidental, mode = found.groups()
    step = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[accidental]
    pitch_class = (PITCH_CLASSES.index(tonic.upper()) + step) % len(PITCH_CLASSES)
    return pitch_class + (len(PITCH_CLASSES) if mode and mode.lower() in ("minor", "min", "m") else 0)
