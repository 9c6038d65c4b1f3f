"""The codec of sinusoids: tokens known beforehand, sound that has them again, and songs that stay themselves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.audio import Audio, Sound, View
from featurizers.codec_tokens import CodecTokens
from featurizers.featurizer import Inputs
from featurizers.sine_encoder import sine_tokens
from jobs.demo.render import render
from jobs.demo.songs import COPPER_WIRE, TURNING_WHEEL
from jobs.evaluating.adherence import load_ears
from schemas import sine_tokens as meaning
from schemas.sine_tokens import BANDS, CODEBOOK_SIZE, CODEBOOKS, HOP_SAMPLES, LEVELS, PITCHES, RATE_HZ
from training.sine_decoder import decode_sines

INNER = slice(3, -3)
"""Frames that do not see where a sound begins or ends."""


def cosine(pitch: int, level: int, num_samples: int = RATE_HZ) -> np.ndarray:
    """What a token says."""
    hz = 55.0 * 2 ** (pitch / 24)
    return 10 ** ((level - 15) * 4 / 20) * np.cos(2 * np.pi * hz * np.arange(num_samples) / RATE_HZ)


def decoded(tokens: np.ndarray) -> np.ndarray:
    return decode_sines(torch.from_numpy(tokens.astype(np.int64))[None])[0].numpy()


def encoded(samples: np.ndarray) -> np.ndarray:
    return sine_tokens(samples.astype(np.float32))


def test_every_token_is_one_of_the_codebook() -> None:
    assert PITCHES * LEVELS == np.prod([band.levels for band in BANDS]) == CODEBOOK_SIZE


@pytest.mark.parametrize("pitch", [8, 37, 72, 100, 127])
@pytest.mark.parametrize("level", [3, 9, 15])
def test_a_cosine_is_its_token(pitch: int, level: int) -> None:
    found = encoded(cosine(pitch, level))
    assert set(found[0, INNER]) == {pitch * LEVELS + level}
    assert set(found[1, INNER] % LEVELS) <= {0, 1, 2} or level > 9, "side lobes are far below"


def test_partials_come_by_strength() -> None:
    chord = [(60, 12), (88, 10), (36, 8), (104, 6)]
    found = encoded(sum(cosine(*token) for token in chord))
    for book, (pitch, level) in enumerate(chord):
        assert set(found[book, INNER]) == {pitch * LEVELS + level}


def test_noise_has_the_level_of_each_band() -> None:
    """White noise: the power of a band is its share of the bandwidth; what the four strongest peaks take is little."""
    rms = 0.25
    found = encoded(np.random.default_rng(0).normal(0, rms, 4 * RATE_HZ))[-1, INNER]
    levels = found // 256, found // 16 % 16, found % 16
    for band, level in zip(BANDS, levels, strict=True):
        power = rms**2 * (band.high_hz - band.low_hz) / (RATE_HZ / 2)
        expected = band.levels - 1 + (10 * np.log10(power) + 6) / band.level_db
        assert np.median(level) == pytest.approx(expected, abs=1.0)


def test_silence_is_nothing() -> None:
    assert not encoded(np.zeros(RATE_HZ)).any()
    assert not decoded(np.zeros((CODEBOOKS, 50))).any()


def test_steady_partials_do_not_break() -> None:
    """Frames of a pitch add up to one cosine, at every sample."""
    tokens = np.zeros((1, 50), np.int64) + 72 * LEVELS + 15
    found = decoded(tokens)
    whole = cosine(72, 15, len(found) + HOP_SAMPLES)[HOP_SAMPLES // 2 :][: len(found)]
    inside = slice(HOP_SAMPLES, -HOP_SAMPLES)
    assert np.abs(found - whole)[inside].max() < 1e-5


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(2, 10), min_size=1, max_size=3, unique=True))
def test_tokens_come_back_from_their_sound(slots: list[int]) -> None:
    """Of partials half an octave apart or more, each weaker than the one before."""
    tokens = np.zeros((CODEBOOKS, 40), np.int64)
    for book, slot in enumerate(slots):
        tokens[book] = 12 * slot * LEVELS + 15 - 2 * book
    found = encoded(decoded(tokens))
    assert np.array_equal(found[: len(slots), INNER], tokens[: len(slots), INNER])


@pytest.mark.parametrize(
    "samples",
    [np.ones(RATE_HZ), np.full(HOP_SAMPLES, 1e-30), 3 * np.sign(np.sin(np.arange(5000) / 7)), np.zeros(321)],
    ids=["DC", "denormal", "clipped", "short"],
)
def test_odd_sound_has_tokens_too(samples: np.ndarray) -> None:
    found = encoded(samples)
    assert found.shape == (CODEBOOKS, len(samples) // HOP_SAMPLES)
    assert found.max(initial=0) < CODEBOOK_SIZE
    assert np.isfinite(decoded(found)).all()


def test_blocks_leave_no_seam() -> None:
    """Longer than a block: the same as the end alone, but for frames that see before it."""
    random = np.random.default_rng(1).normal(0, 0.1, 700 * HOP_SAMPLES)
    assert np.array_equal(encoded(random)[:, 404:], encoded(random[400 * HOP_SAMPLES :])[:, 4:])


def test_a_row_says_what_the_tokens_are() -> None:
    samples = cosine(72, 10).astype(np.float32)
    [row] = CodecTokens("sines-16khz").load()([Inputs(Sound.of(mix=Audio(samples[None], RATE_HZ)))])
    tokens = np.frombuffer(row["tokens"], "<u2").reshape(row["tokens_shape"])
    assert np.array_equal(tokens, encoded(samples))
    assert (row["tokens_rate_hz"], row["codebook_size"], row["codec_tokens_model"]) == (50.0, 2048, meaning.MODEL_ID)
    with pytest.raises(ValueError, match=r"^codec is 'mp3', expected one of encodec-32khz, dac-44khz, sines-16khz"):
        CodecTokens("mp3")


@pytest.mark.parametrize("song", [COPPER_WIRE, TURNING_WHEEL], ids=lambda song: song.title)
def test_a_song_keeps_its_tempo_and_its_key(song) -> None:
    samples, rate_hz = render(replace(song, sections=song.sections[:3]))
    mix = Sound.of(mix=Audio(np.ascontiguousarray(samples, np.float32), rate_hz))
    mono = mix.view(View("mix", RATE_HZ, 1)).samples[0]
    heard = load_ears()(Audio(decoded(encoded(mono))[None], RATE_HZ))
    assert heard.tempo_bpm == pytest.approx(song.tempo_bpm, rel=0.01)
    assert heard.key_index == {"A minor": 21, "G major": 7}[song.key]
