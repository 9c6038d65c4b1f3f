"""Truth of rendered songs against the rows that a build found, as a table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from featurizers.beat_agreement import f_measure
from jobs.demo.score import INTERVALS, NO_CHORD, chord_tones
from schemas.pitch_classes import pitch_class

BREATH_TOLERANCE_S = 0.1
COLUMNS = (
    "BPM",
    "metre",
    "key",
    "chords",
    "beats",
    "downbeats",
    "sections",
    "LUFS",
    "vibrato Hz",
    "vibrato cents",
    "breaths",
)
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """What was found, whether it is right, and the truth; for a score of 0-1 ``truth`` is the least that is right."""

    found: Any
    is_right: bool
    truth: Any
    is_score: bool = False

    def __str__(self) -> str:
        if self.is_score:
            return f"{self.found:.3f}"
        return " / ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in self._values)

    @property
    def _values(self) -> tuple[Any, Any]:
        return self.truth, "-" if self.found is None else self.found


@dataclass(frozen=True)
class Comparison:
    """One song and its checks by column; columns that do not apply to the song are absent."""

    title: str
    checks: dict[str, Check]


def compare(truth: Mapping[str, Facts], found: Iterable[Facts]) -> list[Comparison]:
    """One comparison a song of ``truth``, with the found row of the same title, or with nothing if there is none.

    A row is what ``features`` holds for a track: tempo_bpm, key, chords, and so on; nulls count as wrong.
    Vibrato and breaths are compared only where the voice is unaccompanied.
    """
    rows = {row["title"]: row for row in found}
    return [
        Comparison(song["title"], _music(song, row) | (_voice(song, row) if _is_voice_alone(song) else {}))
        for song in truth.values()
        for row in [rows.get(song["title"], {})]
    ]


def table(comparisons: Sequence[Comparison]) -> Table:
    """The comparisons for people, as truth / found or as a score from 0 to 1; what is wrong is red."""
    view = Table(
        "song", *COLUMNS, title="Truth / found; chords, beats, downbeats, sections and breaths as scores from 0 to 1"
    )
    for comparison in comparisons:
        cells = [comparison.checks.get(name) for name in COLUMNS]
        texts = [
            Text("") if check is None else Text(str(check), "green" if check.is_right else "red") for check in cells
        ]
        view.add_row(Text(comparison.title), *texts)
    return view


def _is_voice_alone(song: Facts) -> bool:
    return bool(song["has_vocals"] and song["unaccompanied"])


def _music(song: Facts, row: Facts) -> dict[str, Check]:
    metre, key = row.get("time_signature"), row.get("key")
    return {
        "BPM": _near(song, row, "tempo_bpm", 0.5),
        "metre": Check(metre, metre == song["time_signature"], song["time_signature"]),
        "key": Check(key, same_key(song["key"], key), song["key"]),
        "chords": _score(chord_overlap(song["chords"], _list(row, "chords")), 0.9),
        "beats": _score(f_measure(song["beats_s"], _list(row, "beats_s")), 0.9),
        "downbeats": _score(f_measure(song["downbeats_s"], _list(row, "downbeats_s")), 0.9),
        "sections": _score(section_overlap(song["sections"], _list(row, "sections")), 0.9),
        "LUFS": _near(song, row, "loudness_lufs", 0.5),
    }


def _voice(song: Facts, row: Facts) -> dict[str, Check]:
    true_s, found_s = ([breath["start_s"] for breath in _list(facts, "breaths")] for facts in (song, row))
    return {
        "vibrato Hz": _near(song, row, "vibrato_rate_hz", 0.2),
        "vibrato cents": _near(song, row, "vibrato_depth_cents", 15),
        "breaths": _score(f_measure(true_s, found_s, BREATH_TOLERANCE_S), 0.9),
    }


def _list(facts: Facts, column: str) -> list[Any]:
    values = facts.get(column)
    return [] if values is None else list(values)


def _near(song: Facts, row: Facts, column: str, tolerance: float) -> Check:
    truth, found = song[column], row.get(column)
    return Check(found, found is not None and abs(found - truth) <= tolerance, truth)


def _score(score: float, enough: float) -> Check:
    return Check(score, score >= enough, enough, is_score=True)


def same_key(one: str, other: str | None) -> bool:
    """Whether two keys are the same, however spelt: F# minor is Gb minor."""
    return other is not None and _key(one) == _key(other)


def _key(name: str) -> tuple[int, str]:
    tonic, mode = name.split()
    return pitch_class(tonic), mode


def chord_overlap(truth: Sequence[Facts], found: Sequence[Facts]) -> float:
    """Share of the time, 0-1, in which the major or minor triad, or that there is none, is right.

    This is the chord symbol recall of MIREX with the majmin vocabulary; sevenths count as their triads, and a
    found chord of another kind as wrong.
    """
    return _overlap(truth, found, lambda chord: _triad(chord["label"]))


def section_overlap(truth: Sequence[Facts], found: Sequence[Facts]) -> float:
    """Share of the time, 0-1, in which the type of the section is right."""
    return _overlap(truth, found, lambda section: section["type"])


def _overlap(truth: Sequence[Facts], found: Sequence[Facts], label: Callable[[Facts], Any]) -> float:
    total_s: float = sum(span["end_s"] - span["start_s"] for span in truth)
    right_s = 0.0
    for one in truth:
        for other in found:
            if label(one) == label(other):
                right_s += max(0.0, min(one["end_s"], other["end_s"]) - max(one["start_s"], other["start_s"]))
    return right_s / total_s


def _triad(label: str) -> tuple[int, ...] | str:
    """Pitch classes of the triad, or the label itself where it has none that is known."""
    chord = label.partition("/")[0]
    is_known = chord != NO_CHORD and (chord.partition(":")[2] or "maj") in INTERVALS
    return chord_tones(chord)[:3] if is_known else label
