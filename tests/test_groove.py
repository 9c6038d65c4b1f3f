"""Groove of rhythms written down, and of drums rendered and heard."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs
from featurizers.groove import measure_groove
from featurizers.onsets import Onsets
from jobs.demo import instruments
from schemas.fragments.theory import THEORY

NAMES = ("syncopation", "note_density_hz", "metric_strengths", "polyrhythms", "rhythmic_complexity")
CLAVE = (0, 0.75, 1.5, 2.5, 3)
Note = tuple[float, str, float]  # beats from the first downbeat, band, strength


def track(notes: Iterable[Note], num_bars: int, beats_per_bar: int = 4, tempo_bpm: float = 120) -> dict[str, Any]:
    """Columns of rhythm and onsets, the first downbeat at 0.35 s."""
    beat_s, num_beats = 60 / tempo_bpm, num_bars * beats_per_bar
    beats_s = [0.35 + beat * beat_s for beat in range(num_beats)]
    onsets = [{"time_s": 0.35 + at * beat_s, "strength": gain, "band": band} for at, band, gain in sorted(notes)]
    return {
        "tempo_bpm": tempo_bpm,
        "time_signature": f"{beats_per_bar}/4",
        "beats_s": beats_s,
        "beat_numbers": [beat % beats_per_bar + 1 for beat in range(num_beats)],
        "downbeats_s": beats_s[::beats_per_bar],
        "onsets": onsets,
    }


def every_bar(*beats: float, bars: int = 8, length: float = 4, band: str = "mid", gain: float = 1.0) -> list[Note]:
    """The same notes in every bar, or in every cycle of another length."""
    return [(cycle * length + beat, band, gain) for cycle in range(bars) for beat in beats]


def pulse(number: int, cycle_beats: float, total_beats: float, band: str) -> list[Note]:
    """``number`` even notes a cycle."""
    return [(at, band, 1.0) for at in np.arange(0, total_beats - 1e-6, cycle_beats / number)]


def polyrhythms(notes: list[Note], num_bars: int = 8, beats_per_bar: int = 4) -> dict[str, float]:
    found = measure_groove(track(notes, num_bars, beats_per_bar))["polyrhythms"]
    strengths = [row["strength"] for row in found]
    assert strengths == sorted(strengths, reverse=True)
    return {row["ratio"]: row["strength"] for row in found}


@pytest.mark.parametrize(
    ("notes", "beats_per_bar", "syncopation"),
    [
        (every_bar(0, 1, 2, 3), 4, 0),
        (every_bar(0, 1, 2, length=3), 3, 0),
        (every_bar(*CLAVE), 4, 4),  # 2 + 2 a bar: see test_syncopation
        # 1 over the third beat, and 2 over the next downbeat, which the last bar lacks.
        (every_bar(1, 3), 4, (7 * 3 + 1) / 8),
        # 1 + 2 + 1 over the beats, and 3 over the next downbeat.
        (every_bar(0.5, 1.5, 2.5, 3.5), 4, (7 * 7 + 4) / 8),
        (every_bar(0, 1, 2, 3, band="low") + every_bar(0.5, 1.5, 2.5, 3.5, band="high"), 4, 0),
    ],
    ids=["four on the floor", "waltz", "son clave", "backbeat alone", "off-beat hats alone", "house"],
)
def test_syncopation_by_hand(notes: list[Note], beats_per_bar: int, syncopation: float) -> None:
    assert measure_groove(track(notes, 8, beats_per_bar))["syncopation"] == pytest.approx(syncopation)


def test_onsets_count_at_the_nearest_sixteenth_between_uneven_beats() -> None:
    straight = track(every_bar(*CLAVE), 8)
    bent_s = np.cumsum([0.0, *np.linspace(0.4, 0.7, 31)])
    places = [at + 0.1 * (-1) ** i / 4 for i, (at, _, _) in enumerate(every_bar(*CLAVE))]
    times_s = np.interp(places, range(-1, 32), [-0.4, *bent_s])
    onsets = [{"time_s": time_s, "strength": 1.0, "band": "mid"} for time_s in times_s]
    bent = straight | {"beats_s": bent_s.tolist(), "onsets": onsets}
    found, expected = measure_groove(bent), measure_groove(straight)
    assert (found["syncopation"], found["metric_strengths"]) == (expected["syncopation"], expected["metric_strengths"])


def test_a_pickup_stands_where_its_beats_are_in_the_bar() -> None:
    columns = track(every_bar(0, 1, 2, 3, bars=2), 2) | {"beat_numbers": [4, 1, 2, 3, 4, 1, 2, 3]}
    columns["onsets"][0]["strength"] = 0.5
    strengths = measure_groove(columns)["metric_strengths"]
    assert strengths == pytest.approx([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0.75, 0, 0, 0])


@pytest.mark.parametrize("numbers", [[4, 1, 2, 3, 4], [1, 2, 3]], ids=["more pickups", "less than a bar"])
def test_every_place_of_the_bar_has_its_own_mean(numbers: list[int]) -> None:
    even = track(pulse(1, 1, len(numbers), "mid"), len(numbers), 1)
    columns = even | {"time_signature": "4/4", "beat_numbers": numbers}
    columns["onsets"] = [onset | {"strength": 0.5} for onset in columns["onsets"]]
    strengths = measure_groove(columns)["metric_strengths"]
    assert strengths == [float(place % 4 == 0 and place // 4 + 1 in numbers) for place in range(16)]


def test_the_softest_onset_is_one() -> None:
    assert measure_groove(track(every_bar(*CLAVE, gain=0.0), 8))["syncopation"] == 4


def test_density_counts_what_begins_within_the_beats() -> None:
    columns = track([*every_bar(*CLAVE), (-3, "mid", 1.0), (32.2, "mid", 1.0)], 8)
    assert measure_groove(columns)["note_density_hz"] == pytest.approx(8 * 5 / 16)  # 8 bars of 2 s


def test_an_onset_nearer_to_what_is_outside_the_beats_does_not_count() -> None:
    def density_hz(*beats: float) -> float:
        return float(measure_groove(track([(at, "mid", 1.0) for at in beats], 8))["note_density_hz"])

    assert density_hz(-0.1, 31.85) == 2 / 16
    assert density_hz(-0.15, 31.9) == 0


def test_metric_strengths_are_the_loudest_of_each_sixteenth_over_the_bars() -> None:
    notes = every_bar(0) + every_bar(2, gain=0.8) + every_bar(1, bars=4, length=8, gain=0.6) + every_bar(0, gain=0.2)
    strengths = measure_groove(track(notes, 8))["metric_strengths"]
    assert strengths == pytest.approx([1, 0, 0, 0, 0.3, 0, 0, 0, 0.8, *[0] * 7])
    assert len(measure_groove(track(every_bar(0, length=3), 8, 3))["metric_strengths"]) == 12


@pytest.mark.parametrize(
    ("fast", "slow", "cycle_beats", "beats_per_bar"),
    [(3, 2, 1, 4), (3, 2, 2, 4), (3, 2, 4, 4), (3, 2, 3, 3), (4, 3, 1, 4), (4, 3, 2, 4), (4, 3, 4, 4), (4, 3, 3, 3)],
)
def test_two_pulses_in_two_bands_are_a_polyrhythm(fast: int, slow: int, cycle_beats: int, beats_per_bar: int) -> None:
    total = 8 * beats_per_bar
    notes = pulse(fast, cycle_beats, total, "high") + pulse(slow, cycle_beats, total, "low")
    ratio = f"{fast}:{slow}"
    assert polyrhythms(notes, 8, beats_per_bar) == {ratio: 1}
    meeting_once = [note for note in notes if note[1] == "low" or note[0] % cycle_beats > 1e-6]
    assert polyrhythms(meeting_once, 8, beats_per_bar) == {ratio: 1}  # an onset has one band only
    half = [note for note in notes if note[0] < total / 2 or note[1] == "low"]
    assert polyrhythms(half, 8, beats_per_bar) == {ratio: 0.5}
    passing = [note for note in notes if note[0] < 3 * beats_per_bar or note[1] == "low"]
    assert polyrhythms(passing, 8, beats_per_bar) == {}


def test_two_beats_of_three_make_no_cycle() -> None:
    notes = every_bar(0, 2 / 3, 4 / 3, length=3, band="high") + every_bar(0, 1, length=3, band="low")
    assert polyrhythms(notes, 8, 3) == {}


def test_the_polyrhythm_of_more_cycles_comes_first() -> None:
    three_two = pulse(3, 1, 16, "high") + pulse(2, 1, 16, "low")
    four_three = [(16 + at, band, gain) for at, band, gain in pulse(4, 1, 32, "high") + pulse(3, 1, 32, "low")]
    found = polyrhythms(three_two + four_three, 12)
    assert list(found.items()) == [("4:3", pytest.approx(2 / 3)), ("3:2", pytest.approx(1 / 3))]


BEATS = pulse(1, 1, 32, "low")


@pytest.mark.parametrize(
    "notes",
    [
        BEATS + every_bar(0, 2 / 3, 1, 5 / 3, 2, 8 / 3, 3, 11 / 3, band="high"),
        BEATS + every_bar(0, 0.5, 1.5, 2, 2.5, 3.5, band="mid") + every_bar(0, 1, 5 / 3, 2, 3, 11 / 3, band="high"),
        BEATS + pulse(3, 1, 32, "high"),
        BEATS + pulse(4, 1, 32, "high") + pulse(1, 2, 32, "mid"),
        every_bar(*CLAVE, band="high") + BEATS,
        every_bar(0, 0.75, 1.5, 2, 2.75, 3.5, band="mid") + BEATS,
        pulse(3, 2, 32, "high") + pulse(2, 2, 32, "high"),
    ],
    ids=["swung hats", "shuffle", "triplets on a beat", "16ths", "son clave", "tresillo", "one instrument alone"],
)
def test_other_rhythms_are_none(notes: list[Note]) -> None:
    assert polyrhythms(notes) == {}


def test_complexity_by_hand() -> None:
    """Clave: 4 / (4 + 4), intervals 3 3 4 2 4 in equal bars; of 8 bars, 39 intervals: 16 of 3, 15 of 4, 8 of 2."""
    shares = np.array([16, 15, 8]) / 39
    expected = (0.5 - (shares * np.log2(shares)).sum() / 3 + 0) / 3
    assert measure_groove(track(every_bar(*CLAVE), 8))["rhythmic_complexity"] == pytest.approx(expected)
    assert measure_groove(track(every_bar(0, 1, 2, 3), 8))["rhythmic_complexity"] == 0


def test_rhythms_in_order_of_complexity() -> None:
    rng = np.random.default_rng(0)
    wild = [(bar * 4 + at / 4, "mid", 1.0) for bar in range(8) for at in rng.choice(16, 6, replace=False)]
    quarters, rock = every_bar(0, 1, 2, 3), every_bar(0, 1, 2, 2.5, 3)
    found = [
        measure_groove(track(notes, 8))["rhythmic_complexity"] for notes in (quarters, rock, every_bar(*CLAVE), wild)
    ]
    assert all(simpler < richer for simpler, richer in pairwise(found))
    assert found[-1] < 1


SLOTS = st.lists(st.tuples(st.integers(0, 95), st.sampled_from(["low", "mid", "high"])), unique=True, max_size=40)


@given(SLOTS, st.floats(40, 240), st.floats(-0.3, 500), st.sampled_from([3, 4]))
def test_tempo_and_start_do_not_matter(
    slots: list[tuple[int, str]], tempo_bpm: float, shift_s: float, beats_per_bar: int
) -> None:
    notes = [(slot / 12, band, 0.1 + slot / 100) for slot, band in slots if slot % 3 == 0]
    plain = track(notes, 8, beats_per_bar)
    moved = track(notes, 8, beats_per_bar, tempo_bpm)
    moved["beats_s"] = [time_s + shift_s for time_s in moved["beats_s"]]
    moved["onsets"] = [onset | {"time_s": onset["time_s"] + shift_s} for onset in moved["onsets"]]
    found, expected = measure_groove(moved), measure_groove(plain)
    assert found.pop("note_density_hz") == pytest.approx(expected.pop("note_density_hz") * tempo_bpm / 120)
    assert found == expected
    assert expected["syncopation"] is None or expected["syncopation"] >= 0
    assert expected["rhythmic_complexity"] is None or 0 <= expected["rhythmic_complexity"] <= 1


NOTHING = {**dict.fromkeys(NAMES), "polyrhythms": []}


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"beats_s": [], "beat_numbers": [], "time_signature": None, "onsets": []},
        {"beats_s": None, "beat_numbers": None, "time_signature": None, "onsets": None},
        {"beats_s": [1.0], "beat_numbers": [1], "time_signature": "4/4", "onsets": []},
        {"beats_s": [1.0, 1.5], "beat_numbers": [1, 2], "time_signature": None, "onsets": []},
        {"beats_s": [1.0, 1.5], "beat_numbers": None, "time_signature": "4/4", "onsets": []},
    ],
    ids=["no columns", "no pulse", "nulls", "one beat", "no metre", "no numbers"],
)
def test_without_beats_there_is_no_groove(columns: dict[str, Any]) -> None:
    assert measure_groove(columns) == NOTHING


def test_beats_without_onsets_have_no_density() -> None:
    assert measure_groove(track([], 4)) == NOTHING | {"note_density_hz": 0}
    assert measure_groove(track([], 2, 1) | {"onsets": None}) == NOTHING | {"note_density_hz": 0}


def test_the_columns_fit_the_fragment() -> None:
    row = measure_groove(track(pulse(3, 2, 32, "high") + pulse(2, 2, 32, "low"), 8))
    assert tuple(row) == NAMES
    assert pa.Table.from_pylist([row], THEORY.schema)["polyrhythms"].to_pylist() == [[{"ratio": "3:2", "strength": 1}]]


RATE_HZ = 44100


def heard(hits: list[tuple[float, str]], tempo_bpm: float) -> dict[str, Any]:
    """Groove of rendered drums, 8 bars of 4/4, through the onsets that are heard."""
    kit = {name: getattr(instruments, name)(RATE_HZ) for name in {drum for _, drum in hits}}
    columns = track([], 8, 4, tempo_bpm)
    samples = np.zeros(round((columns["beats_s"][-1] + 2) * RATE_HZ), np.float32)
    for beat, drum in hits:
        first = round((0.35 + beat * 60 / tempo_bpm) * RATE_HZ)
        samples[first : first + len(kit[drum])] += 0.3 * kit[drum]
    [row] = Onsets().load()([Inputs(Sound.of(mix=Audio(samples[None], RATE_HZ)))])
    return measure_groove(columns | row)


def test_rendered_drums_have_the_groove_that_was_written() -> None:
    clave = heard([(bar * 4 + at, "snap") for bar in range(8) for at in CLAVE], 110)
    assert clave["syncopation"] == 4
    assert np.flatnonzero(np.array(clave["metric_strengths"]) > 0.3).tolist() == [0, 3, 6, 10, 12]
    three_two = heard([(2 * n / 3, "hat") for n in range(48)] + [(n, "kick") for n in range(32)], 100)
    assert [row["ratio"] for row in three_two["polyrhythms"]] == ["3:2"]
    assert three_two["polyrhythms"][0]["strength"] > 0.9
    swung = [(beat + at, "hat") for beat in range(32) for at in (0, 2 / 3)] + [(n, "kick") for n in range(32)]
    assert heard(swung, 120)["polyrhythms"] == []
