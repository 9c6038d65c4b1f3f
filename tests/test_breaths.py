"""Breaths in rendered phrases: vowels, breaths before some of them, and consonants that sound much alike."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.breaths import find_breaths
from featurizers.crepe import HOP_S
from featurizers.featurizer import Extract
from featurizers.pitch import Pitch
from voices import RATE_HZ, faded, harmonic, inputs, noise, seconds, vibrato_hz

S_BAND_HZ, SH_BAND_HZ, F_BAND_HZ, BREATH_BAND_HZ = (4500, 8000), (2200, 6000), (1000, 8000), (600, 4000)
TOLERANCE_S = 0.1


class Span(NamedTuple):
    start_s: float
    end_s: float


@pytest.fixture(scope="module")
def pitch() -> Extract:
    return Pitch().load()


def swell(sound: np.ndarray) -> np.ndarray:
    return sound * np.sin(np.pi * np.linspace(0, 1, len(sound))) ** 0.5


def phrases(seed: int, num_phrases: int = 8, with_breaths: bool = True) -> tuple[np.ndarray, list[Span]]:
    """Phrases after pauses, and the true breaths.

    A phrase is a vowel, a consonant that runs into both neighbours, a second vowel. Every second phrase
    starts with a consonant, two of three with a breath; the room is 60 dB below the voice.
    """
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    truth: list[Span] = []

    def now_s() -> float:
        return sum(map(len, parts)) / RATE_HZ

    def consonant(number: int) -> np.ndarray:
        band = (S_BAND_HZ, SH_BAND_HZ, F_BAND_HZ)[number % 3]
        return faded(noise(rng.uniform(0.1, 0.18), *band, rms=rng.uniform(0.008, 0.03), seed=number), 0.01)

    def vowel() -> np.ndarray:
        f0_hz = vibrato_hz(rng.uniform(150, 500), 5.5, rng.choice([0, 50]), rng.uniform(0.2, 0.4))
        return faded(harmonic(f0_hz, 12, 0.15))

    for number in range(num_phrases):
        parts.append(np.zeros(round(rng.uniform(0.1, 0.3) * RATE_HZ)))
        if with_breaths and number % 3:
            duration_s, rms = rng.uniform(0.2, 0.5), rng.uniform(0.003, 0.012)
            truth.append(Span(now_s(), now_s() + duration_s))
            parts.append(swell(noise(duration_s, *BREATH_BAND_HZ, rms=rms, seed=number + 100)))
            parts.append(np.zeros(round(rng.uniform(0.06, 0.12) * RATE_HZ)))
        if number % 2:
            parts.append(consonant(number))
        parts += [vowel(), consonant(number + 1), vowel()]
    track = np.concatenate([*parts, np.zeros(RATE_HZ // 5)])
    return track + 1e-4 * rng.standard_normal(len(track)), truth


def f_measure(found: list[Span], truth: list[Span]) -> float:
    hits = sum(any(abs(one.start_s - true.start_s) <= TOLERANCE_S for one in found) for true in truth)
    return 2 * hits / (len(found) + len(truth))


def overlap(one: Span, other: Span) -> float:
    shared_s = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    return shared_s / (max(one.end_s, other.end_s) - min(one.start_s, other.start_s))


def breaths_of(extract: Extract, samples: np.ndarray) -> list[Span]:
    (features,) = extract([inputs(samples)])
    return [Span(**one) for one in features["breaths"]]


def test_breaths_among_vowels_and_consonants(pitch: Extract) -> None:
    found, truth = [], []
    for seed in range(3):
        samples, spans = phrases(seed)
        shift_s = 100.0 * seed
        found += [Span(one.start_s + shift_s, one.end_s + shift_s) for one in breaths_of(pitch, samples)]
        truth += [Span(one.start_s + shift_s, one.end_s + shift_s) for one in spans]
    assert len(truth) == 15
    assert f_measure(found, truth) >= 0.95
    assert np.median([max(overlap(true, one) for one in found) for true in truth]) > 0.75


def test_no_breaths_among_vowels_and_consonants_alone(pitch: Extract) -> None:
    assert breaths_of(pitch, phrases(5, 4, with_breaths=False)[0]) == []


def test_gain_changes_nothing(pitch: Extract) -> None:
    samples, truth = phrases(6, 4)
    quiet, loud = breaths_of(pitch, samples), breaths_of(pitch, 3 * samples)
    assert len(quiet) == len(truth)
    assert np.allclose(loud, quiet, atol=0.02)


def test_a_breath_that_nobody_sings_after_is_none(pitch: Extract) -> None:
    breath = swell(noise(0.3, *BREATH_BAND_HZ, rms=0.01, seed=1))
    silence, vowel = np.zeros(RATE_HZ // 2), faded(harmonic(np.full(RATE_HZ // 2, 300.0)))
    before, after = (np.concatenate(parts) for parts in ([vowel, silence, breath], [breath, silence, vowel]))
    assert breaths_of(pitch, before) == []
    assert breaths_of(pitch, after) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_steady_noise_is_no_breath(pitch: Extract, seed: int) -> None:
    samples = noise(3, 100, 8000, rms=0.1, seed=seed)
    assert breaths_of(pitch, samples) == []


def test_a_breath_under_a_chord_is_hidden(pitch: Extract) -> None:
    samples, _ = phrases(0, 4)
    time_s = np.arange(len(samples)) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * f * h * time_s) / h for f in (220.0, 277.2, 329.6) for h in range(1, 7))
    assert breaths_of(pitch, samples + 0.05 * chord) == []


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 2**31), st.floats(0, 1))
def test_any_voicing_gives_ordered_spans_inside_the_track(num_frames: int, seed: int, voiced_share: float) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 0.1, (num_frames - 1) * 160 + int(rng.integers(160))).astype(np.float32)
    level_db = rng.uniform(-90, -20, num_frames).astype(np.float32)
    spans = [Span(**one) for one in find_breaths(samples, rng.random(num_frames) < voiced_share, level_db)]
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(-HOP_S <= edge <= seconds(num_frames * HOP_S)[-1] for edge in edges)
