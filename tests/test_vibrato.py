"""Vibrato in composed F0 contours, whose rate, depth and extent are known exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.vibrato import MIN_DEPTH_CENTS, Vibrato, measure_vibrato, sustained_notes

HOP_S = 0.01
NO_VIBRATO = Vibrato(None, None, 0.0)

rates = st.floats(4.0, 8.0)
depths = st.floats(20, 150)
phases = st.floats(0, 2 * np.pi)


def times(duration_s: float) -> np.ndarray:
    return np.arange(round(duration_s / HOP_S)) * HOP_S


def hz(cents: np.ndarray, centre_hz: float = 300.0) -> np.ndarray:
    return centre_hz * 2 ** (cents / 1200)


def swing(rate_hz: float, depth_cents: float, duration_s: float, phase: float = 0.0) -> np.ndarray:
    return depth_cents * np.sin(2 * np.pi * rate_hz * times(duration_s) + phase)


@settings(deadline=None)
@given(rates, depths, phases, st.floats(80, 900), st.integers(0, 99))
def test_rate_and_depth_of_a_long_note(rate_hz: float, depth_cents: float, phase: float, centre: float, seed: int):
    cents = swing(rate_hz, depth_cents, 2.0, phase) + np.random.default_rng(seed).normal(0, 2, 200)
    found = measure_vibrato(hz(cents, centre), HOP_S)
    assert found.rate_hz == pytest.approx(rate_hz, abs=0.05)
    assert found.depth_cents == pytest.approx(depth_cents, rel=0.04, abs=1)
    assert 0.85 <= found.extent <= 1


@settings(deadline=None)
@given(st.floats(5, 8), st.floats(30, 100), phases)
def test_a_short_note_needs_four_cycles_at_most(rate_hz: float, depth_cents: float, phase: float):
    found = measure_vibrato(hz(swing(rate_hz, depth_cents, 4 / rate_hz + 0.02, phase)), HOP_S)
    assert found.rate_hz == pytest.approx(rate_hz, rel=0.05)
    assert found.depth_cents == pytest.approx(depth_cents, rel=0.1)


@settings(deadline=None)
@given(rates, depths, phases, st.floats(-200, 200), st.floats(0.25, 4))
def test_slow_drift_and_transposition_change_nothing(
    rate_hz: float, depth_cents: float, phase: float, drift_cents: float, ratio: float
):
    cents = swing(rate_hz, depth_cents, 2.0, phase)
    plain = measure_vibrato(hz(cents), HOP_S)
    drifting = measure_vibrato(ratio * hz(cents + drift_cents * times(2.0) / 2), HOP_S)
    assert drifting[:2] == pytest.approx(plain[:2], rel=0.02)
    two_cycles = 2 / (rate_hz * 2.0)  # drift may cost a cycle at either end of the 2 s note
    assert drifting.extent == pytest.approx(plain.extent, abs=two_cycles)


@settings(deadline=None)
@given(rates, depths, phases)
def test_time_can_run_backwards(rate_hz: float, depth_cents: float, phase: float):
    f0_hz = hz(swing(rate_hz, depth_cents, 1.5, phase))
    forth, back = measure_vibrato(f0_hz, HOP_S), measure_vibrato(f0_hz[::-1], HOP_S)
    assert back == pytest.approx(forth, rel=0.05)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 4), st.sampled_from([0.0, 200.0, -700.0, 1200.0]))
def test_an_unsteady_voice_without_vibrato_has_none(seed: int, spread_cents: float, leap_cents: float):
    rng = np.random.default_rng(seed)
    cents = rng.normal(0, spread_cents, 250) + np.where(times(2.5) > 1.2, leap_cents, 0)
    assert measure_vibrato(hz(cents), HOP_S) == NO_VIBRATO


@pytest.mark.parametrize("cents_per_s", [-2400, -600, -100, 0, 100, 600, 2400])
def test_a_glide_is_no_vibrato(cents_per_s: float):
    assert measure_vibrato(hz(cents_per_s * times(1.0)), HOP_S) == NO_VIBRATO


@pytest.mark.parametrize("rate_hz", [1.0, 2.5, 10.0, 14.0])
def test_a_modulation_out_of_range_is_no_vibrato(rate_hz: float):
    assert measure_vibrato(hz(swing(rate_hz, 60, 2.0)), HOP_S) == NO_VIBRATO


def test_a_flutter_below_the_least_depth_is_no_vibrato():
    assert measure_vibrato(hz(swing(6, 0.8 * MIN_DEPTH_CENTS, 2.0)), HOP_S) == NO_VIBRATO
    assert measure_vibrato(hz(swing(6, 1.2 * MIN_DEPTH_CENTS, 2.0)), HOP_S).rate_hz is not None


def test_notes_below_half_a_second_are_left_out():
    short = np.append(hz(swing(7, 60, 0.45)), np.nan)
    assert measure_vibrato(np.tile(short, 5), HOP_S) == NO_VIBRATO


def test_nothing_voiced_has_no_extent():
    assert measure_vibrato(np.full(300, np.nan), HOP_S) == Vibrato(None, None, None)
    assert measure_vibrato(np.full(1, np.nan), HOP_S) == Vibrato(None, None, None)


def test_extent_is_the_share_of_voiced_time():
    straight, silent = np.zeros(300), np.full(50, np.nan)
    f0_hz = np.concatenate([hz(swing(5.5, 60, 2.0)), silent, hz(straight), silent])
    found = measure_vibrato(f0_hz, HOP_S)
    assert found.extent == pytest.approx(2 / 5)
    assert found.rate_hz == pytest.approx(5.5, abs=0.02)


def test_vibrato_that_sets_in_late_counts_from_there_with_its_full_depth():
    cents = np.concatenate([np.zeros(150), swing(5.5, 80, 1.5)])
    found = measure_vibrato(hz(cents), HOP_S)
    assert found.depth_cents == pytest.approx(80, rel=0.05)
    assert found.extent == pytest.approx(0.5, abs=0.06)


def test_rate_and_depth_are_medians_over_notes():
    notes = [(5.0, 40.0), (6.0, 60.0), (6.2, 200.0)]
    f0_hz = np.concatenate([np.append(hz(swing(rate, depth, 1.5)), np.nan) for rate, depth in notes])
    found = measure_vibrato(f0_hz, HOP_S)
    assert found.rate_hz == pytest.approx(6.0, abs=0.03)
    assert found.depth_cents == pytest.approx(60, rel=0.03)


def test_legato_notes_are_analysed_apart():
    first, second = swing(5.0, 50, 1.5), 300 + swing(5.0, 50, 1.5)
    assert len(sustained_notes(hz(np.concatenate([first, second])), HOP_S)) == 2
    assert len(sustained_notes(hz(first), HOP_S)) == 1


@settings(deadline=None)
@given(rates, st.floats(30, 150), st.floats(0, 0.05))
def test_what_a_running_mean_takes_from_the_depth_is_given_back(rate_hz: float, depth_cents: float, averaging_s: float):
    shrunk = swing(rate_hz, depth_cents, 2.0) * np.sinc(rate_hz * averaging_s)
    found = measure_vibrato(hz(shrunk), HOP_S, averaging_s)
    assert found.depth_cents == pytest.approx(depth_cents, rel=0.04)
