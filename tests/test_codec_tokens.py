"""The fragment codec_tokens: what transformers' EnCodec makes of the same sound, chunk by chunk."""

from pathlib import Path

import numpy as np
import pytest
import torch

from featurizers import codecs
from featurizers.audio import Audio, Sound
from featurizers.codec_tokens import CodecTokens
from featurizers.featurizer import Inputs
from featurizers.weights_store import LOCATION, Store
from tiny_codec import CODEBOOK_SIZE, RATE_HZ, write_codec

HOP_SAMPLES = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("weights"))
    write_codec(store.path("encodec-32khz"))
    store.record("encodec-32khz", "tiny")
    return store


@pytest.fixture(autouse=True)
def _located(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(store.root))


def sound(num_samples: int) -> Audio:
    samples = np.random.default_rng(0).normal(0, 0.2, (1, num_samples)).astype(np.float32)
    return Audio(samples, RATE_HZ)


def row(audio: Audio) -> dict:
    return CodecTokens().load()([Inputs(Sound.of(mix=audio))])[0]


def tokens(row: dict) -> np.ndarray:
    return np.frombuffer(row["tokens"], "<u2").reshape(row["tokens_shape"])


def directly(folder: Path, samples: np.ndarray) -> np.ndarray:
    from transformers import EncodecModel

    model = EncodecModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model.encode(torch.from_numpy(samples)[None]).audio_codes[0, 0].numpy()


def test_tokens_are_the_library_s(store: Store) -> None:
    audio = sound(150 * HOP_SAMPLES)
    found = row(audio)
    assert np.array_equal(tokens(found), directly(store.path("encodec-32khz"), audio.samples))
    assert found["tokens_shape"] == [4, 150]
    assert (found["tokens_rate_hz"], found["codebook_size"]) == (RATE_HZ / HOP_SAMPLES, CODEBOOK_SIZE)
    assert found["codec_tokens_model"].startswith("encodec-32khz@")
    assert len(np.unique(tokens(found))) > 4


def test_a_long_track_is_encoded_in_chunks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "CHUNK_S", 0.1)
    audio = sound(int(0.1 * RATE_HZ) * 2 + 5 * HOP_SAMPLES + 7)
    found = tokens(row(audio))
    length = int(0.1 * RATE_HZ)
    starts = range(0, audio.samples.shape[1] - HOP_SAMPLES, length)
    chunks = [audio.samples[:, start : min(start + length, 85 * HOP_SAMPLES)] for start in starts]
    folder = store.path("encodec-32khz")
    assert np.array_equal(found, np.concatenate([directly(folder, chunk) for chunk in chunks], axis=1))


@pytest.mark.parametrize("num_samples", [0, 1, HOP_SAMPLES - 1])
def test_less_than_a_frame_has_no_tokens(num_samples: int) -> None:
    found = row(sound(num_samples))
    assert found["tokens"] is None
    assert found["codec_tokens_model"].startswith("encodec-32khz@")
