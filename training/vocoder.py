"""Sound of log-mels, by name: with the weights of a vocoder, or without any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from schemas.mel_specs import MelSpec
from training.mel import griffin_lim


@dataclass(frozen=True)
class Vocoder:
    """What turns log-mels into sound, and which log-mels it takes."""

    name: str
    spec: MelSpec
    render: Callable[[Tensor], Tensor]
    """Log-mels ``(B, bins, frames)`` to samples ``(B, frames * hop_samples)``."""

    @torch.no_grad()
    def __call__(self, log_mel_BCMK: Tensor) -> Tensor:
        """Return samples ``(B, audio_channels, frames * hop_samples)``. Channels are rendered one by one."""
        samples = self.render(log_mel_BCMK.float().flatten(0, 1))
        return samples.view(*log_mel_BCMK.shape[:2], -1)


def load_vocoder(name: str, spec: MelSpec, folder: Path | None = None, device: str = "cpu", seed: int = 0) -> Vocoder:
    """Load a vocoder for log-mels as ``spec`` says, from the folder of its weights if it has any.

    Raises ValueError, a sentence for the user, if there is none of this name, if its folder is missing, or if it takes
    other log-mels. ``seed`` is that of the phases that Griffin-Lim starts from.
    """
    if name not in _LOADERS:
        raise ValueError(f"there is no vocoder {name!r}, there are {', '.join(_LOADERS)}")
    vocoder = _LOADERS[name](spec, folder, device, seed)
    if different := vocoder.spec.differences(spec):
        raise ValueError(f"the vocoder {name} does not take the model's mel: they have {different}, in this order")
    return vocoder


def _griffin_lim(spec: MelSpec, _folder: Path | None, _device: str, seed: int) -> Vocoder:
    return Vocoder("griffin-lim", spec, partial(griffin_lim, spec=spec, seed=seed))


def _bigvgan(_spec: MelSpec, folder: Path | None, device: str, _seed: int) -> Vocoder:
    from training.models.bigvgan import load_bigvgan

    if folder is None:
        raise ValueError("the vocoder bigvgan needs the folder of its weights")
    model, its_spec = load_bigvgan(folder)
    return Vocoder("bigvgan", its_spec, model.to(device))


_LOADERS: dict[str, Callable[[MelSpec, Path | None, str, int], Vocoder]] = {
    "griffin-lim": _griffin_lim,
    "bigvgan": _bigvgan,
}
