"""Agreement of beats against librosa and mir_eval called directly."""

import librosa
import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers import librosa_chunks
from featurizers.beat_agreement import RATE_HZ, agreement, f_measure, librosa_beats_s, onset_strengths, tempo_agreement

TIMES_S = st.lists(st.integers(0, 3000), max_size=40, unique=True).map(lambda ms: np.sort(ms) / 1000)


def clicks(bpm: float, duration_s: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """Beat times, and a burst of noise at each."""
    rng = np.random.default_rng(1)
    beats_s = np.arange(0.5, duration_s - 0.3, 60 / bpm)
    samples = rng.normal(0, 1e-4, round(duration_s * RATE_HZ))
    burst = rng.normal(0, 0.3, 800) * np.exp(-np.arange(800) / 150)
    for beat_s in beats_s:
        samples[round(beat_s * RATE_HZ) :][:800] += burst
    return beats_s, samples.astype(np.float32)


@pytest.mark.parametrize("num_samples", [20 * RATE_HZ, 7 * RATE_HZ + 123, 3000])
def test_beats_in_chunks_are_librosas(num_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = clicks(103)[1][:num_samples]
    monkeypatch.setattr(librosa_chunks, "CHUNK_FRAMES", 100)
    strengths = librosa.onset.onset_strength(y=samples, sr=RATE_HZ)
    np.testing.assert_allclose(onset_strengths(samples), strengths, atol=1e-4)
    _, expected_s = librosa.beat.beat_track(y=samples, sr=RATE_HZ, units="time")
    np.testing.assert_allclose(librosa_beats_s(samples), expected_s)


def test_silence_has_no_beats() -> None:
    assert len(librosa_beats_s(np.zeros(RATE_HZ, np.float32))) == 0


@pytest.mark.parametrize("bpm", [92, 120, 152])
def test_clicks_are_agreed_on(bpm: float) -> None:
    beats_s, samples = clicks(bpm)
    found = agreement(beats_s, bpm, librosa_beats_s(samples))
    assert found.beats > 0.95
    assert found.tempo == 1


def test_beats_between_others_disagree() -> None:
    beats_s, samples = clicks(120)
    others_s = librosa_beats_s(samples)
    assert agreement(beats_s + 0.25, 120, others_s).beats == 0
    assert agreement(beats_s[::2], 60, others_s) == (pytest.approx(2 / 3, abs=0.05), 0.5)


def test_without_other_beats_nothing_agrees() -> None:
    assert agreement([0.5, 1.0, 1.5, 2.0], 120, []) == (0, 0)
    assert agreement([0.5, 1.0, 1.5, 2.0], 120, [1.0]) == (0, 0)


@pytest.mark.parametrize(
    ("tempo_bpm", "expected"),
    [(120, 1), (124, 1), (115.5, 1), (126, 0), (60, 0.5), (240, 0.5), (41, 0.5), (355, 0.5), (90, 0), (160, 0)],
)
def test_tempi_agree_wholly_by_a_factor_or_not(tempo_bpm: float, expected: float) -> None:
    assert tempo_agreement(tempo_bpm, 120) == expected


@given(times_s=TIMES_S, others_s=TIMES_S)
def test_f_measure_is_mir_evals(times_s: np.ndarray, others_s: np.ndarray) -> None:
    if len(times_s) and len(others_s):
        assert f_measure(times_s, others_s) == pytest.approx(mir_eval.beat.f_measure(times_s, others_s))
    else:
        assert f_measure(times_s, others_s) == 0
