"""Rhythm on drums and chords rendered here, with known beats."""

from functools import cache
from typing import Any

import mir_eval
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Inputs
from featurizers.rhythm import Rhythm, tempo_line
from schemas.fragments.rhythm import RHYTHM

RATE_HZ = 44100
DURATION_S = 16
FIRST_BEAT_S = 0.35
NO_PULSE: dict[str, Any] = {
    "tempo_bpm": None,
    "tempo_confidence": None,
    "beats_s": [],
    "beat_numbers": [],
    "downbeats_s": [],
    "time_signature": None,
}


@pytest.fixture(scope="module")
def rhythm() -> Extract:
    return Rhythm().load()


def inputs(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Inputs:
    return Inputs(Sound.of(mix=Audio(np.atleast_2d(samples).astype(np.float32), rate_hz)))


def beat_times_s(bpm: float) -> np.ndarray:
    return np.arange(FIRST_BEAT_S, DURATION_S - 0.2, 60 / bpm)


def drums(numbers: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Kick on one, snare on the other strong beats, hats in eighths, and a new triad every bar."""
    rng = np.random.default_rng(7)
    time_s = np.arange(int(0.2 * RATE_HZ)) / RATE_HZ
    kick = np.sin(2 * np.pi * (50 * time_s - 2 * np.exp(-30 * time_s))) * np.exp(-18 * time_s)
    snare = 0.4 * rng.standard_normal(len(time_s)) * np.exp(-25 * time_s)
    hat = 0.1 * np.diff(rng.standard_normal(len(time_s)), prepend=0) * np.exp(-80 * time_s)
    song = np.zeros(DURATION_S * RATE_HZ)
    beat_s = times_s[1] - times_s[0]
    for number, at_s in zip(numbers, times_s, strict=True):
        add(song, at_s, kick if number == 1 else snare)
        add(song, at_s, hat)
        add(song, at_s + beat_s / 2, hat)
    for bar, at_s in enumerate(times_s[numbers == 1]):
        add(song, at_s, triad((0, 5, 7, 0)[bar % 4], beat_s * numbers.max()))
    song /= np.abs(song).max()
    return song


@cache
def triad(root: int, duration_s: float) -> np.ndarray:
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    pitches_hz = [220 * 2 ** ((root + step) / 12) for step in (-12, 0, 4, 7)]
    tones = [np.sin(2 * np.pi * hz * partial * time_s) / partial for hz in pitches_hz for partial in range(1, 7)]
    sound: np.ndarray = 0.1 * np.sum(tones, axis=0) * np.exp(-time_s) * np.minimum(1, (duration_s - time_s) / 0.02)
    return sound


def add(song: np.ndarray, at_s: float, sound: np.ndarray) -> None:
    into = song[round(at_s * RATE_HZ) :][: len(sound)]
    into += sound[: len(into)]


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("bpm", [75, 96, 120, 143, 168, 200])
def test_beats_bars_and_tempo_of_drums_are_found(rhythm: Extract, bpm: float, beats_per_bar: int) -> None:
    times_s = beat_times_s(bpm)
    numbers = np.arange(len(times_s)) % beats_per_bar + 1
    (row,) = rhythm([inputs(drums(numbers, times_s))])

    assert row["tempo_bpm"] == pytest.approx(bpm, abs=0.1)
    assert row["tempo_confidence"] > 0.9
    assert row["time_signature"] == f"{beats_per_bar}/4"
    assert mir_eval.beat.f_measure(times_s, np.array(row["beats_s"])) >= 0.97
    assert mir_eval.beat.f_measure(times_s[numbers == 1], np.array(row["downbeats_s"])) >= 0.9
    downbeats_s = [beat_s for beat_s, number in zip(row["beats_s"], row["beat_numbers"], strict=True) if number == 1]
    assert row["downbeats_s"] == downbeats_s
    assert len(pa.Table.from_pylist([{"track_id": "a", **row}], RHYTHM.schema)) == 1


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (np.zeros(3 * RATE_HZ), RATE_HZ),
        (np.full(3 * RATE_HZ, 0.7), RATE_HZ),
        (np.full(3 * 48000, -0.7), 48000),
        (np.zeros(0), RATE_HZ),
        (np.random.default_rng(0).uniform(-1, 1, RATE_HZ // 20), RATE_HZ),
        (np.random.default_rng(0).uniform(-1, 1, RATE_HZ // 2), RATE_HZ),
        (np.random.default_rng(0).uniform(-1e-4, 1e-4, 3 * RATE_HZ), RATE_HZ),
    ],
    ids=["silence", "DC", "DC resampled", "empty", "0.05 s", "0.5 s", "-85 dB of noise"],
)
def test_no_pulse_is_null_and_empty(rhythm: Extract, samples: np.ndarray, rate_hz: int) -> None:
    (row,) = rhythm([inputs(samples, rate_hz)])
    assert row.pop("rhythm_model")
    assert row == NO_PULSE


def test_every_column_is_written_even_in_silence(rhythm: Extract) -> None:
    (row,) = rhythm([inputs(np.zeros(RATE_HZ))])
    assert tuple(row) == RHYTHM.names


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
    assert 1 / (1 + (0.021 / (1 - slope_error) / 0.05) ** 2) <= line.confidence <= 1


def test_confidence_falls_as_beats_stray() -> None:
    rng = np.random.default_rng(0)
    confidences = [
        tempo_line((np.arange(100) + rng.normal(0, stray, 100)).tolist())[1] for stray in (0, 0.02, 0.05, 0.1)
    ]
    assert confidences[0] == pytest.approx(1)
    assert confidences[2] == pytest.approx(0.5, abs=0.1)
    assert confidences == sorted(confidences, reverse=True)
