"""From files to sound in the mel of Vocos: build, pack, train, latents, generate."""

import json
from pathlib import Path

import pytest
import soundfile
import torch

from featurizers.audio import Sound, View
from featurizers.featurizer import Inputs
from featurizers.latents import Latents
from featurizers.weights import model_id
from featurizers.weights_store import LOCATION, Store
from harness import write_tone
from inline import inline_build, without_ray
from jobs.generating.vocoders import WITH_WEIGHTS
from jobs.main import main
from one_song import song
from pipeline.dataset import open_dataset
from pipeline.snapshot import create_snapshot
from schemas.mel_specs import MEL_SPECS
from tiny_runs import trained_run
from tiny_vocos import write_vocos
from training.export_encoder import Statistics, export_encoder, load_exported
from training.generating.render import of_latents
from training.mel import log_mel
from training.models.discriminator import JudgedVae
from training.pack import Pack
from training.vae import VaeTask
from training.vocoder import load_vocoder

SPEC = MEL_SPECS["24k"]
WEIGHT = WITH_WEIGHTS["vocos"].weight
TASK = VaeTask("24k", latent_dim=8, channels=(4, 4, 8, 8), window_frames=96)
ENCODER = "vae-24k"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of windows of a second, as the commands make it."""
    folder = tmp_path_factory.mktemp("pack")
    with pytest.MonkeyPatch.context() as patch:
        without_ray(patch)
        for number in range(4):
            write_tone(folder / "music" / f"{number}.wav", 200 + 100 * number, 4.2, 24_000)
        (folder / "mel.yaml").write_text("fragments: {mel: {spec: 24k}}\n")
        inline_build(folder / "music", folder / "dataset", folder / "mel.yaml")
        shares = {"train": 0.5, "valid": 0.25, "test": 0.25}
        create_snapshot(open_dataset(str(folder / "dataset")), "all", 0, shares)
        words = ["--snapshot", "all", "--task", "vae", "--window-s", "1.024", "--mel", "24k"]
        assert main(["pack", str(folder / "dataset"), *words, "--out", str(folder / "pack")]) == 0
    return folder / "pack"


@pytest.fixture(scope="module")
def run(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = ("task.mel=24k", "task.channels=[4,4,8,8]")
    return trained_run(tmp_path_factory.mktemp("run") / "vae", "vae-tiny", pack, *settings)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(LOCATION, str(tmp_path / "store"))
    return Store(tmp_path / "store")


def generated(run: Path, out: Path, *words: str) -> dict:
    assert main(["generate", "--run", str(run), "--out", str(out), "--duration", "1.5", *words]) == 0
    document = json.loads(out.with_suffix(".json").read_text())
    samples, rate_hz = soundfile.read(out)
    assert (rate_hz, len(samples)) == (24_000, 36_000)
    assert samples.any()
    return document


def test_a_pack_has_windows_of_that_mel(pack: Path) -> None:
    payload = Pack.open(str(pack)).payload
    assert payload.shape == (1, 100, 96)
    assert payload.rate_hz == 93.75
    assert payload.spec == SPEC.to_dict()


def test_vocos_of_the_store_is_heard_and_named(run: Path, store: Store, tmp_path: Path) -> None:
    before = generated(run, tmp_path / "before.wav")
    assert before["through"] == {"vocoder": "griffin-lim"}
    write_vocos(store.path(WEIGHT))
    store.record(WEIGHT, "tiny")
    document = generated(run, tmp_path / "vocos.wav")
    assert document["through"] == {"vocoder": model_id(WEIGHT)}
    assert model_id(WEIGHT) in document["weights"]
    assert document["audio"]["sha256"] != before["audio"]["sha256"]
    again = generated(run, tmp_path / "again.wav", "--vocoder", "vocos")
    assert again["audio"]["sha256"] == document["audio"]["sha256"]
    folder = generated(run, tmp_path / "folder.wav", "--vocoder", str(store.path(WEIGHT)))
    assert folder["through"] == {"vocoder": "vocos"}
    assert list(folder["files"]) == [str(store.path(WEIGHT) / "pytorch_model.bin")]
    chosen = generated(run, tmp_path / "chosen.wav", "--vocoder", "griffin-lim")
    assert chosen["audio"]["sha256"] == before["audio"]["sha256"]


def test_what_does_not_fit_is_one_sentence(
    run: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_vocos(store.path(WEIGHT), MEL_SPECS["24k"])
    words = ["generate", "--run", str(run), "--out", str(tmp_path / "a.wav"), "--vocoder"]
    assert main([*words, "vocos"]) == 1
    assert f"muze models pull {WEIGHT}" in capsys.readouterr().err
    (store.path(WEIGHT) / "pytorch_model.bin").write_bytes(b"")
    assert main([*words, str(store.path(WEIGHT))]) == 2
    error = capsys.readouterr().err
    assert f"the vocoder vocos can't be read from {store.path(WEIGHT)}: get its files again" in error
    assert "Traceback" not in error
    assert not (tmp_path / "a.wav").exists()


def test_latents_of_that_mel_become_sound(store: Store, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = TASK.build()
    assert isinstance(module, JudgedVae)
    export_encoder(module.eval(), TASK, store.path(ENCODER), Statistics(mean=-5.0, std=2.5, latent_std=0.4))
    store.record(ENCODER, "tiny")
    row = Latents(ENCODER).load()([Inputs(Sound.of(mix=song()))])[0]
    samples = Inputs(Sound.of(mix=song())).audio(View("mix", SPEC.rate_hz, 1)).samples
    frames = SPEC.num_frames(samples.shape[1])
    assert row["latents_shape"] == [8, 13, -(-frames // 8)]
    exported = load_exported(store.path(ENCODER))
    mel = (log_mel(torch.from_numpy(samples), SPEC)[None, :, :, :96] + 5) / 2.5
    with torch.no_grad():
        means = module.vae.encode(mel).mean
        torch.testing.assert_close(exported.run_encoder(mel), means, atol=1e-5, rtol=0)
        torch.testing.assert_close(exported.run_decoder(means), module.vae.decode(means), atol=1e-5, rtol=0)
    write_vocos(tmp_path / "vocos")
    heard = of_latents(exported, ENCODER, load_vocoder("vocos", SPEC, tmp_path / "vocos"))(means)
    assert heard.shape == (1, 1, 96 * 256)
