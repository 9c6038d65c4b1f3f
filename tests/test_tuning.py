"""Tuning of tones a known number of cents away, and filters that follow it."""

import numpy as np
import pytest

from featurizers.madmom_spectrogram import Filterbank, filterbank, magnitudes
from featurizers.tuning import FRAME_SAMPLES, TuningHistogram, retuned

RATE_HZ = 44100


def tones(cents: float) -> np.ndarray:
    """A dozen notes of six harmonics, half a second each."""
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    pitches = np.random.default_rng(4).integers(48, 76, 12)
    phases = [
        np.outer(range(1, 7), 2 * np.pi * 440 * 2 ** ((pitch - 69 + cents / 100) / 12) * time_s) for pitch in pitches
    ]
    sounds = [(np.sin(phase) / np.arange(1, 7)[:, None]).sum(axis=0) for phase in phases]
    return np.concatenate(sounds).astype(np.float32)


def estimate(samples: np.ndarray) -> float | None:
    histogram = TuningHistogram()
    for chunk in magnitudes(samples, FRAME_SAMPLES, RATE_HZ // 10):
        histogram.add(chunk)
    return histogram.cents


@pytest.mark.parametrize("cents", [-48, -31.5, -10, 0, 7.3, 30, 48])
def test_the_cents_of_tones_are_found(cents: float) -> None:
    assert estimate(tones(cents)) == pytest.approx(cents, abs=3)


def test_a_quarter_tone_is_either_way() -> None:
    found = estimate(tones(50))
    assert found is not None
    assert abs(found) == pytest.approx(50, abs=3)
    assert -50 <= found < 50


@pytest.mark.parametrize("depth_cents", [30, 50, 70])
@pytest.mark.parametrize("cents", [-30, 0, 20])
def test_vibrato_does_not_move_the_tuning(cents: float, depth_cents: float) -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    bends = depth_cents * np.sin(2 * np.pi * 5.5 * time_s) * (time_s > 0.4)  # as singers do, not from the start
    pitches = np.random.default_rng(1).integers(57, 72, 8)
    f0_hz = 440 * 2 ** ((pitches[:, None] - 69 + (cents + bends) / 100) / 12)
    phases = 2 * np.pi * np.cumsum(f0_hz, axis=1) / RATE_HZ
    voice = np.sum([np.sin(number * phases) / number for number in range(1, 7)], axis=0).ravel()
    assert estimate(voice.astype(np.float32)) == pytest.approx(cents, abs=3)


def test_chunks_of_frames_do_not_show() -> None:
    frames = np.concatenate(list(magnitudes(tones(7.3), FRAME_SAMPLES, RATE_HZ // 10)))
    whole, chunked = TuningHistogram(), TuningHistogram()
    whole.add(frames)
    for start in range(0, len(frames), 7):
        chunked.add(frames[start:][:7])
    assert chunked.cents == pytest.approx(whole.cents)


@pytest.mark.parametrize("seconds", [1, 5])
def test_silence_and_noise_have_no_tuning(seconds: int) -> None:
    assert estimate(np.zeros(seconds * RATE_HZ, dtype=np.float32)) is None
    assert estimate(np.random.default_rng(seconds).normal(0, 0.1, seconds * RATE_HZ).astype(np.float32)) is None


@pytest.mark.parametrize("cents", [-40, 25])
def test_retuned_filters_hear_music_out_of_tune_as_if_in_tune(cents: float) -> None:
    bank = filterbank(8192, 24, 65, 2100)
    in_tune, out = (_bands(bank, tones(shift)) for shift in (0, cents))
    followed = _bands(retuned(bank, cents), tones(cents))
    assert np.abs(followed - in_tune).mean() < 0.5 * np.abs(out - in_tune).mean()


def test_filters_that_are_in_tune_stay() -> None:
    bank = filterbank(8192, 24, 65, 2100)
    same = retuned(bank, 0)
    weights = np.zeros((4096, len(bank)))
    weights[bank.first_bin :][: len(bank.weights)] = bank.weights
    np.testing.assert_allclose(same.weights, weights[same.first_bin :][: len(same.weights)], atol=1e-6)
    assert same.weights.sum() == pytest.approx(bank.weights.sum(), rel=1e-6)


def _bands(bank: Filterbank, samples: np.ndarray) -> np.ndarray:
    return np.concatenate([bank.log_bands(chunk) for chunk in magnitudes(samples, 8192, RATE_HZ // 10)])
