"""Named progressions, written down as chords, in every key."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.progression_table import BLUES, PATTERNS
from featurizers.progressions import Progression, find_progressions, names_by_time
from harmonies import NAMES, readings, transposed

CHORD_S = 2.0
LOOPS = {
    "Pachelbel": ["C:maj G:maj A:min E:min F:maj C:maj F:maj G:maj"],
    "circle of fifths": [
        "C:maj F:maj B:dim E:min A:min D:min G:maj",
        "C:maj7 F:maj7 B:hdim7 E:min7 A:min7 D:min7 G:7",
        "C:min F:min Bb:maj Eb:maj Ab:maj D:dim G:maj",
        "C:min F:min7 Bb:7 Eb:maj7 Ab:maj7 D:hdim7 G:7",
    ],
    "I-V-vi-IV": ["C:maj G:maj A:min F:maj", "C:maj/3 G:sus4 A:min7 F:maj7"],
    "I-vi-IV-V": ["C:maj A:min F:maj G:7"],
    "I-vi-ii-V": ["C:maj7 A:min7 D:min7 G:7"],
    "I-IV-vi-V": ["C:maj F:maj A:min G:maj"],
    "I-IV-V-IV": ["C:maj F:maj G:maj F:maj"],
    "I-iii-IV-V": ["C:maj E:min F:maj G:maj"],
    "royal road": ["F:maj7 G:7 E:min7 A:min"],
    "ragtime": ["C:maj A:7 D:7 G:7"],
    "I-III-IV-iv": ["C:maj E:maj F:maj F:min"],
    "Andalusian": ["C:min Bb:maj Ab:maj G:maj", "C:min Bb:maj Ab:maj7 G:7"],
    "i-VI-III-VII": ["C:min Ab:maj Eb:maj Bb:maj"],
    "i-VII-VI-VII": ["C:min Bb:maj Ab:maj Bb:maj"],
    "i-III-VII-IV": ["C:min Eb:maj Bb:maj F:maj"],
    "i-iv-VII-III": ["C:min F:min Bb:maj Eb:maj"],
    "i-VI-iv-V": ["C:min Ab:maj F:min G:maj"],
    "I-bVII-IV": ["C:maj Bb:maj F:maj"],
    "i-VI-VII": ["C:min Ab:maj Bb:maj"],
}
LOOPS_OF_TWO_ROUNDS = {
    "I-IV-V": ["C:maj F:maj G:maj"],
    "I-V-IV": ["C:maj G:maj F:maj"],
    "i-iv-v": ["C:min F:min G:min"],
    "i-iv-V": ["C:min F:min G:maj"],
    "plagal vamp": ["C:maj F:maj"],
    "mixolydian vamp": ["C:maj Bb:maj"],
    "dorian vamp": ["C:min7 F:7"],
}
LINES = {
    "I-IV-V-I": ["C:maj F:maj G:maj C:maj"],
    "i-iv-V-i": ["C:min F:min G:7 C:min"],
    "i-iv-v-i": ["C:min F:min G:min C:min"],
    "ii-V-I": ["D:min7 G:7 C:maj7"],
    "ii-V-i": ["D:hdim7 G:7 C:min"],
    "circle of fifths": ["E:min A:min D:min G:maj C:maj"],
    "bVI-bVII-I": ["Ab:maj Bb:maj C:maj"],
    "IV-iv-I": ["F:maj F:min C:maj"],
}
CHORDS = ["C:maj", "D:min", "E:min", "F:maj", "G:maj", "A:min", "Bb:maj", "C:min", "F:min", "N"]
ALL = [
    (name, chords, repetitions)
    for table, repetitions in ((LOOPS, 1), (LOOPS_OF_TWO_ROUNDS, 2), (LINES, 1))
    for name, forms in table.items()
    for chords in forms
]


def find(key_name: str, labels: str, bars_a_chord: float = 1) -> list[Progression]:
    """What is found in chords of one length, which is a whole number of bars or 0 for no downbeats."""
    num_bars = int(len(labels.split()) * bars_a_chord)
    downbeats_s = [i * CHORD_S / bars_a_chord for i in range(num_bars)] if bars_a_chord else []
    return find_progressions(readings(key_name, labels, CHORD_S), downbeats_s)


def whole(name: str, labels: str, repetitions: int) -> list[Progression]:
    return [Progression(name, 0, len(labels.split()) * CHORD_S, repetitions)]


def test_every_pattern_is_tested() -> None:
    assert {name for name, _, _ in ALL} == {pattern.name for pattern in PATTERNS}


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize(("name", "chords", "repetitions"), ALL)
def test_every_progression_in_every_key_of_either_mode(name: str, chords: str, repetitions: int, mode: str) -> None:
    for semitones, tonic in enumerate(NAMES):
        labels = " ".join([transposed(chords, semitones)] * repetitions)
        assert find(f"{tonic} {mode}", labels) == whole(name, labels, repetitions)


@pytest.mark.parametrize(
    ("name", "chords"), [(name, forms[0]) for name, forms in (LOOPS | LOOPS_OF_TWO_ROUNDS).items()]
)
def test_loops_have_their_name_wherever_they_begin(name: str, chords: str) -> None:
    written = chords.split()
    for start in range(len(written)):
        labels = " ".join((written[start:] + written[:start]) * 3)
        assert find("C major", labels) == whole(name, labels, 3)


def test_no_two_loops_are_one() -> None:
    loops = [pattern for pattern in PATTERNS if pattern.is_loop]
    for one, other in combinations(loops, 2):
        assert one.tokens not in other.rotations, (one.name, other.name)


def test_an_unfinished_round_does_not_count() -> None:
    assert find("C major", "C:maj G:maj A:min F:maj " * 2 + "C:maj G:maj") == [Progression("I-V-vi-IV", 0, 16, 2)]


def test_rounds_of_a_line_share_the_chord_between_them() -> None:
    assert find("C major", "C:maj F:maj G:maj C:maj F:maj G:maj C:maj") == [Progression("I-IV-V-I", 0, 14, 2)]
    assert find("C major", "C:maj F:maj G:maj C:maj C:maj F:maj G:maj C:maj") == [Progression("I-IV-V-I", 0, 16, 2)]
    assert find("C major", "D:min7 G:7 C:maj D:min7 G:7 C:maj") == [Progression("ii-V-I", 0, 12, 2)]


def test_neighbours_may_share_a_chord() -> None:
    assert find("C major", "C:maj F:maj G:maj C:maj A:min F:maj G:maj") == [
        Progression("I-IV-V-I", 0, 8, 1),
        Progression("I-vi-IV-V", 6, 14, 1),
    ]


def test_equal_chords_in_a_row_are_one() -> None:
    assert find("C major", "C:maj C:7 C:maj F:maj7 F:6 G:sus4 G:7 C:maj") == [Progression("I-IV-V-I", 0, 16, 1)]
    assert find("C major", "F:maj F:5 F:min C:maj") == [Progression("IV-iv-I", 0, 8, 1)]


def test_a_third_beside_a_chord_without_one_is_its_third() -> None:
    assert find("C major", "C:5 C:maj G:maj C:5 G:maj A:min F:maj F:maj7")[-1] == Progression("I-V-vi-IV", 6, 16, 1)
    assert find("C major", "C:maj C:5 G:maj A:min F:sus4 F:maj") == [Progression("I-V-vi-IV", 0, 12, 1)]
    assert find("C major", "C:5 C:min G:maj A:min F:maj") == []


def test_a_rest_ends_a_progression_and_an_instant_does_not() -> None:
    assert find("C major", "C:maj G:maj N A:min F:maj") == []
    found = find_progressions(readings("C major", "C:maj G:maj N A:min F:maj", chord_s=0.5), [])
    assert found == [Progression("I-V-vi-IV", 0, 2.5, 1)]


def test_other_chords_are_left_out() -> None:
    found = find("C major", "C:maj G:maj A:min F:maj D:maj E:maj D:min G:maj C:maj")
    assert found == [Progression("I-V-vi-IV", 0, 8, 1), Progression("ii-V-I", 12, 18, 1)]


@pytest.mark.parametrize("chords", ["C:maj", "C:maj F:maj", "C:maj F:maj C:maj", "C:maj G:maj C:maj G:maj", "N", ""])
def test_what_has_no_name(chords: str) -> None:
    assert find("C major", chords) == []


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize(
    ("name", "bars"),
    [
        ("12-bar blues", "C:maj C:maj C:maj C:maj F:maj F:maj C:maj C:maj G:maj F:maj C:maj C:maj"),
        ("12-bar blues", "C:7 F:7 C:7 C:7 F:7 F:7 C:7 C:7 G:7 F:7 C:7 G:7"),
        ("12-bar blues", "C:7 C:7 C:7 C:7 F:7 F:7 C:7 A:7 D:min7 G:7 C:7 G:7"),
        ("12-bar blues", "C:maj C:maj C:maj C:maj F:maj F:maj C:maj C:maj G:maj G:maj C:maj C:maj"),
        ("12-bar minor blues", "C:min C:min C:min C:min F:min F:min C:min C:min G:min F:min C:min C:min"),
        ("12-bar minor blues", "C:min7 C:min7 C:min7 C:min7 F:min7 F:min7 C:min7 C:min7 Ab:7 G:7 C:min7 C:min7"),
    ],
)
def test_the_blues_in_every_key(name: str, bars: str, mode: str) -> None:
    for semitones, tonic in enumerate(NAMES):
        labels = transposed(bars, semitones)
        assert find(f"{tonic} {mode}", labels) == whole(name, labels, 1)
        assert find(f"{tonic} {mode}", f"{labels} {labels} {labels}") == whole(name, 3 * f"{labels} ", 3)


def test_the_blues_goes_by_bars() -> None:
    blues = "C:7 C:7 C:7 C:7 F:7 F:7 C:7 C:7 G:7 F:7 C:7 C:7"
    names = {one.name for bars_a_chord in (0, 2) for one in find("C major", blues, bars_a_chord)}
    assert not names & set(BLUES)
    eighths = " ".join(f"{label} {label}" for label in blues.split())
    assert find("C major", eighths, 0.5) == whole("12-bar blues", eighths, 1)
    late_s = [0.1 + i * CHORD_S for i in range(12)]
    (found,) = find_progressions(readings("C major", blues, CHORD_S), late_s)
    assert (found.name, found.repetitions) == ("12-bar blues", 1)


def test_the_blues_is_found_between_other_bars() -> None:
    blues = "C:7 C:7 C:7 C:7 F:7 F:7 C:7 C:7 G:7 F:7 C:7 C:7"
    found = find("C major", f"C:7 C:7 {blues} E:maj Bb:maj")
    assert found == [Progression("12-bar blues", 4, 28, 1)]


def test_names_are_ordered_by_time_covered() -> None:
    spans = [("a", 0, 3, 1), ("b", 3, 7, 2), ("c", 7, 9, 1), ("a", 9, 12, 1), ("d", 12, 16, 1)]
    assert names_by_time([Progression(*span) for span in spans]) == ["a", "b", "d", "c"]
    assert names_by_time([]) == []


@given(
    st.lists(
        st.sampled_from(["C:maj", "D:min", "E:min", "F:maj", "G:maj", "A:min", "Bb:maj", "C:min", "F:min", "N"]),
        max_size=40,
    )
)
@settings(deadline=None)
def test_progressions_are_in_order_and_share_at_most_a_chord(labels: list[str]) -> None:
    found = find("C major", " ".join(labels))
    chords = readings("C major", labels, CHORD_S)
    for one in found:
        assert {one.start_s, one.end_s} <= {time_s for c in chords for time_s in (c.span.start_s, c.span.end_s)}
        assert one.start_s < one.end_s
        assert one.repetitions >= 1
    for one, later in pairwise(found):
        shared = [c for c in chords if c.span.start_s >= later.start_s and c.span.end_s <= one.end_s]
        assert len(shared) <= 1
        assert later.start_s > one.start_s
        assert later.end_s > one.end_s
