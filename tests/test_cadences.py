"""Cadences at the ends of phrases whose harmony is written down."""

import pytest

from featurizers.cadences import find_cadences
from featurizers.meter import Meter
from harmonies import NAMES, readings, transposed

BAR_S = 2.0


def cadences(
    key_name: str, chords: str, num_bars: int = 0, sections_s: list[tuple[float, float]] | None = None
) -> list[tuple[float, str]]:
    """Bar and type of the cadences in chords of a bar each."""
    meter = Meter([i * BAR_S for i in range(num_bars)], BAR_S / 4)
    found = find_cadences(readings(key_name, chords, BAR_S), meter, sections_s or [])
    return [(one.time_s / BAR_S, one.type) for one in found]


@pytest.mark.parametrize(
    ("key_name", "last_two", "type"),
    [
        ("C major", "G:maj C:maj", "authentic"),
        ("C major", "G:7 C:6", "authentic"),
        ("C major", "G:sus4 C:5", "authentic"),
        ("C major", "G:9 C:min", "authentic"),
        ("A minor", "E:maj A:min", "authentic"),
        ("A minor", "E:7 A:maj", "authentic"),
        ("C major", "G:7/3 C:maj", "authentic_imperfect"),
        ("C major", "G:7 C:maj/3", "authentic_imperfect"),
        ("C major", "B:dim C:maj", "authentic_imperfect"),
        ("A minor", "B:dim7 A:min", "authentic_imperfect"),
        ("C major", "F:maj C:maj", "plagal"),
        ("C major", "F:min C:maj", "plagal"),
        ("A minor", "D:min7 A:min", "plagal"),
        ("C major", "F:maj G:maj", "half"),
        ("C major", "C:maj G:7", "half"),
        ("C major", "D:7 G:maj", "half"),
        ("A minor", "F:maj E:maj", "half"),
        ("C major", "G:7 A:min", "deceptive"),
        ("C major", "G:maj Ab:maj", "deceptive"),
        ("A minor", "E:7 F:maj7", "deceptive"),
        ("A minor", "E:min A:min", None),
        ("A minor", "D:min E:min", None),
        ("A minor", "G:maj A:min", None),
        ("C major", "A:min F:maj", None),
        ("C major", "D:min C:maj", None),
        ("C major", "G:min C:maj", None),
        ("C major", "A:maj D:min", None),
        ("C major", "B:min C:maj", None),
        ("C major", "D:dim C:maj", None),
        ("C major", "F:dim C:maj", None),
        ("C major", "G:7 C:aug", None),
        ("C major", "F:maj A:min", None),
    ],
)
def test_the_last_two_chords_make_the_cadence_in_every_key(key_name: str, last_two: str, type: str | None) -> None:
    tonic, mode = key_name.split()
    for semitones in range(12):
        name = f"{NAMES[(NAMES.index(tonic) + semitones) % 12]} {mode}"
        chords = transposed(f"D:min B:min {last_two}", semitones)
        assert cadences(name, chords) == ([(3, type)] if type else [])


def test_chords_of_one_root_are_one() -> None:
    assert cadences("C major", "A:min D:min G:sus4 G:maj G:7") == [(2, "half")]
    assert cadences("C major", "A:min D:min G:sus4 G:7 C:sus4 C:maj") == [(4, "authentic")]


def test_a_rest_parts_chords_of_one_root() -> None:
    assert cadences("C major", "C:maj G:maj N G:7 C:maj") == [(1, "half"), (4, "authentic")]
    assert cadences("C major", f"{4 * 'C:maj '} G:maj N G:7 {4 * 'F:maj '}") == [(4, "half")]


def test_phrases_of_four_bars() -> None:
    chords = "C:maj A:min F:maj G:maj F:maj G:maj F:maj C:maj A:min D:min G:maj A:min F:maj"
    expected = [(3, "half"), (7, "plagal"), (11, "deceptive")]
    assert cadences("C major", chords, num_bars=13) == expected
    assert cadences("C major", chords) == []
    assert cadences("C major", chords, 13, [(0.0, 13 * BAR_S)]) == expected


def test_phrases_begin_with_the_section() -> None:
    chords = "C:maj G:maj C:maj A:min F:maj G:maj D:min F:maj C:maj D:min"
    sections_s = [(0.0, 2 * BAR_S), (2 * BAR_S, 9 * BAR_S), (9 * BAR_S, 10 * BAR_S)]
    assert cadences("C major", chords, 10, sections_s) == [(1, "half"), (5, "half"), (8, "plagal")]
    assert cadences("C major", chords, 0, sections_s) == [(1, "half"), (8, "plagal")]


@pytest.mark.parametrize(("start_s", "expected"), [(0.2, (3, "half")), (0.4, (4, "authentic"))])
def test_bars_count_from_the_downbeat_within_half_a_beat_of_the_section(
    start_s: float, expected: tuple[float, str]
) -> None:
    chords = "C:maj A:min F:maj G:maj C:maj A:min D:min A:min"
    assert cadences("C major", chords, 8, [(start_s, 8 * BAR_S)]) == [expected]


def test_analysers_may_misplace_bars_and_sections_a_little() -> None:
    chords = readings("C major", "C:maj A:min F:maj G:maj C:maj A:min F:maj G:maj E:min", BAR_S)
    for late_s in (-0.2, 0.2):
        meter = Meter([i * BAR_S + late_s for i in range(9)], BAR_S / 4)
        for sections_s in ([], [(0.0, 8 * BAR_S + late_s)]):
            found = [(one.time_s, one.type) for one in find_cadences(chords, meter, sections_s)]
            assert found == [(3 * BAR_S, "half"), (7 * BAR_S, "half")]


def test_a_chord_that_comes_more_than_half_a_beat_before_the_phrase_ends_is_its_last() -> None:
    chords = readings("C major", "C:maj A:min F:maj G:maj C:maj A:min", BAR_S)
    for late_s, expected in ((0.2, (3, "half")), (0.4, (4, "authentic"))):
        found = find_cadences(chords, Meter(), [(0.0, 4 * BAR_S + late_s)])
        assert [(one.time_s / BAR_S, one.type) for one in found] == [expected]


def test_a_chord_that_has_ended_before_the_phrase_does_closes_nothing() -> None:
    chords = readings("C major", "C:maj F:maj G:maj N A:min F:maj", 1.0)
    assert find_cadences(chords, Meter(), [(0.0, 4.0)]) == []
    assert [one.type for one in find_cadences(chords, Meter(), [(0.0, 3.2)])] == ["half"]


def test_harmony_rests_before_a_rest_on_long_chords_and_at_the_end() -> None:
    assert cadences("C major", "C:maj G:maj N F:maj G:maj C:maj N") == [(1, "half"), (5, "authentic")]
    assert cadences("C major", "A:min F:maj G:maj C:maj C:maj A:min F:maj") == [(3, "authentic")]
    assert cadences("C major", "A:min F:maj G:maj C:maj A:min F:maj") == []


def test_what_lies_on_both_sides_of_a_rest_is_no_cadence() -> None:
    assert cadences("C major", "A:min F:maj N C:maj") == []
    assert cadences("C major", "A:min G:maj N C:maj") == [(1, "half")]


def test_a_chord_that_has_sounded_for_long_closes_nothing() -> None:
    def slow(bars_a_chord: int) -> list[tuple[float, str]]:
        chords = " ".join(label for label in ["D:min", "G:maj", "C:maj", "E:min"] for _ in range(bars_a_chord))
        return cadences("C major", chords, 4 * bars_a_chord, [(0.0, 3 * bars_a_chord * BAR_S)])

    assert slow(2) == [(2, "half"), (4, "authentic")]
    assert slow(4) == []


@pytest.mark.parametrize("chords", ["", "N", "C:maj", "N G:maj N"])
def test_too_few_chords(chords: str) -> None:
    assert cadences("C major", chords, 8, [(0.0, 4.0), (4.0, 8.0)]) == []
