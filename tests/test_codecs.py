"""Codecs: what they make of sound is what transformers makes of it, and a codec that does not fit is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from featurizers.codecs import load_encoder
from featurizers.weights import revision
from featurizers.weights_store import LOCATION, Store
from schemas import sine_tokens as sines
from schemas.codecs import CODECS, NEURAL
from tiny_codec import CODEBOOK_SIZE, RATE_HZ, write_codec
from training.codecs import load_codec
from training.errors import SettingError

NAMES = ("encodec-32khz", "dac-44khz")
HOPS_SAMPLES = {"encodec-32khz": 20, "dac-44khz": 16}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    store = Store(tmp_path_factory.mktemp("weights"))
    for name in NAMES:
        write_codec(store.path(name), name)
        store.record(name, "tiny")
    return {name: store.path(name) for name in NAMES}


@pytest.fixture(autouse=True)
def _located(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(folders[NAMES[0]].parent))


def sound(num_samples: int) -> Tensor:
    time_s = torch.arange(num_samples) / RATE_HZ
    noise = torch.randn(num_samples, generator=torch.Generator().manual_seed(0))
    return torch.stack([(2 * torch.pi * 440 * time_s).sin(), noise]) * 0.5


def encoded(name: str, samples: Tensor) -> Tensor:
    encoder = load_encoder(name)
    return torch.stack([torch.from_numpy(encoder.encode(one.numpy()).astype(np.int64)) for one in samples])


@pytest.mark.parametrize("name", NAMES)
def test_it_does_what_transformers_does(name: str, folders: dict[str, Path]) -> None:
    from transformers import DacModel, EncodecModel

    codec, encoder = load_codec(name, folders[name], "cpu"), load_encoder(name)
    hop_samples = HOPS_SAMPLES[name]
    assert (codec.rate_hz, codec.hop_samples, codec.codebooks, codec.codebook_size) == (RATE_HZ, hop_samples, 4, 16)
    assert (encoder.rate_hz, encoder.hop_samples, encoder.codebook_size) == (RATE_HZ, hop_samples, 16)
    assert encoder.identity == f"{name}@{revision(name)}"
    assert codec.frames_a_s == RATE_HZ / hop_samples
    samples = sound(800)
    tokens = encoded(name, samples)
    assert tokens.shape == (2, 4, 800 // hop_samples)
    assert all(len(tokens[:, book].unique()) > 2 for book in range(4)), "a codec that says the same of everything"
    with torch.no_grad():
        if name == "encodec-32khz":
            encodec = EncodecModel.from_pretrained(folders[name]).eval()
            expected = encodec.encode(samples[:, None]).audio_codes[0]
            heard = encodec.decode(expected[None], [None]).audio_values[:, 0]
        else:
            dac = DacModel.from_pretrained(folders[name]).eval()
            expected = dac.encode(samples[:, None]).audio_codes
            heard = dac.decode(audio_codes=expected).audio_values
    assert torch.equal(tokens, expected)
    assert torch.equal(codec.decode(tokens), heard)
    assert heard.std() > 0


@pytest.mark.parametrize("name", CODECS)
def test_every_length_has_whole_frames(name: str, folders: dict[str, Path]) -> None:
    codec = load_codec(name, folders.get(name), "cpu")
    for num_samples in (codec.hop_samples, 5 * codec.hop_samples + 1):
        tokens = encoded(name, sound(num_samples))
        assert tokens.shape[2] == num_samples // codec.hop_samples
        assert codec.decode(tokens).shape == (2, tokens.shape[2] * codec.hop_samples)


@pytest.mark.parametrize("name", CODECS)
def test_the_first_codebooks_can_be_heard_alone(name: str, folders: dict[str, Path]) -> None:
    codec = load_codec(name, folders.get(name), "cpu")
    tokens = encoded(name, sound(8 * codec.hop_samples))
    coarse = codec.decode(tokens[:, :2])
    assert coarse.shape == codec.decode(tokens).shape
    assert not torch.equal(coarse, codec.decode(tokens))


def test_every_codec_has_a_way_there_and_a_way_back(folders: dict[str, Path]) -> None:
    assert NEURAL == NAMES
    for name in CODECS:
        encoder, codec = load_encoder(name), load_codec(name, folders.get(name), "cpu")
        sizes = (encoder.rate_hz, encoder.hop_samples, encoder.codebook_size)
        assert sizes == (codec.rate_hz, codec.hop_samples, codec.codebook_size)


def test_a_codec_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_codec(tmp_path, codebooks=2)
    codec = load_codec("encodec-32khz", tmp_path, "cpu")
    codec.require(2, CODEBOOK_SIZE, 400.0)
    codec.require(1, CODEBOOK_SIZE, 400.0)
    with pytest.raises(SettingError, match=r"has 2 x 16 tokens at 400.00 frames a second, expected 4 x 16 at 400.00$"):
        codec.require(4, CODEBOOK_SIZE, 400.0)
    with pytest.raises(SettingError, match=r"expected 2 x 2048 at 50.00$"):
        codec.require(2, 2048, 50.0)
    with pytest.raises(SettingError, match=r"got 4 codebooks with tokens 0 to 0$"):
        codec.decode(torch.zeros(1, 4, 5, dtype=torch.int64))
    with pytest.raises(SettingError, match=r"got 2 codebooks with tokens -1 to 16$"):
        codec.decode(torch.tensor([[[0, -1], [16, 0]]]))


def test_a_codec_that_is_not_there_is_named(tmp_path: Path) -> None:
    expected = "encodec-32khz, dac-44khz, sines-16khz"
    with pytest.raises(SettingError, match=rf"^there is no codec 'mp3', expected one of {expected}$"):
        load_codec("mp3", tmp_path, "cpu")
    with pytest.raises(SettingError, match=rf"^codec encodec-32khz can't be read from {tmp_path}: "):
        load_codec("encodec-32khz", tmp_path, "cpu")


def test_sines_are_as_their_meaning_says() -> None:
    codec = load_codec(sines.CODEC, None, "cpu")
    assert (codec.codebooks, codec.codebook_size, codec.frames_a_s) == (sines.CODEBOOKS, sines.CODEBOOK_SIZE, 50.0)
