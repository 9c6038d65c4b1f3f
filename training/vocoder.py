"""Sound of log-mels, by name: with the weights of a vocoder, or without any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from json import JSONDecodeError
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten

import torch
import yaml
from torch import Tensor, nn

from schemas.mel_specs import MelSpec
from training.mel import griffin_lim

_DAMAGE = (
    *(OSError, EOFError, LookupError, TypeError, AttributeError, RuntimeError),
    *(JSONDecodeError, UnicodeDecodeError, UnpicklingError, yaml.YAMLError),
)
"""What reading raises for files that are missing, cut off or others."""


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

    Raises ValueError, a sentence for the user, if there is none of this name, if its folder is missing or cannot be
    read, or if it takes other log-mels. ``seed`` is that of the phases that Griffin-Lim starts from.
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

    return _of_folder("bigvgan", load_bigvgan, folder, device)


def _vocos(_spec: MelSpec, folder: Path | None, device: str, _seed: int) -> Vocoder:
    from training.models.vocos import load_vocos

    if find_spec("vocos") is None:
        raise ValueError("the vocoder vocos needs the package vocos, which is not installed: pip install 'muze[train]'")
    return _of_folder("vocos", load_vocos, folder, device)


def _of_folder(
    name: str, load: Callable[[Path], tuple[nn.Module, MelSpec]], folder: Path | None, device: str
) -> Vocoder:
    if folder is None:
        raise ValueError(f"the vocoder {name} needs the folder of its weights")
    try:
        model, its_spec = load(folder)
    except _DAMAGE as error:
        why = shorten(f"{type(error).__name__}: {error}", 200)
        raise ValueError(f"the vocoder {name} can't be read from {folder}: get its files again ({why})") from error
    return Vocoder(name, its_spec, model.to(device))


_LOADERS: dict[str, Callable[[MelSpec, Path | None, str, int], Vocoder]] = {
    "griffin-lim": _griffin_lim,
    "bigvgan": _bigvgan,
    "vocos": _vocos,
}
