"""The embedding against the library's own, and what must not change it."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers import singer
from featurizers.audio import Audio
from featurizers.featurizer import Extract
from featurizers.singer import Singer, embed, normalising_gain
from featurizers.weights import revision
from schemas.fragments.singer import SINGER
from voices import RATE_HZ, faded, harmonic, inputs, noise, vibrato_hz


@pytest.fixture(scope="module")
def extract() -> Extract:
    return Singer().load()


@pytest.fixture(scope="module")
def encoder(extract: Extract) -> Any:
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)


def voice(duration_s: float, f0_hz: float = 220.0, num_harmonics: int = 20) -> np.ndarray:
    note = faded(harmonic(vibrato_hz(f0_hz, 5.5, 40, 0.7), num_harmonics))
    breath = noise(0.3, 1000, 4000, 0.005, seed=1)
    phrase = np.concatenate([note, breath])
    return np.resize(phrase, round(duration_s * RATE_HZ)).astype(np.float32)


def embedding(extract: Extract, samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray | None:
    (features,) = extract([inputs(samples, rate_hz)])
    found = features["voice_embedding"]
    return None if found is None else np.array(found)


@pytest.mark.parametrize("num_samples", [6400, 25_600, 25_601, 41_000, 16_000 * 7 + 33])
def test_the_embedding_is_the_library_s(encoder: Any, num_samples: int) -> None:
    samples = voice(10)[:num_samples]
    expected = encoder.embed_utterance(samples * np.float32(normalising_gain(samples)))
    found = embed(encoder, Audio(samples[None], RATE_HZ))
    assert found == pytest.approx(expected, abs=1e-5)


def test_batches_do_not_show(encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = Audio(voice(9)[None], RATE_HZ)
    whole = embed(encoder, audio)
    monkeypatch.setattr(singer, "_BATCH_PARTS", 3)
    assert embed(encoder, audio) == pytest.approx(whole, abs=1e-5)


def test_a_batch_sees_only_its_own_parts(encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import resemblyzer.audio

    lengths = []
    mel = resemblyzer.audio.wav_to_mel_spectrogram
    monkeypatch.setattr(
        resemblyzer.audio, "wav_to_mel_spectrogram", lambda samples: lengths.append(len(samples)) or mel(samples)
    )
    monkeypatch.setattr(singer, "_BATCH_PARTS", 4)
    embed(encoder, Audio(voice(30)[None], RATE_HZ))
    assert len(lengths) > 5
    assert max(lengths) <= (3 * 77 + 160 + 4) * 160


def test_unit_length_and_determinism(extract: Extract) -> None:
    first, second = embedding(extract, voice(3)), embedding(extract, voice(3))
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(first, second)


@settings(max_examples=4, deadline=None)
@given(st.floats(-30, 20))
def test_gain_changes_nothing(extract: Extract, gain_db: float) -> None:
    samples = voice(1)
    assert embedding(extract, samples * 10 ** (gain_db / 20)) == pytest.approx(embedding(extract, samples), abs=1e-4)


def test_voices_differ_more_than_takes(extract: Extract) -> None:
    low, other_take, high = voice(4, 130, 30), voice(5, 130, 30), voice(4, 600, 4)
    embeddings = [embedding(extract, samples) for samples in (low, other_take, high)]
    assert embeddings[0] @ embeddings[1] > 0.95
    assert embeddings[0] @ embeddings[2] < 0.8


@pytest.mark.parametrize(
    "samples",
    [np.zeros(RATE_HZ), np.full(RATE_HZ, 0.5), 1e-4 * voice(1), voice(0.39), voice(0.05), np.zeros(0)],
    ids=["silence", "DC", "faint", "0.39 s", "0.05 s", "0"],
)
def test_nothing_to_embed_is_null(extract: Extract, samples: np.ndarray) -> None:
    assert embedding(extract, samples) is None


@pytest.mark.parametrize(("rate_hz", "num_channels"), [(8000, 1), (44100, 2)])
def test_other_rates_and_channels(extract: Extract, rate_hz: int, num_channels: int) -> None:
    time_s = np.arange(rate_hz) / rate_hz
    tone = sum(np.sin(2 * np.pi * 200 * h * time_s) / (5 * h) for h in range(1, 9))
    found = embedding(extract, np.tile(tone, (num_channels, 1)), rate_hz)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_rows_fit_the_fragment(extract: Extract) -> None:
    features = extract([inputs(voice(1)), inputs(np.zeros(RATE_HZ))])
    table = pa.Table.from_pylist([{"track_id": str(i), **row} for i, row in enumerate(features)], schema=SINGER.schema)
    assert table["voice_embedding"].null_count == 1
    assert set(features[0]) == set(SINGER.names)
    assert table["singer_model"].to_pylist() == [f"resemblyzer@{revision('resemblyzer')}"] * 2
