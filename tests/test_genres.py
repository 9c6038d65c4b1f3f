"""Guesses at the genre: what the rules say, what CLAP adds, and how sure either may be."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers import clap
from featurizers.genre_rules import GENRES, Range
from featurizers.genres import CLAP_SHARE, guess_genres
from featurizers.progression_table import BLUES, PATTERNS
from schemas.fragments.level import LEVEL
from schemas.fragments.stems import STEMS
from schemas.fragments.theory import GENRE, THEORY

POP_SONG = {
    "tempo_bpm": 124.4,
    "time_signature": "4/4",
    "energy": 0.75,
    "loudness_range_lu": 6.0,
    "vocals_energy_share": 0.35,
    "drums_energy_share": 0.2,
    "bass_energy_share": 0.15,
}
WALTZ = {"tempo_bpm": 90.0, "time_signature": "3/4", "energy": 0.3, "loudness_range_lu": 14.0}
ORCHESTRA = {"drums_energy_share": 0.0, "bass_energy_share": 0.1, "vocals_energy_share": 0.0}


def by_genre(columns: dict[str, Any], *names: str) -> dict[str, dict[str, Any]]:
    guesses = guess_genres(columns, names)
    assert [guess["confidence"] for guess in guesses] == sorted((g["confidence"] for g in guesses), reverse=True)
    return {guess["genre"]: guess for guess in guesses}


def test_a_pop_song_with_its_reasons_in_words() -> None:
    guess = guess_genres(POP_SONG, ["I-V-vi-IV", "I-V-vi-IV", "a progression of no genre"])[0]
    assert guess["genre"] == "pop"
    assert guess["reasons"] == [
        "uses I-V-vi-IV",
        "tempo 124 within 100-130",
        "vocals 35% of the energy, at least 20%",
        "drums 20% of the energy, within 10%-40%",
        "energy 0.75 within 0.55-0.9",
        "loudness range 6 at most 9",
        "in 4/4",
    ]
    assert guess["confidence"] == pytest.approx(1 - CLAP_SHARE)  # every rule holds, and that is all it is worth


def test_the_confidence_is_the_stated_sum() -> None:
    """Pop has rules on harmony 3, tempo 2, instruments 2, level 1 and metre 1, 9 in all; half of the level's hold."""
    columns = POP_SONG | {"loudness_range_lu": 12.0, "clap_genres": [{"genre": "pop", "score": 0.6}]}
    pop = by_genre(columns)["pop"]
    assert pop["confidence"] == pytest.approx(0.7 * 0.6 + 0.3 * (2 + 2 + 0.5 + 1) / 9)
    assert pop["reasons"][0] == "sounds like pop to CLAP (0.60)"


def test_a_wide_range_of_tempo_says_less() -> None:
    """Rock's range is 60 wide, so that its tempo counts 2 x 40 / 60."""
    rock = by_genre(POP_SONG, "I-IV-V")["rock"]
    assert rock["confidence"] == pytest.approx(0.3 * (3 + 2 * 40 / 60 + 2 + 1 + 1) / 9)


def test_every_kind_of_evidence_has_its_weight() -> None:
    """Latin has rules on all, 10 in weight; its tempi are 45 wide."""
    columns = POP_SONG | {"syncopation": 3.0}
    latin = by_genre(columns)["latin"]
    assert latin["confidence"] == pytest.approx(0.3 * (2 * 40 / 45 + 2 + 1 + 1 + 1) / 10)
    assert latin["reasons"][-2:] == ["syncopation 3 at least 2", "in 4/4"]
    odd = by_genre(columns | {"time_signature": "7/4", "tempo_bpm": 131.0}, "Andalusian")["latin"]
    assert odd["confidence"] == pytest.approx(0.3 * (3 + 2 + 1 + 1) / 10)
    assert not any("tempo" in reason or "7/4" in reason for reason in odd["reasons"])


def test_five_guesses_at_most_and_none_below_the_least_confidence() -> None:
    def guessed(**scores: float) -> list[str]:
        return list(by_genre({"clap_genres": [{"genre": name, "score": score} for name, score in scores.items()]}))

    assert guessed(**dict.fromkeys(list(GENRES)[:7], 0.3)) == list(GENRES)[:5]
    assert guessed(metal=0.22, jazz=0.21) == ["metal"]  # 0.154 and 0.147
    for score, said in ((0.1, True), (0.09, False)):
        pop = by_genre(POP_SONG | {"clap_genres": [{"genre": "pop", "score": score}]}, "I-V-vi-IV")["pop"]
        assert pop["reasons"][0].startswith("sounds like pop") == said


@pytest.mark.parametrize(
    ("columns", "names", "genre"),
    [
        (WALTZ | ORCHESTRA, ["Pachelbel"], "classical"),
        (POP_SONG | {"tempo_bpm": 95.0}, ["12-bar blues"], "blues"),
        (POP_SONG | {"vocals_energy_share": 0.1, "syncopation": 2.5, "energy": 0.6}, ["ii-V-I"], "jazz"),
        (POP_SONG | {"syncopation": 3.0, "energy": 0.95}, ["Andalusian"], "latin"),
    ],
)
def test_the_most_fitting_genre_comes_first(columns: dict[str, Any], names: list[str], genre: str) -> None:
    assert guess_genres(columns, names)[0]["genre"] == genre


def test_what_clap_hears_outweighs_the_rules() -> None:
    heard = [{"genre": "metal", "score": 0.9}, {"genre": "jazz", "score": 0.1}]
    first, *others = guess_genres(POP_SONG | {"clap_genres": heard}, ["I-V-vi-IV"])
    assert first["genre"] == "metal"
    assert "pop" in {other["genre"] for other in others}


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"tempo_bpm": None, "time_signature": None, "clap_genres": None, "vocals_energy_share": None},
        {"tempo_bpm": 124.0, "time_signature": "4/4"},
        {"genre_tag": "Pop"},
    ],
    ids=["nothing", "nulls", "the tempo alone", "the tag"],
)
def test_too_little_is_no_genre(columns: dict[str, Any]) -> None:
    assert guess_genres(columns, []) == []


VALUES = {
    "tempo_bpm": st.none() | st.floats(30, 300),
    "time_signature": st.sampled_from([None, "3/4", "4/4", "7/4"]),
    "energy": st.none() | st.floats(0, 1),
    "loudness_range_lu": st.none() | st.floats(0, 30),
    "drums_energy_share": st.none() | st.floats(0, 1),
    "syncopation": st.none() | st.floats(0, 20),
}
NAMES = [pattern.name for pattern in PATTERNS] + list(BLUES)


@given(st.fixed_dictionaries({}, optional=VALUES), st.lists(st.sampled_from(NAMES), max_size=4))
def test_without_clap_nobody_is_sure(columns: dict[str, Any], names: list[str]) -> None:
    for guess in guess_genres(columns, names):
        assert 0.15 <= guess["confidence"] <= 0.3 + 1e-9
        assert guess["reasons"]


def test_rules_name_genres_progressions_and_columns_that_there_are() -> None:
    columns = {*LEVEL.names, *STEMS.names, *THEORY.names}
    assert set(GENRES) == set(clap.GENRES)
    for evidence in GENRES.values():
        assert evidence.progressions <= set(NAMES)
        assert {*evidence.stems, *evidence.level, *evidence.groove} <= columns


def test_ranges_include_their_ends() -> None:
    assert [Range(1, 2).holds(value) for value in (0.9, 1, 2, 2.1)] == [False, True, True, False]
    assert Range(high=3).holds(-1e9)
    assert f"{Range(0.5):g} {Range(high=0.5):.0%}" == "at least 0.5 at most 50%"


def test_guesses_fit_the_fragment() -> None:
    rows = guess_genres(POP_SONG, ["I-V-vi-IV"])
    assert pa.array(rows, GENRE).null_count == 0
