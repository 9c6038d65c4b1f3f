"""The theory of a track as a whole: of the demo's songs as composed, transposed, and of columns that lack things."""

import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.audio import Sound
from featurizers.featurizer import Features, Inputs
from featurizers.genre_rules import GENRES
from featurizers.harmonic_measures import harmonic_complexity, harmonic_rhythm_per_bar, theory_confidence
from featurizers.key_profiles import KEYS
from featurizers.meter import Meter
from featurizers.progression_table import BLUES, PATTERNS
from featurizers.theory import Theory
from harmonies import readings, rows, spans, transposed
from jobs.demo.score import Song
from jobs.demo.songs import COPPER_WIRE, ENGINE_ROOM, HARBOUR_LIGHTS, ON_THE_SILL, PAPER_MOONS, SONGS, TURNING_WHEEL
from jobs.demo.truth import truth
from schemas.fragments.theory import THEORY

NOTHING: dict[str, Any] = {
    "roman_numerals": [],
    "progression": None,
    "progressions": [],
    "cadences": [],
    "voice_leading_score": None,
    "voice_leading_quality": None,
    "harmonic_rhythm_per_bar": None,
    "harmonic_complexity": None,
    "theory_confidence": None,
}
BEAT_S = 0.5


def theory_of(columns: dict[str, Any]) -> Features:
    """The row of a track, checked against the schema."""
    (row,) = Theory().load()([Inputs(Sound.of(), columns)])
    assert set(row) == set(THEORY.names)
    assert len(pa.Table.from_pylist([{"track_id": "a", **row}], THEORY.schema)) == 1
    return row


def composed(song: Song) -> dict[str, Any]:
    """What the other fragments would hold if they were right."""
    known = truth(song)
    chords = [chord | {"confidence": 0.9} for chord in known["chords"]]
    onsets = [{"time_s": beat_s, "strength": 0.8, "band": "low"} for beat_s in known["beats_s"]]
    numbers = [1 + i % song.beats_per_bar for i in range(len(known["beats_s"]))]
    key = {"key": song.key, "key_index": KEYS.index(song.key), "key_confidence": 0.8}
    return known | key | {"chords": chords, "onsets": onsets, "beat_numbers": numbers}


def columns(key: str, chords: str, num_bars: int = 8) -> dict[str, Any]:
    """A bar a chord, four beats a bar, onsets on the beats."""
    beats_s = [i * BEAT_S for i in range(4 * num_bars)]
    return {
        "key": key,
        "key_index": KEYS.index(key),
        "key_confidence": 0.8,
        "chords": rows(chords, 4 * BEAT_S),
        "beats_s": beats_s,
        "downbeats_s": beats_s[::4],
        "beat_numbers": [1, 2, 3, 4] * num_bars,
        "time_signature": "4/4",
        "tempo_bpm": 60 / BEAT_S,
        "tempo_confidence": 0.9,
        "onsets": [{"time_s": beat_s, "strength": 0.5, "band": "mid"} for beat_s in beats_s],
    }


@pytest.mark.parametrize(
    ("song", "numerals"),
    [
        (HARBOUR_LIGHTS, "I IV V I vi IV V IV V I vi ii IV ii V IV V I"),
        (COPPER_WIRE, "i V i VI iv V i III iv V iv V i"),
        (TURNING_WHEEL, "I IV V I vi IV V I vi IV V IV V I vi IV V I"),
        (PAPER_MOONS, "I V I vi IV V IV V I vi IV V IV I"),
        (ENGINE_ROOM, "i V i VI iv V i III iv V iv V i"),
        (ON_THE_SILL, ""),  # a voice alone has no chords
    ],
    ids=lambda value: value.title if isinstance(value, Song) else "",
)
def test_numerals_are_those_that_the_composer_meant(song: Song, numerals: str) -> None:
    found = theory_of(composed(song))["roman_numerals"]
    assert " ".join(row["numeral"] for row in found) == numerals
    chords = [chord for chord in truth(song)["chords"] if chord["label"] != "N"]
    assert [(row["start_s"], row["end_s"]) for row in found] == [(c["start_s"], c["end_s"]) for c in chords]
    assert not any(row["borrowed"] or row["secondary_of"] for row in found)


@pytest.mark.parametrize(
    ("song", "progression", "cadences"),
    [
        # the last bars of intro, verse, bridge and outro; the chorus ends on vi
        (HARBOUR_LIGHTS, "I-vi-IV-V", [("half", 1.5), ("half", 5), ("half", 13), ("authentic", 15)]),
        (COPPER_WIRE, "i-VI-iv-V", [("half", 1), ("half", 5), ("half", 9), ("authentic", 11)]),
        # two phrases in the verse; the chorus ends with two bars of I, its first phrase on vi
        (TURNING_WHEEL, "I-vi-IV-V", [("authentic", 3), ("half", 7), ("half", 11), ("authentic", 18)]),
        (PAPER_MOONS, "I-vi-IV-V", [("half", 1), ("half", 5), ("half", 11), ("plagal", 13)]),
    ],
    ids=lambda value: value.title if isinstance(value, Song) else "",
)
def test_progression_and_cadences_of_songs(song: Song, progression: str, cadences: list[tuple[str, float]]) -> None:
    row = theory_of(composed(song))
    assert row["progression"] == progression
    bar_s = song.beats_per_bar * song.beat_s
    found = [(one["type"], (one["time_s"] - song.lead_in_s) / bar_s) for one in row["cadences"]]
    assert [kind for kind, _ in found] == [kind for kind, _ in cadences]
    assert [bar for _, bar in found] == pytest.approx([bar for _, bar in cadences], abs=1e-4)


@pytest.mark.parametrize("song", SONGS, ids=lambda song: song.title)
def test_every_song_has_a_row(song: Song) -> None:
    row = theory_of(composed(song))
    assert (row["theory_confidence"] is None) == song.mix.is_unaccompanied
    assert row["theory_confidence"] in (None, pytest.approx(0.72))


def test_a_pop_loop() -> None:
    row = theory_of(columns("C major", "C:maj G:maj A:min F:maj " * 2))
    assert row["progression"] == "I-V-vi-IV"
    assert row["progressions"] == [{"name": "I-V-vi-IV", "start_s": 0, "end_s": 16, "repetitions": 2}]
    assert [one["function"] for one in row["roman_numerals"][:4]] == [
        "tonic",
        "dominant",
        "tonic_substitute",
        "subdominant",
    ]
    assert row["voice_leading_quality"] == "good"
    assert row["harmonic_rhythm_per_bar"] == 1
    assert row["harmonic_complexity"] == pytest.approx(0.5 * math.log(4, 12))


def test_genres_follow_from_progression_and_groove() -> None:
    def reasons(chords: str, onsets_s: list[float]) -> str:
        onsets = [{"time_s": time_s, "strength": 0.5, "band": "mid"} for time_s in onsets_s]
        guesses = theory_of(columns("A minor", chords) | {"onsets": onsets})["genres"]
        return ", ".join(reason for guess in guesses for reason in guess["reasons"])

    beats_s = [i * BEAT_S for i in range(32)]
    sixteenths_s = [i * BEAT_S / 4 for i in range(128)]
    loop = "A:min F:maj G:maj " * 2
    assert "uses i-VI-VII" in reasons(loop, beats_s)
    assert "uses i-VI-VII" not in reasons("A:min E:min " * 3, beats_s)
    assert "note density" in reasons(loop, sixteenths_s)
    assert "note density" not in reasons(loop, beats_s)


def test_rules_of_genres_name_progressions_that_there_are() -> None:
    named = {name for evidence in GENRES.values() for name in evidence.progressions}
    assert named <= {pattern.name for pattern in PATTERNS} | set(BLUES)


CHORDS = ["C:maj", "D:min7", "E:7", "F:maj", "G:sus4", "A:min", "B:dim7", "Ab:aug", "C:maj/3", "Bb:9", "C#:hdim7", "N"]


@given(
    st.lists(st.sampled_from(CHORDS), max_size=24),
    st.integers(0, 11),
    st.sampled_from(["major", "minor"]),
    st.sampled_from([0.25, 0.5, 2.0]),
    st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_transposing_changes_nothing(
    labels: list[str], semitones: int, mode: str, chord_s: float, has_sections: bool
) -> None:
    chords = " ".join(label.replace("C#", "Db") for label in labels)
    here = columns(f"C {mode}", chords) | {"chords": rows(chords, chord_s)}
    if has_sections:
        here["sections"] = [{"start_s": 4.0 * i, "end_s": 4.0 * (i + 1), "type": "verse"} for i in range(6)]
    index = here["key_index"] + semitones
    there = here | {"key": KEYS[index], "key_index": index, "chords": rows(transposed(chords, semitones), chord_s)}
    assert theory_of(there) == theory_of(here)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        dict.fromkeys(("key", "key_index", "key_confidence", "chords", "beats_s", "downbeats_s", "onsets", "sections")),
        {"chords": [], "beats_s": [], "downbeats_s": [], "beat_numbers": [], "onsets": [], "sections": []},
        {"key_index": 0, "key_confidence": 0.9, "chords": rows("N X ? N")},
        {"key_index": 3, "chords": [{"start_s": 1.0, "end_s": 1.0, "label": "C:maj", "confidence": 0.5}, None, {}]},
    ],
)
def test_nothing_follows_from_nothing(odd: dict[str, Any]) -> None:
    row = theory_of(odd)
    assert {name: row[name] for name in NOTHING} == NOTHING


def test_what_lacks_leaves_out_only_what_follows_from_it() -> None:
    whole = columns("C major", "C:maj F:maj G:maj C:maj")
    everything = theory_of(whole)
    without_key = theory_of(whole | {"key": None, "key_index": None, "key_confidence": None})
    by_key = {"harmonic_complexity", "theory_confidence", "roman_numerals", "progression", "progressions", "cadences"}
    by_chords = {"voice_leading_score", "voice_leading_quality", "harmonic_rhythm_per_bar"}
    assert {name: without_key[name] for name in by_key} == {name: NOTHING[name] for name in by_key}
    assert {name: without_key[name] for name in by_chords} == {name: everything[name] for name in by_chords}
    bars = {"beats_s": None, "downbeats_s": None, "beat_numbers": None, "time_signature": None, "tempo_bpm": None}
    without_bars = theory_of(whole | bars)
    assert without_bars["harmonic_rhythm_per_bar"] is None
    assert without_bars["roman_numerals"] == everything["roman_numerals"]
    assert without_bars["cadences"] == [{"time_s": 6.0, "type": "authentic"}]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "key_index": st.none() | st.integers(-1, 24),
            "key_confidence": st.none() | st.floats(0, 1),
            "chords": st.none()
            | st.lists(
                st.fixed_dictionaries(
                    {
                        "start_s": st.floats(0, 9),
                        "end_s": st.floats(0, 9),
                        "label": st.sampled_from([*CHORDS, ""]),
                        "confidence": st.none() | st.floats(0, 1),
                    }
                )
            ),
            "downbeats_s": st.none() | st.lists(st.floats(0, 9)),
            "sections": st.none()
            | st.lists(
                st.fixed_dictionaries(
                    {"start_s": st.none() | st.floats(0, 9), "end_s": st.floats(0, 9), "type": st.just("verse")}
                )
            ),
        },
    )
)
@settings(deadline=None, max_examples=50)
def test_odd_columns_never_raise(odd: dict[str, Any]) -> None:
    row = theory_of(odd)
    assert 0 <= (row["harmonic_complexity"] or 0) <= 1
    assert 0 <= (row["theory_confidence"] or 0) <= 1
    assert 0 <= (row["voice_leading_score"] or 0) <= 6


@pytest.mark.parametrize(("chord_s", "changes"), [(4.0, 0.5), (2.0, 1), (1.0, 2), (0.5, 4)])
@pytest.mark.parametrize("late_s", [-0.1, 0.0, 0.2])
def test_harmonic_rhythm_counts_changes_a_bar(chord_s: float, changes: float, late_s: float) -> None:
    meter = Meter([i * 2.0 + late_s for i in range(9)], 0.5)
    assert harmonic_rhythm_per_bar(spans("C:maj G:maj A:min F:maj " * 10, chord_s), meter) == changes


@pytest.mark.parametrize(("change_s", "changes"), [(0.2, 0), (0.3, 1), (2.2, 1), (2.3, 0)])
def test_a_change_counts_with_the_downbeat_up_to_half_a_beat_before_it(change_s: float, changes: int) -> None:
    assert harmonic_rhythm_per_bar(spans("C:maj G:maj", change_s), Meter([0.0, 2.0], 0.5)) == changes


def test_a_meter_is_made_of_the_times_that_there_are() -> None:
    meter = Meter.of({"beats_s": [1.0, None, 0.4, math.nan, 0.4, 1.6], "downbeats_s": [0.4, math.inf, 2.8, 4.0]})
    assert (meter.downbeats_s, meter.beat_s, meter.bar_s) == ([0.4, 2.8, 4.0], pytest.approx(0.6), pytest.approx(1.8))
    assert (Meter.of({}).beat_s, Meter.of({"downbeats_s": [1.0]}).bar_s) == (0.5, 2.0)


def test_harmonic_rhythm_without_changes_bars_or_chords() -> None:
    assert harmonic_rhythm_per_bar(spans("C:maj C:maj"), Meter([0.0, 2.0, 4.0])) == 0
    assert harmonic_rhythm_per_bar(spans("C:maj F:maj"), Meter([0.0])) is None
    assert harmonic_rhythm_per_bar([], Meter([0.0, 2.0, 4.0])) is None


@pytest.mark.parametrize(
    ("chords", "complexity"),
    [
        ("C:maj", 0),
        ("C:7", 0.3 + 0.2 * 0.5),
        ("C:maj7", 0.2 * 0.5),
        ("B:dim", 0.2 * 0.75),
        ("C:5", 0.2 * 0.25),
        ("C:maj9", 0.2),
        ("C:maj F:maj", 0.5 * math.log(2, 12)),
        ("C:maj C:maj C:maj F:min", 0.5 * (0.75 * math.log(4 / 3, 12) + 0.25 * math.log(4, 12)) + 0.3 / 4),
    ],
)
def test_complexity_by_hand(chords: str, complexity: float) -> None:
    assert harmonic_complexity(readings("C major", chords)) == pytest.approx(complexity)


def test_complexity_is_at_most_one() -> None:
    roots = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab"]
    complexity = harmonic_complexity(readings("C major", [f"{r}:{q}" for r in roots for q in ("9", "min9")]))
    assert complexity is not None
    assert 0.9 < complexity <= 1


def test_confidence_is_that_of_key_times_chords() -> None:
    chords = rows("C:maj F:maj N G:maj")
    for row, confidence in zip(chords, (0.4, 0.8, 1.0, None), strict=True):
        row["confidence"] = confidence
    assert theory_of({"key_index": 0, "key_confidence": 0.5, "chords": chords})["theory_confidence"] == pytest.approx(
        0.3
    )
    assert theory_confidence(None, spans("C:maj")) is None
    assert theory_confidence(0.5, []) is None
