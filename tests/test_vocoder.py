"""Vocoders by name: which mels they take, and what they make of them."""

from pathlib import Path

import pytest
import torch

from featurizers.weights import model_id
from featurizers.weights_store import LOCATION, Store, WeightsError
from jobs.generating.vocoders import WITH_WEIGHTS, vocoder_of
from schemas.mel_specs import MEL_SPECS
from tiny_bigvgan import write_bigvgan
from training.errors import SettingError
from training.mel import griffin_lim, log_mel
from training.vocoder import load_vocoder

WEIGHT = WITH_WEIGHTS["bigvgan"].weight


def test_griffin_lim_takes_any_mel_and_renders_channels_one_by_one() -> None:
    for spec in MEL_SPECS.values():
        vocoder = load_vocoder("griffin-lim", spec, seed=5)
        assert (vocoder.name, vocoder.spec) == ("griffin-lim", spec)
        mels = log_mel(0.1 * torch.randn(4, spec.rate_hz // 5), spec).unflatten(0, (2, 2))
        samples = vocoder(mels)
        assert samples.shape == (2, 2, mels.shape[3] * spec.hop_samples)
        torch.testing.assert_close(samples.flatten(0, 1), griffin_lim(mels.flatten(0, 1), spec, seed=5))


def test_bigvgan_sounds_as_transformers_has_it(tmp_path: Path) -> None:
    reference = write_bigvgan(tmp_path / "bigvgan")
    vocoder = load_vocoder("bigvgan", MEL_SPECS["44k"], tmp_path / "bigvgan")
    assert vocoder.spec == MEL_SPECS["44k"]
    mel = torch.randn(1, 1, 128, 11) - 4
    with torch.no_grad():
        expected = reference(mel[0])
    samples = vocoder(mel)
    assert samples.shape == (1, 1, 11 * 512)
    assert 0.01 < float(expected.std()) < 1
    torch.testing.assert_close(samples[0, 0], expected, atol=1e-5, rtol=1e-5)


def test_a_mel_that_a_vocoder_does_not_take_is_refused_with_both_named(tmp_path: Path) -> None:
    write_bigvgan(tmp_path / "bigvgan")
    with pytest.raises(
        ValueError, match=r"bigvgan does not take the model's mel: they have rate_hz 44100 and 32000, n_"
    ):
        load_vocoder("bigvgan", MEL_SPECS["32k"], tmp_path / "bigvgan")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no vocoder 'wavenet', there are griffin-lim, bigvgan, vocos$"):
        load_vocoder("wavenet", MEL_SPECS["44k"])
    with pytest.raises(ValueError, match="bigvgan needs the folder of its weights"):
        load_vocoder("bigvgan", MEL_SPECS["44k"])
    write_bigvgan(tmp_path / "old", activation="snake")
    with pytest.raises(ValueError, match="has blocks 1 with snake, expected blocks 1 with snakebeta"):
        load_vocoder("bigvgan", MEL_SPECS["44k"], tmp_path / "old")


def test_bigvgan_of_the_store_is_taken_where_it_is_and_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    monkeypatch.setenv(LOCATION, str(tmp_path))
    assert vocoder_of("", MEL_SPECS["44k"], "cpu").name == "griffin-lim"
    with pytest.raises(WeightsError, match=f"muze models pull {WEIGHT}"):
        vocoder_of("bigvgan", MEL_SPECS["44k"], "cpu")
    write_bigvgan(store.path(WEIGHT))
    store.record(WEIGHT, "tiny")
    mel = torch.randn(1, 1, 128, 11) - 4
    of_store, of_folder = (vocoder_of(asked, MEL_SPECS["44k"], "cpu") for asked in ("", str(store.path(WEIGHT))))
    assert (of_store.name, of_folder.name) == (model_id(WEIGHT), "bigvgan")
    assert torch.equal(of_store(mel), of_folder(mel))
    assert vocoder_of("griffin-lim", MEL_SPECS["44k"], "cpu").name == "griffin-lim"
    assert vocoder_of("", MEL_SPECS["32k"], "cpu").name == "griffin-lim"
    with pytest.raises(SettingError, match="does not take the model's mel"):
        vocoder_of("bigvgan", MEL_SPECS["32k"], "cpu")
