"""Onset curves of sounds placed by hand, and that chunks leave no trace in them."""

import numpy as np
import pytest

from featurizers import madmom_spectrogram
from featurizers.onset_beats import FRAMES_PER_S, OnsetDetector, onset_activations

RATE_HZ = 44100


@pytest.fixture(scope="module")
def detect() -> OnsetDetector:
    return OnsetDetector()


def tone(duration_s: float, *pitches_hz: float) -> np.ndarray:
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return 0.1 * np.sum([np.sin(2 * np.pi * hz * time_s) for hz in pitches_hz], axis=0)


def bursts(times_s: list[float], duration_s: float) -> np.ndarray:
    rng = np.random.default_rng(2)
    samples = rng.normal(0, 1e-4, round(duration_s * RATE_HZ))
    for at_s in times_s:
        samples[round(at_s * RATE_HZ) :][:2000] += rng.normal(0, 0.3, 2000) * np.exp(-np.arange(2000) / 400)
    return samples.astype(np.float32)


def test_strengths_peak_at_onsets_and_nowhere_else(detect: OnsetDetector) -> None:
    times_s = [0.5, 1.13, 2.71]
    strengths = detect(bursts(times_s, 4)).strengths
    assert strengths.shape == (4 * FRAMES_PER_S,)
    far = np.ones(len(strengths), dtype=bool)
    for at_s in times_s:
        near = slice(round(at_s * 100) - 3, round(at_s * 100) + 4)
        assert abs(near.start + strengths[near].argmax() - at_s * 100) <= 1
        far[near] = False
    assert strengths[far].max() < 0.3 * strengths.max()


def test_lows_are_those_of_the_kick_drum(detect: OnsetDetector) -> None:
    song = np.concatenate([np.zeros(RATE_HZ), tone(0.5, 60), np.zeros(RATE_HZ // 2), tone(1, 2000)])
    low = detect(song.astype(np.float32)).low_strengths
    assert low[95:105].max() > 5 * low[195:205].max()


def test_harmony_changes_where_the_chord_does_and_not_with_level(detect: OnsetDetector) -> None:
    chords = np.concatenate([tone(2, 220, 277, 330), 0.5 * tone(2, 220, 277, 330), tone(2, 175, 262, 349)])
    changes = detect(chords.astype(np.float32)).harmony_changes[100:500]  # what begins and ends the sound aside
    assert abs(100 + changes.argmax() - 400) <= 10
    assert changes[60:140].max() < changes.max() / 2


def test_activations_are_shared_by_beat_and_downbeat(detect: OnsetDetector) -> None:
    activations = onset_activations(detect(bursts([0.5, 1, 1.5, 2], 3)))
    assert activations.shape == (300, 2)
    assert activations.min() >= 0
    assert activations.sum(axis=1).max() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("num_samples", [4411, 30000, 88217])
def test_chunks_leave_no_trace(detect: OnsetDetector, num_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = bursts([0.05, 0.4, 0.9, 1.4], 2.1)[:num_samples]
    whole = detect(samples)
    monkeypatch.setattr(madmom_spectrogram, "_CHUNK_FRAMES", 7)
    for chunked, unchunked in zip(detect(samples), whole, strict=True):
        np.testing.assert_allclose(chunked, unchunked, atol=1e-5)


def test_silence_has_none(detect: OnsetDetector) -> None:
    curves = detect(np.zeros(RATE_HZ, np.float32))
    assert not any(curve.any() for curve in curves)
    assert not onset_activations(curves).any()
