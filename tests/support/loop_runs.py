"""Runs of the loop over a tiny task, and what weights they end with."""

from pathlib import Path

import torch
from torch import Tensor, nn

from tiny_task import Denoise
from training.checkpoint import Checkpoints, load_weights
from training.config import Preset, changed
from training.loop import Loop
from training.workers import Workers
from training_worker import PRESET, trained


def run(folder: Path, *settings: str, preset: Preset = PRESET) -> Loop:
    return trained(folder, Workers(), changed(preset, settings))


def weights(loop: Loop) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in loop.module.named_parameters()}


def untrained() -> nn.Module:
    """The module that every run of PRESET begins with."""
    torch.manual_seed(PRESET.looping.seed)
    return Denoise().build()


def saved_weights(folder: Path, averaged: bool, rival: bool = False) -> dict[str, Tensor]:
    latest = Checkpoints(folder / "checkpoints", 3).latest()
    assert latest is not None
    module = Denoise(rival=rival).build()
    load_weights(latest, module, averaged)
    return {name: value.detach() for name, value in module.named_parameters()}


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor], tolerance: float = 0) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.allclose(value, theirs[name], rtol=0, atol=tolerance), name
