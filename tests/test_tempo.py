"""Tempo lines, candidates worked out by hand, and what confidence rises and falls with."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from featurizers.tempo import candidates, is_close, sixths, steadiness, strengths_at, tempo_confidence, tempo_line

PREFERENCES = {bpm: np.exp(-(np.log2(bpm / 120) ** 2) / 2) for bpm in (40, 50, 100, 200, 300)}


def pulses(*beat: float, num_beats: int = 400) -> np.ndarray:
    """The same strengths of the six sixths of every beat."""
    return np.tile(np.array(beat, dtype=float), num_beats)


def saliences(tempo_bpm: float, strengths: np.ndarray) -> dict[int, float]:
    return {round(found.tempo_bpm): found.salience for found in candidates(tempo_bpm, strengths)}


@settings(deadline=None)
@given(
    bpm=st.floats(55, 215),
    start_s=st.floats(0, 100),
    beats=st.lists(st.tuples(st.sampled_from((1, 1, 1, 2, 3, 5)), st.floats(-0.02, 0.02)), min_size=4, max_size=200),
)
def test_line_survives_jitter_and_dropped_beats(bpm: float, start_s: float, beats: list[tuple[int, float]]) -> None:
    steps, jitter = np.array([step for step, _ in beats]), np.array([jitter for _, jitter in beats])
    assume(np.mean(steps[1:] == 1) > 0.5)
    counts, period_s = np.cumsum(steps), 60 / bpm
    line = tempo_line((start_s + period_s * (counts + jitter)).tolist())

    centred = counts - counts.mean()
    slope_error = abs(centred @ jitter) / (centred @ centred)  # what least squares make of the jitter, in periods
    assert 60 / line.tempo_bpm == pytest.approx(period_s, abs=period_s * slope_error + 1e-9)
    assert 0 <= line.stray <= 0.021 / (1 - slope_error)


def test_stray_is_the_rms_distance_in_beats() -> None:
    beats_s = np.arange(200) / 2
    beats_s[::2] += 0.01
    assert tempo_line(beats_s).stray == pytest.approx(0.01, rel=0.01)  # 5 ms to either side of a beat of 0.5 s
    one_late_s = np.arange(200) / 2
    one_late_s[100] += 0.1
    assert tempo_line(one_late_s).stray == pytest.approx(0.2 / np.sqrt(200), rel=0.01)


def test_tempi_are_the_same_within_four_per_cent() -> None:
    assert [is_close(120 * ratio, 120) for ratio in (0.959, 0.961, 1.039, 1.041)] == [False, True, True, False]


def test_a_steady_tempo_describes_the_whole_track() -> None:
    rng = np.random.default_rng(0)
    assert steadiness(np.arange(100) / 2) == 1
    assert steadiness((np.arange(100) + rng.normal(0, 0.02, 100)) / 2) == 1
    assert steadiness([0, 0.5, 1, 1.5]) == 1


def test_beats_that_stray_by_more_than_a_twentieth_are_not_steady() -> None:
    rng = np.random.default_rng(0)
    shares = [steadiness((np.arange(200) + rng.normal(0, stray, 200)) / 2) for stray in (0.02, 0.06, 0.2)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert shares[2] < 0.1


@pytest.mark.parametrize(("stray", "steady"), [(0.045, 1), (0.055, 0)])
def test_a_twentieth_of_a_beat_is_the_bound_of_steadiness(stray: float, steady: float) -> None:
    beats = np.arange(40) + stray * (-1) ** np.arange(40)
    assert steadiness(beats / 2) == steady


def test_steadiness_is_the_share_of_runs_of_eight_beats_that_overlap_by_half() -> None:
    last_late_s = np.append(np.arange(15) / 2, 15 / 2 + 0.15)
    assert steadiness(last_late_s) == pytest.approx(2 / 3)


def test_slow_drift_is_steady_and_another_tempo_is_not() -> None:
    drift = np.cumsum(0.5 * (1 + 0.02 * np.sin(np.arange(200) / 10)))
    assert steadiness(drift) == 1
    changed = np.cumsum([0.5] * 100 + [0.7] * 100)
    assert steadiness(changed) < 0.1  # the line through both has neither


def test_pulses_are_the_greatest_strengths_near_the_sixths_of_beats() -> None:
    strengths = np.zeros(400)
    strengths[[100, 147, 200, 297]] = 1, 0.5, 0.8, 0.3  # 0.47 s is within 0.03 s of half a beat
    strengths[204] = 0.9  # and this of nothing
    found = strengths_at(sixths(np.array([1.0, 2.0, 3.0])), strengths, 100)
    np.testing.assert_array_equal(found, [1, 0, 0, 0.5, 0, 0, 0.8, 0, 0, 0, 0, 0, 0.3])


def test_onsets_on_beats_alone_leave_one_candidate() -> None:
    found = candidates(100, pulses(1, 0, 0, 0, 0, 0))
    assert found[0].tempo_bpm == 100
    assert found[0].salience > 0.99
    assert {round(one.tempo_bpm) for one in found} == {100, 50, 200, 33, 300}


def test_off_beats_speak_for_twice_the_tempo() -> None:
    # a beat has the Fourier coefficient (1 - h) / (1 + h) and the autocorrelation 1; half a beat 1 and 2h / (1 + h^2)
    for h in (0.1, 0.5):
        at_beat, at_half = (1 - h) / (1 + h) * PREFERENCES[100], 2 * h / (1 + h**2) * PREFERENCES[200]
        found = saliences(100, pulses(1, 0, 0, h, 0, 0))
        assert found[100] == pytest.approx(at_beat / (at_beat + at_half), abs=0.01)
        assert found[200] == pytest.approx(at_half / (at_beat + at_half), abs=0.01)


def test_triplets_speak_for_three_times_the_tempo() -> None:
    h = 0.4
    at_beat = (1 - h) / (1 + 2 * h) * PREFERENCES[100]
    at_third = (2 * h + h**2) / (1 + 2 * h**2) * PREFERENCES[300]
    found = saliences(100, pulses(1, 0, h, 0, h, 0))
    assert found[100] == pytest.approx(at_beat / (at_beat + at_third), abs=0.01)
    assert found[300] == pytest.approx(at_third / (at_beat + at_third), abs=0.01)


def test_accents_on_every_other_beat_speak_for_half_the_tempo() -> None:
    h = 0.5
    accented = pulses(*(1, 0, 0, 0, 0, 0), *(h, 0, 0, 0, 0, 0))
    at_beat = 2 * h / (1 + h**2) * PREFERENCES[100]
    at_two = (1 - h) / (1 + h) * PREFERENCES[50]
    assert saliences(100, accented)[50] == pytest.approx(at_two / (at_beat + at_two), abs=0.01)


def test_a_listener_taps_rather_near_120() -> None:
    even = pulses(1, 0, 0, 0.4, 0, 0)
    assert saliences(65, even)[65] < saliences(110, even)[110]


@pytest.mark.parametrize(
    ("tempo_bpm", "others"),
    [
        (60, {60, 30, 120, 180}),
        (58, {58, 116, 174}),
        (200, {200, 100, 67}),
        (150.4, {150, 75, 50}),
        (40, {40, 80, 120}),
    ],
)
def test_candidates_are_plausible(tempo_bpm: float, others: set[int]) -> None:
    found = candidates(tempo_bpm, pulses(1, 0.1, 0.2, 0.5, 0.2, 0.1))
    assert {round(one.tempo_bpm) for one in found} == others
    assert sum(one.salience for one in found) == pytest.approx(1)
    assert [one.salience for one in found] == sorted((one.salience for one in found), reverse=True)


def test_where_nothing_pulses_no_candidate_stands_out() -> None:
    assert {one.salience for one in candidates(100, np.zeros(50))} == {0.2}


def test_confidence_rises_with_each_evidence_and_stays_a_probability() -> None:
    grid = np.array([[[tempo_confidence(s, q, a) for a in (0, 0.5, 1)] for q in (0, 0.5, 1)] for s in (0, 0.5, 1)])
    assert grid.min() == 0
    assert grid.max() < 0.95
    assert (np.diff(grid[1:], axis=0) > 0).all()
    assert (np.diff(grid[1:], axis=1) > 0).all()
    assert (np.diff(grid[1:], axis=2) > 0).all()
