"""What is usual in a genre: rules of thumb, set by hand from common descriptions of the genres, not learnt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, both included."""

    low: float = -inf
    high: float = inf

    def holds(self, value: float) -> bool:
        """Whether a value is within."""
        return self.low <= value <= self.high

    def __format__(self, spec: str) -> str:
        """In words; ``spec`` is that of the two numbers."""
        low, high = format(self.low, spec), format(self.high, spec)
        if self.high == inf:
            return f"at least {low}"
        return f"at most {high}" if self.low == -inf else f"within {low}-{high}"


@dataclass(frozen=True)
class Evidence:
    """The rules of a genre. ``stems``, ``level`` and ``groove`` map columns to where their values lie."""

    tempo_bpm: Range
    metres: tuple[str, ...] = ("4/4",)
    progressions: frozenset[str] = frozenset()
    stems: Mapping[str, Range] = field(default_factory=dict)
    level: Mapping[str, Range] = field(default_factory=dict)
    groove: Mapping[str, Range] = field(default_factory=dict)


def _share(**stems: Range) -> dict[str, Range]:
    return {f"{stem}_energy_share": share for stem, share in stems.items()}


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


_POP = ("I-V-vi-IV", "I-vi-IV-V", "I-IV-vi-V", "i-VI-III-VII", "royal road")
_ROCK = ("I-IV-V", "I-V-IV", "I-bVII-IV", "mixolydian vamp", "i-VII-VI-VII", "i-III-VII-IV", "bVI-bVII-I")
_JAZZ = ("ii-V-I", "ii-V-i", "I-vi-ii-V", "circle of fifths", "ragtime")
_BLUES = ("12-bar blues", "12-bar minor blues")
_TONAL = ("I-IV-V-I", "i-iv-V-i", "Pachelbel", "circle of fifths")

GENRES: dict[str, Evidence] = {
    "ambient": Evidence(
        Range(50, 100),
        stems=_share(drums=Range(high=0.05), vocals=Range(high=0.1)),
        level={"energy": Range(high=0.5)},
        groove={"note_density_hz": Range(high=2)},
    ),
    "blues": Evidence(
        Range(60, 130),
        progressions=_names(*_BLUES, "I-IV-V"),
        stems=_share(vocals=Range(low=0.1)),
        level={"energy": Range(0.4, 0.8)},
        groove={"syncopation": Range(low=0.5)},
    ),
    "classical": Evidence(
        Range(40, 180),
        ("3/4", "4/4", "2/4"),
        _names(*_TONAL),
        _share(drums=Range(high=0.05), bass=Range(high=0.2)),
        {"energy": Range(high=0.55), "loudness_range_lu": Range(low=10)},
    ),
    "country": Evidence(
        Range(80, 150),
        ("4/4", "3/4"),
        _names("I-IV-V", "I-IV-V-I", "I-V-vi-IV", "I-IV-V-IV"),
        _share(vocals=Range(low=0.2), drums=Range(0.05, 0.35)),
        {"energy": Range(0.5, 0.85)},
    ),
    "disco": Evidence(
        Range(110, 130),
        progressions=_names("circle of fifths", "i-VI-VII", "i-iv-VII-III", "dorian vamp"),
        stems=_share(drums=Range(low=0.2), bass=Range(low=0.1)),
        level={"energy": Range(low=0.55), "loudness_range_lu": Range(high=9)},
        groove={"note_density_hz": Range(low=4)},
    ),
    "electronic": Evidence(
        Range(118, 176),
        progressions=_names("i-VI-III-VII", "i-VII-VI-VII", "i-VI-VII"),
        stems=_share(drums=Range(low=0.25), vocals=Range(high=0.2)),
        level={"energy": Range(low=0.65), "loudness_range_lu": Range(high=9)},
        groove={"note_density_hz": Range(low=4)},
    ),
    "folk": Evidence(
        Range(70, 140),
        ("4/4", "3/4"),
        _names("I-IV-V", "I-IV-V-I", "I-V-IV", "plagal vamp", "I-V-vi-IV"),
        _share(drums=Range(high=0.1), vocals=Range(low=0.15)),
        {"energy": Range(high=0.65)},
    ),
    "funk": Evidence(
        Range(90, 125),
        progressions=_names("dorian vamp", "mixolydian vamp"),
        stems=_share(drums=Range(low=0.2), bass=Range(low=0.15)),
        level={"energy": Range(low=0.5)},
        groove={"syncopation": Range(low=2), "note_density_hz": Range(low=4)},
    ),
    "hip hop": Evidence(
        Range(70, 115),
        progressions=_names("i-VI-VII", "i-VI-III-VII", "i-iv-v"),
        stems=_share(drums=Range(low=0.2), vocals=Range(low=0.2)),
        level={"energy": Range(low=0.55), "loudness_range_lu": Range(high=8)},
        groove={"syncopation": Range(low=1)},
    ),
    "jazz": Evidence(
        Range(60, 240),
        ("4/4", "3/4", "5/4"),
        _names(*_JAZZ),
        _share(vocals=Range(high=0.2), drums=Range(0.02, 0.3)),
        {"energy": Range(0.25, 0.7), "loudness_range_lu": Range(low=6)},
        {"syncopation": Range(low=1)},
    ),
    "latin": Evidence(
        Range(85, 130),
        progressions=_names("Andalusian", "i-iv-V", "I-IV-V-IV", "i-VI-iv-V"),
        stems=_share(drums=Range(low=0.15), vocals=Range(low=0.15)),
        level={"energy": Range(low=0.5)},
        groove={"syncopation": Range(low=2)},
    ),
    "metal": Evidence(
        Range(90, 220),
        progressions=_names("i-VI-VII", "i-VII-VI-VII", "i-VI-III-VII"),
        stems=_share(drums=Range(low=0.2), vocals=Range(high=0.3)),
        level={"energy": Range(low=0.75), "loudness_range_lu": Range(high=7)},
        groove={"note_density_hz": Range(low=5)},
    ),
    "pop": Evidence(
        Range(100, 130),
        progressions=_names(*_POP),
        stems=_share(vocals=Range(low=0.2), drums=Range(0.1, 0.4)),
        level={"energy": Range(0.55, 0.9), "loudness_range_lu": Range(high=9)},
    ),
    "reggae": Evidence(
        Range(60, 95),
        progressions=_names("I-V-vi-IV", "I-IV-V", "plagal vamp", "i-iv-v", "dorian vamp"),
        stems=_share(bass=Range(low=0.2), drums=Range(0.1, 0.4)),
        level={"energy": Range(0.4, 0.8)},
        groove={"syncopation": Range(low=1.5)},
    ),
    "rock": Evidence(
        Range(100, 160),
        progressions=_names(*_ROCK, "I-V-vi-IV"),
        stems=_share(drums=Range(0.15, 0.5), vocals=Range(0.1, 0.45)),
        level={"energy": Range(0.6, 0.95), "loudness_range_lu": Range(high=10)},
    ),
    "soul": Evidence(
        Range(60, 120),
        progressions=_names("I-vi-ii-V", "I-vi-IV-V", "ii-V-I"),
        stems=_share(vocals=Range(low=0.25), bass=Range(low=0.1)),
        level={"energy": Range(0.4, 0.8)},
        groove={"syncopation": Range(low=1)},
    ),
}
"""Genre -> its rules. The genres are those that fragment clap tells apart."""
