"""Spans of singing in stems that were rendered with known ones, and what must not change them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.audio import Audio
from featurizers.vocal_activity import MAX_GAP_S, MIN_ENERGY_SHARE, MIN_SPAN_S, Span, cut_vocals, find_vocals, total_s
from voices import RATE_HZ, faded, harmonic, vibrato_hz

SHARE = 0.4


def stem(samples: np.ndarray) -> Audio:
    return Audio(samples.astype(np.float32)[None], RATE_HZ)


VOWEL = harmonic(vibrato_hz(220, 5.5, 60, 4))
BLEED = np.random.default_rng(3).standard_normal(120 * RATE_HZ)


def note(duration_s: float, level_dbfs: float) -> np.ndarray:
    """A vowel with vibrato at an RMS level."""
    sound = faded(VOWEL[: round(duration_s * RATE_HZ)], 0.01)
    return sound * 10 ** (level_dbfs / 20) / sound.std()


def track(duration_s: float, *notes: tuple[float, float, float], bleed_dbfs: float = -120.0) -> np.ndarray:
    """Notes ``(start_s, duration_s, level_dbfs)`` over noise."""
    samples = BLEED[: round(duration_s * RATE_HZ)] * 10 ** (bleed_dbfs / 20)
    for start_s, length_s, level_dbfs in notes:
        sound = note(length_s, level_dbfs)
        start = round(start_s * RATE_HZ)
        samples[start : start + len(sound)] += sound
    return samples


def iou(found: list[Span], truth: list[Span]) -> float:
    """Intersection over union of the time in two lists of spans, to the millisecond."""
    one, other = (np.zeros(130_000, bool) for _ in range(2))
    for spans, mask in ((found, one), (truth, other)):
        for start_s, end_s in spans:
            mask[round(1000 * start_s) : round(1000 * end_s)] = True
    return float((one & other).sum() / (one | other).sum())


phrases = st.lists(
    st.tuples(st.floats(0.35, 1.2), st.floats(0.5, 3.0), st.floats(-20, 0)),  # pause, length, level to the loudest
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@given(phrases, st.floats(-24, -9), st.floats(-50, -38))
def test_rendered_phrases_are_found(
    drawn: list[tuple[float, float, float]], loudest_dbfs: float, bleed_below_db: float
) -> None:
    notes, now_s = [(0.5, 1.0, loudest_dbfs)], 1.5
    for pause_s, length_s, level_db in drawn:
        notes.append((now_s + pause_s, length_s, max(loudest_dbfs + level_db, -42)))
        now_s += pause_s + length_s
    samples = track(now_s + 1, *notes, bleed_dbfs=loudest_dbfs + bleed_below_db)
    found = find_vocals(stem(samples), SHARE)
    assert len(found) == len(notes)
    assert iou(found, [(start_s, start_s + length_s) for start_s, length_s, _ in notes]) >= 0.95


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 6), st.floats(-60, 0))
def test_spans_are_in_order_apart_long_enough_and_inside(seed: int, duration_s: float, peak_db: float) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.uniform(-60, 0, max(1, round(10 * duration_s)))
    envelope = np.repeat(10 ** ((steps + peak_db) / 20), RATE_HZ // 10)
    audio = stem(envelope * rng.standard_normal(len(envelope)))
    spans = find_vocals(audio, None)
    assert all(0 <= start_s < end_s <= audio.duration_s for start_s, end_s in spans)
    assert all(end_s - start_s >= MIN_SPAN_S for start_s, end_s in spans)
    assert all(after[0] - before[1] >= MAX_GAP_S - 1e-9 for before, after in pairwise(spans))


@settings(max_examples=20, deadline=None)
@given(st.floats(-8, 12))
def test_gain_changes_nothing_above_the_floor(gain_db: float) -> None:
    samples = track(6, (1, 1, -20), (3, 1.5, -30), bleed_dbfs=-62)
    found = find_vocals(stem(samples * 10 ** (gain_db / 20)), SHARE)
    assert np.array(found) == pytest.approx(np.array([(1, 2), (3, 4.5)]), abs=0.03)


def test_silence_before_and_after_only_shifts() -> None:
    samples = track(5, (1, 1, -20), (3, 1.5, -30))
    padded = np.concatenate([np.zeros(RATE_HZ * 20), samples, np.zeros(RATE_HZ * 7)])
    shifted = [(start_s - 20, end_s - 20) for start_s, end_s in find_vocals(stem(padded), SHARE)]
    assert np.array(shifted) == pytest.approx(np.array(find_vocals(stem(samples), SHARE)))


def test_one_short_phrase_in_a_long_instrumental_is_found() -> None:
    found = find_vocals(stem(track(120, (60, 0.5, -25), bleed_dbfs=-60)), 0.01)
    assert iou(found, [(60, 60.5)]) >= 0.95


def test_a_phrase_goes_on_through_dips_and_plosives_but_not_through_breaths() -> None:
    dip = track(4, (0.5, 1, -20), (1.5, 0.5, -48), (2, 1, -20))  # below what starts a span, above what ends it
    assert np.array(find_vocals(stem(dip), SHARE)) == pytest.approx(np.array([(0.5, 3)]), abs=0.02)
    plosive = track(4, (0.5, 1, -20), (1.65, 1, -20))
    assert np.array(find_vocals(stem(plosive), SHARE)) == pytest.approx(np.array([(0.5, 2.65)]), abs=0.02)
    breath = track(4, (0.5, 1, -20), (1.8, 1, -20))
    assert len(find_vocals(stem(breath), SHARE)) == 2


def test_what_is_shorter_than_any_line_is_dropped() -> None:
    assert len(find_vocals(stem(track(4, (0.5, 1, -20), (2.5, 0.25, -20))), SHARE)) == 1
    assert find_vocals(stem(track(4, (2.5, 0.25, -20))), SHARE) == []


def test_bleed_is_no_singing() -> None:
    loud = stem(track(4, (0.5, 2, -20)))
    assert find_vocals(loud, MIN_ENERGY_SHARE / 1.01) == []
    assert find_vocals(loud, 0.0) == find_vocals(loud, 0.0031) == []  # -25.1 dB
    assert find_vocals(loud, 0.0032) != []
    assert find_vocals(loud, MIN_ENERGY_SHARE * 1.01) == find_vocals(loud, None) != []
    assert find_vocals(stem(track(4, (0.5, 2, -47))), SHARE) == []


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.ones(1), note(0.05, -10), np.zeros(RATE_HZ), np.full(RATE_HZ, 0.5), np.full(RATE_HZ, -20.0)],
    ids=["0", "one sample", "0.05 s", "silence", "DC", "DC beyond full scale"],
)
def test_odd_audio_is_no_singing(samples: np.ndarray) -> None:
    assert find_vocals(stem(samples), None) == []


def test_an_offset_changes_nothing() -> None:
    samples = track(5, (1, 1, -20), (3, 1.5, -30))
    assert find_vocals(stem(samples + 0.25), SHARE) == find_vocals(stem(samples), SHARE)


def lengths_s(chunks: list[list[Span]]) -> list[float]:
    return [spans[-1][1] - spans[0][0] for spans in chunks]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.2, 5), st.floats(0.3, 15)), min_size=1, max_size=5), st.floats(2, 28))
def test_chunks_hold_all_singing_in_order_and_are_short_enough(drawn: list[tuple[float, float]], max_s: float) -> None:
    spans, now_s = [], 0.0
    for pause_s, length_s in drawn:
        spans.append((now_s + pause_s, now_s + pause_s + length_s))
        now_s += pause_s + length_s
    chunks = cut_vocals(stem(BLEED[: round(now_s * RATE_HZ)]), spans, max_s)
    assert max(lengths_s(chunks)) <= max_s + 1e-9
    assert min(lengths_s(chunks)) >= 0.05
    pieces = [span for chunk in chunks for span in chunk]
    assert all(before[1] <= after[0] for before, after in pairwise(pieces))
    assert total_s(pieces) == pytest.approx(total_s(spans))
    assert iou(pieces, spans) == pytest.approx(1, abs=0.01)


def test_chunks_end_at_the_longest_late_pause() -> None:
    spans = [(0.0, 6.0), (7.0, 14.0), (14.3, 17.0), (17.8, 22.0), (22.4, 31.0)]
    assert cut_vocals(stem(BLEED[: 32 * RATE_HZ]), spans, 28) == [spans[:3], spans[3:]]


def test_long_pauses_part_chunks() -> None:
    spans = [(0.0, 1.0), (3.5, 4.5), (8.0, 9.0)]
    assert cut_vocals(stem(BLEED[: 10 * RATE_HZ]), spans, 28) == [spans[:2], spans[2:]]


def test_a_span_without_a_pause_is_cut_where_it_is_quietest() -> None:
    samples = BLEED[: 40 * RATE_HZ].copy()
    samples[20 * RATE_HZ : round(20.2 * RATE_HZ)] *= 0.5
    first, second = cut_vocals(stem(samples), [(0.0, 40.0)], 28)
    assert first == [(0.0, pytest.approx(20.1, abs=0.06))]
    assert second == [(first[0][1], 40.0)]
