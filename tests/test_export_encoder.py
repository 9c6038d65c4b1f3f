"""A VAE as exported programs: equal to the module for any number of frames, and recognised when it is damaged."""

import shutil
from pathlib import Path

import pytest
import torch

from schemas.mel_specs import MEL_SPECS
from training.export_encoder import ExportedVae, Statistics, export_encoder, latent_std, load_exported
from training.models.discriminator import JudgedVae
from training.vae import VaeTask

TASK = VaeTask("32k", latent_dim=8, channels=(4, 4, 8, 8))
STATISTICS = Statistics(mean=-5.0, std=2.5, latent_std=0.4)


def judged_vae(seed: int = 0) -> JudgedVae:
    torch.manual_seed(seed)
    module = TASK.build()
    assert isinstance(module, JudgedVae)
    return module.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export_encoder(judged_vae(), TASK, folder, STATISTICS)
    return folder


@pytest.fixture(scope="module")
def exported(folder: Path) -> ExportedVae:
    return load_exported(folder)


def test_programs_do_what_the_module_does(exported: ExportedVae) -> None:
    vae = judged_vae().vae
    assert exported.spec == MEL_SPECS["32k"]
    for windows, frames in ((1, 9), (1, 101), (3, 64)):
        log_mel = 2.5 * torch.randn(windows, 1, 128, frames) - 5
        with torch.no_grad():
            mean = vae.encode((log_mel + 5) / 2.5).mean
            decoded = vae.decode(mean)
        if windows == 1:
            torch.testing.assert_close(exported.run_encoder((log_mel + 5) / 2.5), mean, atol=1e-5, rtol=0)
            torch.testing.assert_close(exported.run_decoder(mean), decoded, atol=1e-5, rtol=0)
        latents = exported.encode(log_mel)
        torch.testing.assert_close(latents, mean / 0.4, atol=1e-4, rtol=0)
        torch.testing.assert_close(exported.decode(latents), decoded * 2.5 - 5, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="8 frames: 9 are needed"):
        exported.encode(torch.zeros(1, 1, 128, 8))


def test_the_manifest_says_what_it_is(exported: ExportedVae) -> None:
    manifest = exported.manifest
    assert manifest["latents"] == {"channels": 8, "height": 16, "factor": 8, "std": 0.4, "scale_factor": 2.5}
    assert manifest["statistics"] == {"mean": -5.0, "std": 2.5}
    assert manifest["files"].keys() == {"encoder.pt2", "decoder.pt2"}
    assert len(manifest["id"]) == 64


def test_a_damaged_file_is_named(folder: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    with (damaged / "decoder.pt2").open("r+b") as file:
        file.seek(1000)
        file.write(b"?")
    with pytest.raises(ValueError, match=r"decoder\.pt2 is not the file that was exported"):
        load_exported(damaged)


def test_the_deviation_of_latents_is_that_of_all_of_them() -> None:
    vae = judged_vae().vae
    mels = torch.randn(6, 1, 128, 16)
    with torch.no_grad():
        whole = float(vae.encode(mels).mean.std(correction=0))
    assert latent_std(vae, mels.split(4)) == pytest.approx(whole, rel=1e-4)
