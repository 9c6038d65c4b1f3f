"""Onsets of sounds rendered here, at known times."""

import tracemalloc
from typing import Any

import librosa
import mir_eval
import numpy as np
import pyarrow as pa
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs
from featurizers.onsets import Onsets
from jobs.demo import instruments
from schemas.fragments.onsets import ONSETS
from voices import faded, harmonic, vibrato_hz

RATE_HZ = 44100
FIRST_S = 0.35
EXTRACT = Onsets().load()
KIT = {name: getattr(instruments, name)(RATE_HZ) for name in ("kick", "snare", "hat", "snap")}
GAINS = {"kick": 1.0, "snare": 0.7, "hat": 0.35, "snap": 0.8}
PATTERNS: dict[str, dict[str, tuple[int, ...]]] = {  # 16ths of a bar
    "four on the floor": {"kick": (0, 4, 8, 12)},
    "rock": {"kick": (0, 8, 10), "snare": (4, 12), "hat": tuple(range(0, 16, 2))},
    "house": {"kick": (0, 4, 8, 12), "snare": (4, 12), "hat": (2, 6, 10, 14)},
    "son clave": {"snap": (0, 3, 6, 10, 12)},
}


def found(samples: Any, rate_hz: int = RATE_HZ) -> list[dict[str, Any]]:
    audio = Audio(np.atleast_2d(np.asarray(samples, np.float32)), rate_hz)
    [row] = EXTRACT([Inputs(Sound.of(mix=audio))])
    assert tuple(row) == ONSETS.names
    onsets = row["onsets"]
    times_s = [onset["time_s"] for onset in onsets]
    assert times_s == sorted(times_s)
    assert all(0 <= time_s <= audio.duration_s for time_s in times_s)
    assert all(0 < onset["strength"] <= 1 for onset in onsets)
    assert max((onset["strength"] for onset in onsets), default=1) == 1
    return onsets


def times(samples: Any, rate_hz: int = RATE_HZ) -> np.ndarray:
    return np.array([onset["time_s"] for onset in found(samples, rate_hz)])


def placed(sounds: list[tuple[float, float, np.ndarray]], duration_s: float) -> np.ndarray:
    samples = np.zeros(round(duration_s * RATE_HZ), np.float32)
    for at_s, gain, sound in sounds:
        into = samples[round(at_s * RATE_HZ) :][: len(sound)]
        into += gain * sound[: len(into)]
    return samples


def drums(pattern: str, tempo_bpm: float, num_bars: int = 4) -> tuple[np.ndarray, np.ndarray]:
    sixteenth_s = 15 / tempo_bpm
    hits = [
        (FIRST_S + (16 * bar + at) * sixteenth_s, 0.5 * GAINS[drum], KIT[drum])
        for bar in range(num_bars)
        for drum, places in PATTERNS[pattern].items()
        for at in places
    ]
    return placed(hits, FIRST_S + 16 * num_bars * sixteenth_s + 0.5), np.unique([at_s for at_s, _, _ in hits])


def line(instrument: str, interval_s: float, num_notes: int = 20) -> tuple[np.ndarray, np.ndarray]:
    play = getattr(instruments, instrument)
    lowest = 36 if instrument == "bass" else 55
    pitches = lowest + np.random.default_rng(3).permutation(num_notes) % 17
    starts_s = FIRST_S + interval_s * np.arange(num_notes)
    notes = [(at_s, 0.7, play(midi, interval_s, RATE_HZ)) for at_s, midi in zip(starts_s, pitches, strict=True)]
    return placed(notes, starts_s[-1] + interval_s + 0.3), starts_s


def f_measure(truth_s: np.ndarray, estimate_s: np.ndarray) -> float:
    score: float = mir_eval.onset.f_measure(truth_s, estimate_s, window=0.05)[0]
    return score


def median_error_s(truth_s: np.ndarray, estimate_s: np.ndarray) -> float:
    errors_s = [estimate_s[np.abs(estimate_s - at_s).argmin()] - at_s for at_s in truth_s]
    return float(np.median([error_s for error_s in errors_s if abs(error_s) < 0.05]))


@pytest.mark.parametrize("tempo_bpm", [70, 125, 175])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_drums_are_found_where_they_are(pattern: str, tempo_bpm: float) -> None:
    samples, truth_s = drums(pattern, tempo_bpm)
    estimate_s = times(samples)
    assert f_measure(truth_s, estimate_s) >= 0.97
    assert abs(median_error_s(truth_s, estimate_s)) <= 0.01


@pytest.mark.parametrize(("instrument", "interval_s"), [("keys", 0.25), ("keys", 0.5), ("bass", 0.3), ("bass", 0.6)])
def test_notes_are_found_where_they_are(instrument: str, interval_s: float) -> None:
    samples, truth_s = line(instrument, interval_s)
    estimate_s = times(samples)
    assert f_measure(truth_s, estimate_s) >= 0.97
    assert abs(median_error_s(truth_s, estimate_s)) <= 0.01


@pytest.mark.parametrize("gain", [0.03, 0.04, 0.1])
def test_soft_notes_between_drums_are_found(gain: float) -> None:
    samples, drums_s = drums("four on the floor", 120)
    notes_s = drums_s[:-1] + 0.25
    notes = [(at_s, gain, instruments.keys(60 + 7 * n % 12, 0.2, RATE_HZ)) for n, at_s in enumerate(notes_s)]
    snares = [(at_s, 0.35, KIT["snare"]) for at_s in drums_s[1::2]]
    band = samples + placed(notes + snares, len(samples) / RATE_HZ)
    assert f_measure(np.union1d(drums_s, notes_s), times(band)) >= 0.97  # 21 and 24 dB under the snare, too


@pytest.mark.parametrize("rate_hz", [8000, 22050, 48000])
def test_clicks_are_found_at_any_rate(rate_hz: int) -> None:
    truth_s = np.arange(FIRST_S, 8, 0.4)
    samples = np.zeros(9 * rate_hz)
    samples[np.round(truth_s * rate_hz).astype(int)] = 0.8
    estimate_s = times(samples, rate_hz)
    assert estimate_s == pytest.approx(truth_s, abs=0.01)


def test_no_worse_than_librosa_over_all_of_these() -> None:
    ours, theirs = [], []
    songs = [drums(pattern, 160) for pattern in PATTERNS] + [line("keys", 0.2), line("bass", 0.4)]
    for samples, truth_s in songs:
        ours.append(f_measure(truth_s, times(samples)))
        at_22k = librosa.resample(samples, orig_sr=RATE_HZ, target_sr=22050)
        theirs.append(f_measure(truth_s, librosa.onset.onset_detect(y=at_22k, sr=22050, units="time")))
    assert all(our >= their for our, their in zip(ours, theirs, strict=True))
    assert np.mean(ours) > np.mean(theirs) + 0.02


@pytest.mark.parametrize(("drum", "band"), [("kick", "low"), ("snare", "mid"), ("snap", "mid"), ("hat", "high")])
def test_the_band_is_where_the_sound_is(drum: str, band: str) -> None:
    (onset,) = found(placed([(0.5, 0.5, KIT[drum])], 1.5))
    assert (onset["band"], onset["strength"]) == (band, 1)


def test_bass_is_low_and_keys_are_not() -> None:
    bass, keys = ([onset["band"] for onset in found(line(name, 0.4)[0])] for name in ("bass", "keys"))
    assert bass.count("low") >= 0.8 * len(bass)
    assert keys.count("mid") >= 0.9 * len(keys)


def test_a_stronger_hit_is_stronger() -> None:
    samples = placed([(0.5 * n, gain, KIT["snare"]) for n, gain in enumerate((0.5, 0.05, 0.5, 0.1), start=1)], 3)
    strengths = [onset["strength"] for onset in found(samples)]
    assert strengths[1] < strengths[3] < min(strengths[0], strengths[2])


@given(st.floats(-40, 0))
@settings(max_examples=5, deadline=None)
def test_level_and_offset_do_not_matter(gain_db: float) -> None:
    samples, _ = drums("rock", 120, 2)
    changed = samples * np.float32(10 ** (gain_db / 20)) + np.float32(0.01)
    assert times(changed) == pytest.approx(times(samples), abs=0.001)


@pytest.mark.parametrize("depth_cents", [30, 60, 100])
def test_vibrato_has_no_onsets(depth_cents: float) -> None:
    voice = faded(harmonic(vibrato_hz(440, 5.5, depth_cents, 6)), 0.02)
    estimate_s = times(np.concatenate([np.zeros(8000), voice]), 16000)
    assert estimate_s[0] == pytest.approx(0.5, abs=0.02)
    assert len(estimate_s) <= 2  # librosa finds 22 to 33


@pytest.mark.parametrize(("centre_hz", "depth_cents"), [(196, 40), (330, 60), (440, 100)])
def test_vibrato_of_a_bright_voice_has_no_onsets(centre_hz: float, depth_cents: float) -> None:
    voice = faded(harmonic(vibrato_hz(centre_hz, 5.5, depth_cents, 6), num_harmonics=16), 0.02)
    assert len(times(np.concatenate([np.zeros(8000), voice]), 16000)) <= 2


@pytest.mark.parametrize("seed", range(3))
def test_hiss_and_rumble_have_hardly_any(seed: int) -> None:
    white = np.random.default_rng(seed).standard_normal(10 * 22050)
    brown = scipy.signal.lfilter([1], [1, -0.95], white)
    assert max(len(times(0.1 * white, 22050)), len(times(0.1 * brown / brown.std(), 22050))) <= 5


def test_noise_that_stays_has_hardly_any() -> None:
    assert len(times(0.1 * np.random.default_rng(0).standard_normal(10 * 22050), 22050)) <= 5


@pytest.mark.parametrize(
    "samples",
    [np.zeros(22050), np.full(22050, 0.5), np.zeros(0), np.ones(1), 1e-5 * np.sin(np.arange(22050))],
    ids=["silence", "DC", "0", "one sample", "faint"],
)
def test_silence_has_none(samples: np.ndarray) -> None:
    assert found(samples, 22050) == []


@pytest.mark.parametrize("frequency_hz", [60, 440, 5000])
def test_a_steady_tone_has_none(frequency_hz: float) -> None:
    assert found(0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(66150) / 22050), 22050) == []


@given(st.integers(1, 3000), st.sampled_from([8000, 22050, 48000]), st.integers(1, 2))
@settings(max_examples=25, deadline=None)
def test_short_sounds_at_any_rate_do_not_raise(num_samples: int, rate_hz: int, num_channels: int) -> None:
    found(0.1 * np.random.default_rng(num_samples).standard_normal((num_channels, num_samples)), rate_hz)


def test_passes_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = drums("rock", 120)
    whole = found(samples)
    monkeypatch.setattr("featurizers.onsets._PASS_FRAMES", 97)
    assert found(samples) == whole


def test_onsets_fit_the_fragment() -> None:
    rows = [{"track_id": "a", "onsets": found(drums("house", 120)[0])}, {"track_id": "b", "onsets": []}]
    assert pa.Table.from_pylist(rows, ONSETS.schema).num_rows == 2


def peak_bytes(duration_s: int) -> int:
    samples = np.resize(drums("rock", 120)[0][::2], duration_s * 22050)
    tracemalloc.start()
    found(samples, 22050)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_half_an_hour_takes_little_memory() -> None:
    short, long = peak_bytes(40), peak_bytes(120)
    assert long + (long - short) / 80 * (1800 - 120) < 200e6
