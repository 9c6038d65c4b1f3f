"""Codecs: what they make of sound is what transformers makes of it, and a codec that does not fit is refused."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tiny_codec import CODEBOOK_SIZE, RATE_HZ, write_codec
from training.codecs import load_codec
from training.errors import SettingError

NAMES = ("encodec-32khz", "dac-44khz")
HOPS_SAMPLES = {"encodec-32khz": 20, "dac-44khz": 16}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("codecs")
    for name in NAMES:
        write_codec(root / name, name)
    return {name: root / name for name in NAMES}


def sound(num_samples: int) -> Tensor:
    time_s = torch.arange(num_samples) / RATE_HZ
    noise = torch.randn(num_samples, generator=torch.Generator().manual_seed(0))
    return torch.stack([(2 * torch.pi * 440 * time_s).sin(), noise]) * 0.5


@pytest.mark.parametrize("name", NAMES)
def test_it_does_what_transformers_does(name: str, folders: dict[str, Path]) -> None:
    from transformers import DacModel, EncodecModel

    codec = load_codec(name, folders[name], "cpu")
    hop_samples = HOPS_SAMPLES[name]
    assert (codec.rate_hz, codec.hop_samples, codec.codebooks, codec.codebook_size) == (RATE_HZ, hop_samples, 4, 16)
    assert codec.frames_a_s == RATE_HZ / hop_samples
    samples = sound(800)
    tokens = codec.encode(samples)
    assert tokens.shape == (2, 4, 800 // hop_samples)
    assert tokens.dtype == torch.int64
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


@pytest.mark.parametrize("name", NAMES)
def test_every_length_has_whole_frames(name: str, folders: dict[str, Path]) -> None:
    codec = load_codec(name, folders[name], "cpu")
    for num_samples in (1, codec.hop_samples, 5 * codec.hop_samples + 1):
        tokens = codec.encode(sound(num_samples))
        assert tokens.shape[2] == -(-num_samples // codec.hop_samples)
        assert codec.decode(tokens).shape == (2, tokens.shape[2] * codec.hop_samples)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_codebooks_can_be_heard_alone(name: str, folders: dict[str, Path]) -> None:
    codec = load_codec(name, folders[name], "cpu")
    tokens = codec.encode(sound(400))
    coarse = codec.decode(tokens[:, :2])
    assert coarse.shape == codec.decode(tokens).shape
    assert not torch.equal(coarse, codec.decode(tokens))


def test_a_codec_that_does_not_fit_is_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
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
    with pytest.raises(SettingError, match=r"^there is no codec 'mp3', expected one of encodec-32khz, dac-44khz$"):
        load_codec("mp3", tmp_path, "cpu")
    with pytest.raises(SettingError, match=rf"^codec encodec-32khz can't be read from {tmp_path}: "):
        load_codec("encodec-32khz", tmp_path, "cpu")
