"""A trained VAE as two exported programs and a JSON file: whoever runs them needs torch, and nothing of ours.

``encoder.pt2`` maps a normalised log-mel ``(1, audio_channels, bins, frames)`` to the means of its latents,
``decoder.pt2`` latents to a normalised log-mel; any number of frames from the least on. ``encoder.json`` is written
last::

    {"format": 1, "id": SHA-256 of weights, mel and statistics, "mel": as schemas.mel_specs.MelSpec,
     "audio_channels": 1, "statistics": {"mean", "std"},                  normalised = (log_mel - mean) / std
     "latents": {"channels", "height", "factor", "std", "scale_factor"},  latents * scale_factor has unit variance
     "least_frames": of a log-mel; latents need two,
     "window_frames": of the log-mels that it was trained on,
     "files": {"encoder.pt2": {"num_bytes", "sha256"}, ...}}
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export, load, save
from torch.export.passes import move_to_device_pass

from schemas.mel_specs import MelSpec

if TYPE_CHECKING:
    from training.models.discriminator import JudgedVae
    from training.models.vae import AudioVAE
    from training.vae import VaeTask

FORMAT = 1
MANIFEST = "encoder.json"
PROGRAMS = ("encoder.pt2", "decoder.pt2")
_EXAMPLE_FRAMES = 64


@dataclass(frozen=True)
class Statistics:
    """What makes mels and latents unit variance: of the training split."""

    mean: float
    """Of log-mels."""
    std: float
    latent_std: float
    """See ``latent_std``."""


@dataclass(frozen=True)
class ExportedVae:
    """A VAE read from a folder. Both directions undo what the other does with mean, deviation and scale."""

    manifest: dict[str, Any]
    run_encoder: Callable[[Tensor], Tensor]
    run_decoder: Callable[[Tensor], Tensor]

    @property
    def spec(self) -> MelSpec:
        """What the log-mels are."""
        return MelSpec.from_dict(self.manifest["mel"])

    @property
    def statistics(self) -> Statistics:
        """What it was exported with."""
        return Statistics(**self.manifest["statistics"], latent_std=self.manifest["latents"]["std"])

    @torch.no_grad()
    def encode(self, log_mel_BCMK: Tensor) -> Tensor:
        """Return latents of unit variance, ``ceil(frames / factor)`` wide. Raises ValueError for too few frames."""
        if log_mel_BCMK.shape[3] < self.manifest["least_frames"]:
            raise ValueError(f"a log-mel of {log_mel_BCMK.shape[3]} frames: {self.manifest['least_frames']} are needed")
        normalised = (log_mel_BCMK - self.statistics.mean) / self.statistics.std
        return _one_by_one(self.run_encoder, normalised) / self.statistics.latent_std

    @torch.no_grad()
    def decode(self, latents_BLHW: Tensor) -> Tensor:
        """Return log-mels of ``factor`` times as many frames."""
        normalised = _one_by_one(self.run_decoder, latents_BLHW * self.statistics.latent_std)
        return normalised * self.statistics.std + self.statistics.mean


def _one_by_one(program: Callable[[Tensor], Tensor], windows: Tensor) -> Tensor:
    """One window fills a GPU, and a program of any number of them takes several times as long to export."""
    return torch.cat([program(window[None]) for window in windows])


@torch.no_grad()
def latent_std(vae: AudioVAE, mels: Iterable[Tensor]) -> float:
    """Return the standard deviation of all latents of normalised log-mels ``(B, audio_channels, bins, frames)``."""
    count, total, squares = 0, 0.0, 0.0
    for mel in mels:
        latents = vae.encode(mel).mean.double()
        count, total, squares = (
            count + latents.numel(),
            total + float(latents.sum()),
            squares + float((latents**2).sum()),
        )
    return math.sqrt(squares / count - (total / count) ** 2)


def export_encoder(module: JudgedVae, task: VaeTask, folder: Path, statistics: Statistics) -> dict[str, Any]:
    """Write what this module's docstring says into a folder and return its ``encoder.json``.

    The module is one that is not sharded, such as ``task.build()`` with the weights of a checkpoint.
    """
    vae = module.vae.float().cpu().eval()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    mel = torch.zeros(1, vae.shape.audio_channels, task.spec.num_bins, _EXAMPLE_FRAMES)
    latents = torch.zeros(1, *vae.latent_shape(task.spec.num_bins, _EXAMPLE_FRAMES))
    save(_exported(_Means(vae.encoder), mel, vae.shape.factor + 1), folder / "encoder.pt2")
    save(_exported(vae.decoder, latents, 2), folder / "decoder.pt2")
    manifest = _manifest(vae, task, statistics) | {"files": {name: _facts(folder / name) for name in PROGRAMS}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
    return manifest


def load_exported(folder: Path, device: str = "cpu") -> ExportedVae:
    """Read such a folder. Raises ValueError if it is of another format, or if a file is not what was written."""
    manifest = json.loads((folder / MANIFEST).read_text())
    if manifest["format"] != FORMAT:
        raise ValueError(f"{folder / MANIFEST} is of format {manifest['format']}, expected {FORMAT}")
    for name, facts in manifest["files"].items():
        if _facts(folder / name) != facts:
            raise ValueError(f"{folder / name} is not the file that was exported: copy the folder again")
    encoder, decoder = (cache(partial(_program, folder / name, device)) for name in PROGRAMS)  # few need both
    return ExportedVae(manifest, lambda mel: encoder()(mel), lambda latents: decoder()(latents))


def _program(path: Path, device: str) -> nn.Module:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given buffer is not writable")  # torch's own, of its own reading
        return move_to_device_pass(load(path), device).module()


class _Means(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, mel_BCMK: Tensor) -> Tensor:
        mean, _ = self.encoder(mel_BCMK)
        return mean  # type: ignore[no-any-return]


def _exported(part: nn.Module, example: Tensor, least_frames: int) -> ExportedProgram:
    with torch.no_grad():
        return export(
            part,
            (example,),
            dynamic_shapes=({3: Dim("frames", min=least_frames)},),
            prefer_deferred_runtime_asserts_over_guards=True,
        )


def _manifest(vae: AudioVAE, task: VaeTask, statistics: Statistics) -> dict[str, Any]:
    channels, height, _ = vae.latent_shape(task.spec.num_bins, _EXAMPLE_FRAMES)
    factor, std = vae.shape.factor, statistics.latent_std
    facts = {
        "mel": task.spec.to_dict(),
        "audio_channels": vae.shape.audio_channels,
        "statistics": {"mean": statistics.mean, "std": statistics.std},
        "latents": {"channels": channels, "height": height, "factor": factor, "std": std, "scale_factor": 1 / std},
        "least_frames": factor + 1,
        "window_frames": task.window_frames,
    }
    digest = hashlib.sha256(json.dumps([facts, asdict(vae.shape)], sort_keys=True).encode())
    for weights in vae.state_dict().values():
        digest.update(weights.contiguous().numpy().tobytes())
    return {"format": FORMAT, "id": digest.hexdigest(), **facts}


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"num_bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
