"""Loudness against the EBU's test signals and pyloudnorm, true peak, and the signal checks of the tracks fragment."""

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import sosfilt

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs
from featurizers.level import Level, _k_weighting, hop_energies, integrated_loudness_lufs, true_peak_db
from pipeline.track_facts import signal_facts
from schemas.fragments.level import LEVEL

RATE_HZ = 48000
Samples = npt.NDArray[np.float32]


def measured(samples: npt.ArrayLike, rate_hz: int = RATE_HZ) -> dict[str, Any]:
    audio = Audio(np.atleast_2d(np.asarray(samples, np.float32)), rate_hz)
    [features] = Level().load()([Inputs(Sound.of(mix=audio))])
    assert tuple(features) == LEVEL.names
    return features


def tones(*steps: tuple[float, float], rate_hz: int = RATE_HZ) -> Samples:
    """A stereo sine of 1 kHz whose peak level goes through (dBFS, seconds)."""
    gains = np.concatenate(
        [np.full(round(duration_s * rate_hz), 10 ** (level_db / 20)) for level_db, duration_s in steps]
    )
    return np.tile(gains * np.sin(2 * np.pi * 1000 * np.arange(len(gains)) / rate_hz), (2, 1)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_a_full_scale_sine_has_the_level_that_bs_1770_says(rate_hz: int) -> None:
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * rate_hz) / rate_hz)
    assert measured(sine, rate_hz)["loudness_lufs"] == pytest.approx(-3.01, abs=0.005)
    assert measured([sine, sine], rate_hz)["loudness_lufs"] == pytest.approx(0, abs=0.005)


EBU_TECH_3341 = [
    [(-23, 20)],
    [(-33, 20)],
    [(-36, 10), (-23, 60), (-36, 10)],
    [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
    [(-26, 20), (-20, 20.1), (-26, 20)],
]


@pytest.mark.parametrize("steps", EBU_TECH_3341)
def test_integrated_loudness_of_ebu_tech_3341(steps: list[tuple[float, float]]) -> None:
    expected = -33 if steps == [(-33, 20)] else -23
    assert measured(tones(*steps))["loudness_lufs"] == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("level_db", "loudness_lufs"), [(-69.5, -69.5), (-70.5, None)])
def test_what_is_below_70_lufs_is_not_heard(level_db: float, loudness_lufs: float | None) -> None:
    found = measured(tones((level_db, 4)))
    assert found["loudness_lufs"] == pytest.approx(loudness_lufs, abs=0.1)
    assert found["loudness_range_lu"] == pytest.approx(None if loudness_lufs is None else 0, abs=0.1)


@pytest.mark.parametrize(("soft_db", "least_lu", "most_lu"), [(-42, 21, 22.1), (-44, 0, 3)])
def test_windows_20_lu_below_the_loudness_are_of_no_range(soft_db: float, least_lu: float, most_lu: float) -> None:
    found = measured(tones((-20, 20), (soft_db, 20)))  # -23 LUFS together
    assert least_lu <= found["loudness_range_lu"] <= most_lu


@pytest.mark.parametrize(
    ("levels", "range_lu"), [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)]
)
def test_loudness_range_of_ebu_tech_3342(levels: tuple[float, ...], range_lu: float) -> None:
    signal = tones(*[(level, 20) for level in levels])
    assert measured(signal)["loudness_range_lu"] == pytest.approx(range_lu, abs=1)


@pytest.mark.parametrize(
    ("divisor", "phase_degrees", "peak"), [(4, 0, 0.5), (4, 45, 0.5), (6, 60, 0.5), (8, 67.5, 0.5), (4, 45, 1.41)]
)
def test_true_peaks_of_ebu_tech_3341(divisor: int, phase_degrees: float, peak: float) -> None:
    signal = peak * np.sin(2 * np.pi * np.arange(RATE_HZ) / divisor + np.radians(phase_degrees))
    signal[:2400] *= np.linspace(0, 1, 2400)
    signal[-2400:] *= np.linspace(1, 0, 2400)
    found_db = measured([signal, signal])["true_peak_db"]
    assert -0.4 <= found_db - 20 * np.log10(peak) <= 0.2


@given(st.floats(-20, 0), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_a_gain_shifts_level_and_peak_by_itself(gain_db: float, seed: int) -> None:
    signal = 0.3 * np.random.default_rng(seed).standard_normal((2, 4 * 8000))
    before, after = measured(signal, 8000), measured(signal * 10 ** (gain_db / 20), 8000)
    for name in ("loudness_lufs", "true_peak_db"):
        assert after[name] - before[name] == pytest.approx(gain_db, abs=1e-3)
    assert after["loudness_range_lu"] == pytest.approx(before["loudness_range_lu"], abs=1e-3)
    assert 0 <= after["energy"] <= before["energy"] <= 1


def changing_noise(duration_s: float, rate_hz: int, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    gains = np.interp(np.arange(round(duration_s * rate_hz)) / rate_hz, np.arange(100), rng.uniform(0.001, 0.3, 100))
    return (gains * rng.standard_normal((2, len(gains)))).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
def test_loudness_equals_pyloudnorm(rate_hz: int) -> None:
    noise = changing_noise(37.3, rate_hz)
    meter = pyloudnorm.Meter(rate_hz, filter_class="DeMan")
    found = measured(noise, rate_hz)
    assert found["loudness_lufs"] == pytest.approx(meter.integrated_loudness(noise.T.astype(np.float64)), abs=1e-3)


def test_loudness_range_equals_that_of_pyloudnorms_windows() -> None:
    noise = changing_noise(60, 8000)
    meter = pyloudnorm.Meter(8000, filter_class="DeMan", block_size=3.0, overlap=29 / 30)
    meter.integrated_loudness(noise.T.astype(np.float64))
    windows_lufs = np.array(meter.blockwise_loudness)
    gate_lufs = 10 * np.log10(np.mean(10 ** (windows_lufs / 10))) - 20
    low, high = np.percentile(windows_lufs[windows_lufs >= max(gate_lufs, -70)], (10, 95))
    assert measured(noise, 8000)["loudness_range_lu"] == pytest.approx(high - low, abs=1e-3)


def test_true_peak_in_blocks_equals_the_whole() -> None:
    noise = changing_noise(1.3, 11025).T
    smooth = soxr.resample(noise, 11025, 44100)  # peaks between its samples
    whole = soxr.resample(smooth, 44100, 4 * 44100)
    assert np.abs(whole).max() > np.abs(smooth).max()
    assert true_peak_db(Audio(smooth.T, 44100)) == pytest.approx(20 * np.log10(np.abs(whole).max()), abs=1e-4)


def test_hops_join_without_a_seam() -> None:
    noise = changing_noise(25, 11025)  # 1102.5 samples a hop, and filtered in three passes
    energies = hop_energies(Audio(noise, 11025))
    weighted = sosfilt(_k_weighting(11025), noise.astype(np.float64))
    edges = [hop * 11025 // 10 for hop in range(251)]
    whole = [np.square(weighted[:, first:stop]).mean(axis=1).sum() for first, stop in pairwise(edges)]
    assert energies == pytest.approx(np.array(whole))
    assert integrated_loudness_lufs(energies) == pytest.approx(measured(noise, 11025)["loudness_lufs"])


@pytest.mark.parametrize("duration_s", [0.05, 1, 5])
def test_silence(duration_s: float) -> None:
    found = measured(np.zeros((2, round(duration_s * 44100))), 44100)
    nothing = {"loudness_lufs": None, "loudness_range_lu": None, "true_peak_db": None}
    assert found == {**nothing, "energy": 0.0 if duration_s > 0.4 else None}


def test_sounds_too_short_to_measure() -> None:
    short = measured(tones((-6, 0.399)))
    assert (short["loudness_lufs"], short["loudness_range_lu"], short["energy"]) == (None, None, None)
    assert short["true_peak_db"] == pytest.approx(-6, abs=0.5)
    assert measured(tones((-23, 0.4)))["loudness_lufs"] == pytest.approx(-23, abs=0.3)
    assert measured(tones((-23, 2.99)))["loudness_range_lu"] is None
    assert measured(tones((-23, 3)))["loudness_range_lu"] == 0
    assert measured(np.full((1, 1), 0.5))["true_peak_db"] == pytest.approx(-6.02, abs=0.1)


def test_a_constant_is_quiet_but_has_a_peak() -> None:
    found = measured(np.full((1, 5 * RATE_HZ), 0.5))
    assert found["true_peak_db"] == pytest.approx(-6.02, abs=1.5)  # switching it on overshoots
    assert found["loudness_lufs"] < -25


@pytest.mark.parametrize("rate_hz", [1000, 4000, 7999])
def test_rates_too_low_for_the_weighting_curve(rate_hz: int) -> None:
    sine = 0.5 * np.sin(2 * np.pi * 200 * np.arange(3 * rate_hz) / rate_hz)
    again = 0.5 * np.sin(2 * np.pi * 200 * np.arange(3 * RATE_HZ) / RATE_HZ)
    assert measured(sine, rate_hz)["loudness_lufs"] == pytest.approx(measured(again)["loudness_lufs"], abs=0.1)


def test_energy_is_a_linear_map_of_loudness() -> None:
    assert measured(tones((-22.5, 2)))["energy"] == pytest.approx(0.5, abs=1e-3)
    assert measured(tones((-50, 2)))["energy"] == 0
    assert measured(tones((0, 2)))["energy"] == 1


def peak_bytes(duration_s: int) -> int:
    audio = Audio(np.full((2, duration_s * 16000), 0.1, np.float32), 16000)
    tracemalloc.start()
    measured(audio.samples, audio.rate_hz)
    signal_facts(audio)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_track() -> None:
    peak_bytes(20)  # imports
    assert peak_bytes(240) < 1.1 * peak_bytes(30) + 1e6


def test_signal_facts_of_a_known_signal() -> None:
    samples = np.zeros((2, 2 * 8000), np.float32)
    samples[0, :8000] = 0.5
    samples[1, 100:116] = -1.25
    facts = signal_facts(Audio(samples, 8000))
    assert facts == {"duration_s": 2.0, "peak": 1.25, "clipped_ratio": 16 / 32000, "silent_ratio": 0.5}


@pytest.mark.parametrize(("level_db", "silent"), [(-59.9, 0.0), (-60.1, 1.0)])
def test_silence_begins_below_60_db_rms(level_db: float, silent: float) -> None:
    samples = np.full((1, 10007), 10 ** (level_db / 20), np.float32)
    assert signal_facts(Audio(samples, 11025))["silent_ratio"] == silent


@given(st.integers(1, 40_000), st.sampled_from([1000, 1001, 1999]), st.integers(1, 2))
@settings(deadline=None)
def test_facts_in_passes_equal_those_of_the_whole(num_samples: int, rate_hz: int, num_channels: int) -> None:
    rng = np.random.default_rng(num_samples)
    samples = (rng.standard_normal((num_channels, num_samples)) * rng.choice([0, 0.01, 1])).astype(np.float32)
    samples[:, num_samples // 3 : num_samples // 2] = 0
    edges = np.unique(np.append(np.arange(0, num_samples * 20 // rate_hz + 2) * rate_hz // 20, num_samples))
    blocks = [samples[:, a:b] for a, b in pairwise(edges) if b <= num_samples]
    facts = signal_facts(Audio(samples, rate_hz))
    assert facts["peak"] == np.abs(samples).max()
    assert facts["clipped_ratio"] == pytest.approx(np.mean(np.abs(samples) >= 0.999))
    assert facts["silent_ratio"] == pytest.approx(np.mean([np.mean(np.square(b)) < 1e-6 for b in blocks]))
