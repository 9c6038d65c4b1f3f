"""Vocos: our mels are its own, its package makes the same sound of them, and what is none is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from vocos.feature_extractors import MelSpectrogramFeatures

from featurizers.audio import Sound, View
from featurizers.featurizer import Inputs
from featurizers.mel import Mel
from featurizers.weights import model_id
from featurizers.weights_store import LOCATION, Store, WeightsError
from jobs.generating.vocoders import WITH_WEIGHTS, vocoder_of
from one_song import song
from schemas.mel_specs import MEL_SPECS, MelSpec, vocos_spec
from tiny_vocos import LAYERS, write_vocos
from training.errors import SettingError
from training.mel import log_mel
from training.vocoder import load_vocoder

SPEC = MEL_SPECS["24k"]
WEIGHT = WITH_WEIGHTS["vocos"].weight
REACH_FRAMES = 3 * (1 + LAYERS)
"""How far a frame is heard: that of its convolutions over seven frames."""


def rendered(rate_hz: int) -> torch.Tensor:
    """A song, mono ``(1, T)``."""
    return torch.from_numpy(Inputs(Sound.of(mix=song())).audio(View("mix", rate_hz, 1)).samples)


@pytest.mark.parametrize(
    ("spec", "padding"), [(SPEC, "center"), (vocos_spec(44_100, 2048, 512, 128, centred=False), "same")]
)
def test_our_mels_are_those_of_its_package(spec: MelSpec, padding: str) -> None:
    theirs = MelSpectrogramFeatures(spec.rate_hz, spec.n_fft, spec.hop_samples, spec.num_bins, padding)
    samples = rendered(spec.rate_hz)
    expected = theirs(samples)
    frames = spec.num_frames(samples.shape[1])
    assert expected.shape[2] - frames == (padding == "center"), "the last frame is left out"
    assert float(expected.max() - expected.min()) > 10
    torch.testing.assert_close(log_mel(samples, spec), expected[:, :, :frames], atol=2e-4, rtol=0)


def test_what_is_stored_is_the_mel_of_its_package() -> None:
    """Far below the loudest bin another FFT rounds otherwise: there ours is as near to the truth as its own."""
    samples = rendered(SPEC.rate_hz)
    row = Mel("24k").load()([Inputs(Sound.of(mix=song()))])[0]
    stored = np.frombuffer(row["mel"], "<f2").reshape(row["mel_shape"]).astype(np.float64)
    assert stored.shape == (1, 100, samples.shape[1] // 256)
    its = MelSpectrogramFeatures()(samples).numpy()[:, :, :-1]
    exact = MelSpectrogramFeatures().double()(samples.double()).numpy()[:, :, :-1]
    loud = exact > np.log(1e-3)
    assert 0.2 < loud.mean() < 0.9
    np.testing.assert_allclose(stored[loud], its[loud], atol=0.01)
    np.testing.assert_allclose(np.exp(stored), np.exp(its), atol=1e-5, rtol=0.005)
    assert np.abs(stored - exact).mean() < 1.1 * np.abs(its - exact).mean()


def test_it_sounds_as_its_package_has_it(tmp_path: Path) -> None:
    model = write_vocos(tmp_path / "vocos")
    vocoder = load_vocoder("vocos", SPEC, tmp_path / "vocos")
    assert (vocoder.name, vocoder.spec) == ("vocos", SPEC)
    samples = rendered(SPEC.rate_hz)
    mel = log_mel(samples, SPEC)
    found = vocoder(mel[None])
    assert found.shape == (1, 1, mel.shape[2] * SPEC.hop_samples)
    assert float(found.std()) > 0.001
    torch.testing.assert_close(found[0], model.decode(torch.cat([mel, mel[:, :, -1:]], dim=2)), atol=1e-5, rtol=0)
    copied, same = model(samples), (mel.shape[2] - REACH_FRAMES - 4) * SPEC.hop_samples
    torch.testing.assert_close(found[0, :, :same], copied[:, :same], atol=1e-4, rtol=0)


def test_one_that_is_not_centred_is_known_by_its_configuration(tmp_path: Path) -> None:
    spec = vocos_spec(44_100, 2048, 512, 128, centred=False)
    model = write_vocos(tmp_path / "vocos", spec)
    vocoder = load_vocoder("vocos", spec, tmp_path / "vocos")
    mel = torch.randn(1, 2, 128, 12) - 5
    assert torch.equal(vocoder(mel)[0], model.decode(mel[0]))
    assert vocoder(mel).shape == (1, 2, 12 * 512)
    with pytest.raises(ValueError, match=r"vocos does not take the model's mel: they have mel_scale htk and slaney"):
        load_vocoder("vocos", MEL_SPECS["44k"], tmp_path / "vocos")


def test_what_it_cannot_take_is_refused_with_both_named(tmp_path: Path) -> None:
    write_vocos(tmp_path / "vocos")
    with pytest.raises(SettingError, match=r"vocos does not take the model's mel: they have rate_hz 24000 and 32000, "):
        vocoder_of(str(tmp_path / "vocos"), MEL_SPECS["32k"], "cpu")
    codes = {"class_path": "vocos.feature_extractors.EncodecFeatures", "init_args": {}}
    write_vocos(tmp_path / "codes", feature_extractor=codes)
    with pytest.raises(
        ValueError, match=r"has feature_extractor vocos\.\S*EncodecFeatures, expected vocos\.\S*MelSpec"
    ):
        load_vocoder("vocos", SPEC, tmp_path / "codes")
    other = {"class_path": "vocos.heads.ISTFTHead", "init_args": {"dim": 32, "n_fft": 1024, "hop_length": 256}}
    write_vocos(tmp_path / "other", head=other)
    with pytest.raises(ValueError, match=r"\(1024, 256, 'center'\) and makes sound of \(1024, 256, 'same'\), expected"):
        load_vocoder("vocos", SPEC, tmp_path / "other")


def test_no_configuration_runs_what_it_names(tmp_path: Path) -> None:
    call = {"class_path": "os.makedirs", "init_args": {"name": str(tmp_path / "made")}}
    write_vocos(tmp_path / "vocos", backbone=call)
    with pytest.raises(ValueError, match=r"has backbone os\.makedirs, expected vocos\.models\.VocosBackbone"):
        load_vocoder("vocos", SPEC, tmp_path / "vocos")
    assert not (tmp_path / "made").exists()


DAMAGED = {
    "weights cut off": ("pytorch_model.bin", lambda data: data[: len(data) // 2]),
    "weights empty": ("pytorch_model.bin", lambda data: b""),
    "weights of another": ("pytorch_model.bin", None),
    "no weights": ("pytorch_model.bin", lambda data: b"not found"),
    "no yaml": ("config.yaml", lambda data: b"a: [" + data),
    "empty yaml": ("config.yaml", lambda data: b""),
    "no text": ("config.yaml", lambda data: b"\xff\xfe\xfd"),
    "an argument that is none": ("config.yaml", lambda data: data.replace(b"n_mels", b"bins")),
    "a size that is none": ("config.yaml", lambda data: data.replace(b"num_layers: 2", b"num_layers: two")),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_one_sentence(case: str, tmp_path: Path) -> None:
    write_vocos(tmp_path / "vocos")
    name, damage = DAMAGED[case]
    path = tmp_path / "vocos" / name
    if damage is None:
        torch.save({"weight": torch.zeros(1)}, path)
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SettingError, match=r"vocos can't be read from .*: get its files again \(") as caught:
        vocoder_of(str(tmp_path / "vocos"), SPEC, "cpu")
    assert "\n" not in str(caught.value)


def test_that_of_the_store_is_taken_where_it_is_and_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    monkeypatch.setenv(LOCATION, str(tmp_path))
    assert vocoder_of("", SPEC, "cpu").name == "griffin-lim"
    with pytest.raises(WeightsError, match=f"muze models pull {WEIGHT}"):
        vocoder_of("vocos", SPEC, "cpu")
    write_vocos(store.path(WEIGHT))
    store.record(WEIGHT, "tiny")
    mel = torch.randn(1, 1, 100, 11) - 4
    of_store, of_folder = (vocoder_of(asked, SPEC, "cpu") for asked in ("", str(store.path(WEIGHT))))
    assert (of_store.name, of_folder.name) == (model_id(WEIGHT), "vocos")
    assert torch.equal(of_store(mel), of_folder(mel))
    assert vocoder_of("griffin-lim", SPEC, "cpu").name == "griffin-lim"
    for other in ("32k", "44k"):
        assert vocoder_of("", MEL_SPECS[other], "cpu").name == "griffin-lim"
    with (store.path(WEIGHT) / "pytorch_model.bin").open("ab") as file:
        file.write(b"?")
    with pytest.raises(WeightsError, match=rf"weight {WEIGHT}: pytorch_model\.bin has \d+ bytes instead of"):
        vocoder_of("", SPEC, "cpu")
