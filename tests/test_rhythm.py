"""Rhythm on drums and chords rendered here, with known beats, by each tracker that needs no pulled weights."""

from functools import cache
from typing import Any

import mir_eval
import numpy as np
import pyarrow as pa
import pytest

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Features, Inputs
from featurizers.rhythm import Rhythm
from schemas.fragments.rhythm import RHYTHM

RATE_HZ = 44100
DURATION_S = 16
FIRST_BEAT_S = 0.35
NO_PULSE: dict[str, Any] = {
    "tempo_bpm": None,
    "tempo_confidence": None,
    "tempo_candidates": [],
    "tempo_agreement": None,
    "beats_s": [],
    "beat_numbers": [],
    "downbeats_s": [],
    "beat_agreement": None,
    "time_signature": None,
    "time_signature_confidence": None,
}


@pytest.fixture(scope="module", params=["madmom", "onsets"])
def rhythm(request: pytest.FixtureRequest) -> Extract:
    return Rhythm(tracker=request.param).load()


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


def tracked(rhythm: Extract, bpm: float, beats_per_bar: int) -> tuple[np.ndarray, np.ndarray, Features]:
    """True beats, their numbers, and what is found in drums that play them."""
    times_s = beat_times_s(bpm)
    numbers = np.arange(len(times_s)) % beats_per_bar + 1
    (row,) = rhythm([inputs(drums(numbers, times_s))])
    return times_s, numbers, row


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("bpm", [84, 96, 120, 143, 168, 200])
def test_beats_bars_and_tempo_of_drums_are_found(rhythm: Extract, bpm: float, beats_per_bar: int) -> None:
    times_s, numbers, row = tracked(rhythm, bpm, beats_per_bar)

    assert row["tempo_bpm"] == pytest.approx(bpm, abs=0.1)
    assert row["tempo_confidence"] > 0.6
    assert row["time_signature"] == f"{beats_per_bar}/4"
    assert row["time_signature_confidence"] > 0.6
    assert mir_eval.beat.f_measure(times_s, np.array(row["beats_s"])) >= 0.97
    assert mir_eval.beat.f_measure(times_s[numbers == 1], np.array(row["downbeats_s"])) >= 0.9
    downbeats_s = [beat_s for beat_s, number in zip(row["beats_s"], row["beat_numbers"], strict=True) if number == 1]
    assert row["downbeats_s"] == downbeats_s
    errors_s = np.abs(np.subtract.outer(row["beats_s"], times_s)).min(axis=1)
    assert np.median(errors_s) < 0.006
    assert len(pa.Table.from_pylist([{"track_id": "a", **row}], RHYTHM.schema)) == 1


@pytest.mark.parametrize("bpm", [60, 75])
def test_a_slow_tempo_is_among_the_candidates(rhythm: Extract, bpm: float) -> None:
    _, _, row = tracked(rhythm, bpm, 4)  # hats in eighths make twice that of it
    tempi = [candidate["tempo_bpm"] for candidate in row["tempo_candidates"]]
    assert min(abs(tempo - bpm) for tempo in tempi) < 0.1
    assert row["tempo_bpm"] in tempi
    assert sum(candidate["salience"] for candidate in row["tempo_candidates"]) == pytest.approx(1)


def test_librosa_agrees_on_plain_drums(rhythm: Extract) -> None:
    _, _, row = tracked(rhythm, 120, 4)
    assert row["tempo_agreement"] == 1
    assert row["beat_agreement"] > 0.9


def test_no_beats_are_counted_after_the_last_note(rhythm: Extract) -> None:
    times_s = beat_times_s(120)[:21]
    numbers = np.arange(21) % 4 + 1
    song = drums(numbers, times_s)
    (row,) = rhythm([inputs(np.where(np.arange(len(song)) < 11.2 * RATE_HZ, song, 1e-4 * song))])
    assert row["beats_s"][-1] < times_s[-1] + 0.4
    assert len(row["beats_s"]) == len(row["beat_numbers"]) >= 20


def test_hits_at_random_times_give_no_confident_tempo(rhythm: Extract) -> None:
    rng = np.random.default_rng(3)
    times_s = np.cumsum(rng.uniform(0.15, 1.2, 18))
    (row,) = rhythm([inputs(drums(np.ones(18, dtype=int), times_s))])
    assert row["tempo_confidence"] is None or row["tempo_confidence"] < 0.6


def test_a_single_metre_has_no_confidence() -> None:
    _, _, row = tracked(Rhythm(tracker="onsets", beats_per_bar=(4,)).load(), 120, 4)
    assert row["time_signature"] == "4/4"
    assert row["time_signature_confidence"] is None


def test_metre_confidence_is_least_where_accents_say_nothing() -> None:
    onsets = Rhythm(tracker="onsets").load()
    clear = tracked(onsets, 120, 3)[2]["time_signature_confidence"]
    (row,) = onsets([inputs(drums(np.full(30, 2), beat_times_s(120)[:30]))])
    assert 0.5 <= row["time_signature_confidence"] < clear


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


@pytest.mark.parametrize("samples", [np.zeros(RATE_HZ), np.random.default_rng(0).uniform(-1, 1, 5 * RATE_HZ)])
def test_every_column_is_written(rhythm: Extract, samples: np.ndarray) -> None:
    (row,) = rhythm([inputs(samples)])
    assert tuple(row) == RHYTHM.names


def test_each_tracker_names_what_it_loads() -> None:
    assert Rhythm().weights == ("madmom-downbeats",)
    assert Rhythm(tracker="beat_this").weights == ("beat-this-final0",)
    assert Rhythm(tracker="beat_this", checkpoint="small0").weights == ("beat-this-small0",)
    assert Rhythm(tracker="onsets").weights == ()
    (row,) = Rhythm(tracker="onsets").load()([inputs(np.zeros(RATE_HZ))])
    assert row["rhythm_model"] == "spectral-flux"


def test_only_the_transformer_asks_for_a_gpu() -> None:
    assert Rhythm(tracker="beat_this").gpu_share > 0
    assert Rhythm().gpu_share == Rhythm(tracker="onsets").gpu_share == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tracker": "aubio"}, "tracker is 'aubio', expected one of madmom, beat_this, onsets"),
        ({"checkpoint": "final9"}, "checkpoint is 'final9', expected one of final0, small0"),
        ({"beats_per_bar": ()}, r"beats_per_bar is \(\), expected numbers from 1 on"),
        ({"beats_per_bar": (4, 0)}, r"beats_per_bar is \(4, 0\), expected numbers from 1 on"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Rhythm(**settings)
