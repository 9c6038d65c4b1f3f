"""Timbre equals librosa called on the whole signal, and tells known sounds apart."""

import tracemalloc
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs
from featurizers.timbre import Timbre
from schemas.fragments.timbre import TIMBRE

RATE_HZ = 22050
Signal = npt.NDArray[np.float32]

EXTRACT = Timbre().load()


def measured(signal: npt.ArrayLike, rate_hz: int = RATE_HZ) -> dict[str, Any]:
    audio = Audio(np.atleast_2d(np.asarray(signal, np.float32)), rate_hz)
    [features] = EXTRACT([Inputs(Sound.of(mix=audio))])
    assert tuple(features) == TIMBRE.names
    numbers = np.concatenate([np.atleast_1d(value) for value in features.values() if value is not None])
    assert np.isfinite(numbers).all()
    return features


def through_librosa(signal: Signal) -> dict[str, npt.NDArray[np.float64]]:
    """The same columns, each by one call of librosa on the whole signal."""
    feature = librosa.feature
    mfcc = feature.mfcc(y=signal, sr=RATE_HZ, n_mfcc=20)
    onsets = librosa.onset.onset_detect(y=signal, sr=RATE_HZ)
    contours = {
        "spectral_centroid_hz": feature.spectral_centroid(y=signal, sr=RATE_HZ),
        "spectral_bandwidth_hz": feature.spectral_bandwidth(y=signal, sr=RATE_HZ),
        "spectral_rolloff_hz": feature.spectral_rolloff(y=signal, sr=RATE_HZ),
        "spectral_flatness": feature.spectral_flatness(y=signal),
        "zero_crossing_rate": feature.zero_crossing_rate(signal),
    }
    return {
        "mfcc_mean": mfcc.mean(axis=1),
        "mfcc_std": mfcc.std(axis=1),
        **{f"{name}_mean": contour.mean() for name, contour in contours.items()},
        **{f"{name}_std": contour.std() for name, contour in contours.items()},
        "spectral_contrast_mean_db": feature.spectral_contrast(y=signal, sr=RATE_HZ).mean(axis=1),
        "onset_rate_hz": np.array(len(onsets) / (len(signal) / RATE_HZ)),
        "tempogram_ratio": feature.tempogram_ratio(y=signal, sr=RATE_HZ).mean(axis=1),
    }


def notes(duration_s: float, interval_s: float, seed: int = 0) -> Signal:
    """Decaying notes at random pitches every ``interval_s``, over a little noise."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    pitch_hz = rng.uniform(100, 2000, int(duration_s / interval_s) + 1)[(time_s / interval_s).astype(int)]
    tone = np.exp(-(time_s % interval_s) * 8) * np.sign(np.sin(2 * np.pi * pitch_hz * time_s))
    return (0.3 * tone + 0.001 * rng.standard_normal(len(time_s))).astype(np.float32)


@pytest.mark.parametrize("signal", [notes(50, 0.4), notes(7.77, 0.13, 1)], ids=["three passes", "one pass"])
def test_every_column_equals_librosa(signal: Signal) -> None:
    found, expected = measured(signal), through_librosa(signal)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4, abs=1e-4), name


def sine(frequency_hz: float, duration_s: float = 3) -> Signal:
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * RATE_HZ)) / RATE_HZ)).astype(
        np.float32
    )


@pytest.mark.parametrize("frequency_hz", [500, 2000, 5000])
def test_a_sine_has_its_centroid_and_crossings_where_it_is(frequency_hz: float) -> None:
    found = measured(sine(frequency_hz))
    assert found["spectral_centroid_hz_mean"] == pytest.approx(frequency_hz, rel=0.03)
    assert found["spectral_rolloff_hz_mean"] == pytest.approx(frequency_hz, abs=40)
    assert found["zero_crossing_rate_mean"] == pytest.approx(2 * frequency_hz / RATE_HZ, rel=0.02)
    assert found["spectral_flatness_mean"] < 0.01


def test_noise_is_flat_and_wide() -> None:
    noise = measured(0.1 * np.random.default_rng(0).standard_normal(3 * RATE_HZ))
    assert noise["spectral_flatness_mean"] > 0.4
    assert noise["spectral_centroid_hz_mean"] == pytest.approx(RATE_HZ / 4, rel=0.03)
    assert noise["zero_crossing_rate_mean"] == pytest.approx(0.5, abs=0.01)
    assert max(noise["spectral_contrast_mean_db"]) < min(measured(sine(150))["spectral_contrast_mean_db"][:1])


@pytest.mark.parametrize("rate", [2, 4])
def test_onsets_are_counted(rate: int) -> None:
    found = measured(notes(20, 1 / rate))
    assert found["onset_rate_hz"] == pytest.approx(rate, rel=0.1)
    assert max(found["tempogram_ratio"]) > 0.5


def test_silence_has_zeros_and_no_tempogram() -> None:
    found = measured(np.zeros(3 * RATE_HZ))
    assert found["tempogram_ratio"] is None
    assert found["mfcc_mean"][1:] == found["mfcc_std"][1:] == pytest.approx([0] * 19, abs=1e-3)
    assert found["spectral_flatness_mean"] == pytest.approx(1, abs=1e-5)
    flat = [name for name in TIMBRE.names if name.endswith(("_hz_mean", "_std", "rate_mean")) and "mfcc" not in name]
    assert all(found[name] == pytest.approx(0, abs=1e-6) for name in [*flat, "onset_rate_hz"])


def test_a_constant_has_no_crossings() -> None:
    assert measured(np.full(3 * RATE_HZ, 0.5))["zero_crossing_rate_mean"] == 0


@given(st.integers(3, 3000), st.sampled_from([8000, 22050, 48000]), st.integers(1, 2))
@settings(max_examples=25, deadline=None)
def test_short_sounds_at_any_rate_have_values(num_samples: int, rate_hz: int, num_channels: int) -> None:
    noise = np.random.default_rng(num_samples).standard_normal((num_channels, num_samples))
    found = measured(0.1 * noise, rate_hz)
    assert len(found["mfcc_mean"]) == 20
    assert len(found["spectral_contrast_mean_db"]) == 7


def test_a_sample_that_resampling_leaves_nothing_of_has_nulls() -> None:
    audio = Audio(np.ones((1, 1), np.float32), 48000)
    assert EXTRACT([Inputs(Sound.of(mix=audio))]) == [dict.fromkeys(TIMBRE.names)]


def peak_bytes(duration_s: int) -> int:
    signal = notes(duration_s, 0.5)
    tracemalloc.start()
    measured(signal)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_grows_by_the_mel_spectrogram_only() -> None:
    peak_bytes(5)  # imports and compiled code
    bytes_a_second = (peak_bytes(270) - peak_bytes(90)) / 180
    assert bytes_a_second < 8 * 128 * 4 * RATE_HZ / 512  # half an hour then takes a third of a GiB
