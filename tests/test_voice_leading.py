"""Sizes of voice leadings that are known by hand, and what must hold for all of them."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers.harte import parse
from featurizers.voice_leading import motion, quality, score
from harmonies import spans

TONES = st.frozensets(st.integers(0, 11), min_size=1, max_size=4)


def between(first: str, second: str) -> int:
    one, other = parse(first), parse(second)
    assert one
    assert other
    return motion(one.pitch_classes, other.pitch_classes)


@pytest.mark.parametrize(
    ("first", "second", "semitones"),
    [
        ("C:maj", "C:maj", 0),
        ("C:maj", "C:min", 1),  # Eb for E
        ("C:maj", "E:min", 1),  # B for C
        ("C:maj", "A:min", 2),  # A for G
        ("C:maj", "F:maj", 3),  # F for E, A for G
        ("C:maj", "G:maj", 3),  # B for C, D for E
        ("C:maj", "D:maj", 6),
        ("C:maj", "D:min", 5),
        ("C:maj", "Db:maj", 3),
        ("C:aug", "E:aug", 0),
        ("C:dim7", "D:7", 1),  # D for Eb
        ("C:maj", "C:7", 2),  # C goes to C and Bb
        ("G:7", "C:maj", 4),  # B to C, F to E, D to either, G stays
        ("C:5", "C:maj", 3),  # G goes to G and E
        ("D:min7", "G:7", 3),  # G for A, B for C
        ("G:7", "C:maj7", 3),  # C for D, E for F
        ("C:maj7", "A:min7", 2),  # A for B
        ("C:1", "F#:1", 6),
    ],
)
def test_sizes_known_by_hand(first: str, second: str, semitones: int) -> None:
    assert between(first, second) == semitones
    assert between(second, first) == semitones


def enumerated(first: frozenset[int], second: frozenset[int]) -> int:
    """The least sum over all ways to send every tone of the larger chord to one of the smaller that leave none out."""
    small, large = sorted((first, second), key=len)
    ways = (way for way in product(small, repeat=len(large)) if set(way) == small)
    return min(sum(min((a - b) % 12, (b - a) % 12) for a, b in zip(large, way, strict=True)) for way in ways)


@given(TONES, TONES)
def test_the_least_motion_is_that_of_enumeration(first: frozenset[int], second: frozenset[int]) -> None:
    assert motion(first, second) == enumerated(first, second)


@given(TONES, TONES, TONES, st.integers(0, 11))
def test_motion_is_symmetric_and_transposes(
    first: frozenset[int], second: frozenset[int], third: frozenset[int], semitones: int
) -> None:
    moved = [frozenset((tone + semitones) % 12 for tone in tones) for tones in (first, second)]
    assert motion(first, second) == motion(second, first) == motion(moved[0], moved[1])
    assert (motion(first, second) == 0) == (first == second)
    if len(first) == len(second) == len(third):
        assert motion(first, third) <= motion(first, second) + motion(second, third)


@pytest.mark.parametrize(
    ("chords", "semitones", "word"),
    [
        ("D:min7 G:7 C:maj7 A:min7", (3 + 3 + 2) / 12, "smooth"),
        ("C:maj G:maj A:min F:maj C:maj", (3 + 5 + 1 + 3) / 12, "good"),
        ("C:maj A:min F:maj G:maj C:maj", (2 + 1 + 6 + 3) / 12, "good"),
        ("C:maj F:maj G:maj C:maj", (3 + 6 + 3) / 9, "moderate"),
        ("C:maj D:maj E:maj", 2, "disjunct"),
        ("C:maj A:min N D:maj E:min", (2 / 3 + 5 / 3) / 2, "good"),
        ("C:maj G:7", 4 / 4, "good"),
    ],
)
def test_score_is_the_mean_a_voice_over_the_changes(chords: str, semitones: float, word: str) -> None:
    found = score(spans(chords))
    assert found == pytest.approx(semitones)
    assert found is not None
    assert quality(found) == word


def test_a_bound_belongs_to_the_smoother_word() -> None:
    words = [quality(bound + more) for bound in (0.75, 1.25, 1.75) for more in (0, 0.01)]
    assert words == ["smooth", "good", "good", "moderate", "moderate", "disjunct"]


@pytest.mark.parametrize("chords", ["", "N", "C:maj", "C:maj N F:maj"])
def test_no_change_no_score(chords: str) -> None:
    assert score(spans(chords)) is None
