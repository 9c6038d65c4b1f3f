"""Whether a run can begin with the weights of another."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from training.checkpoint import saved_tensors
from training.config import Preset
from training.errors import SettingError


def require_same_model(preset: Preset, checkpoint: Path) -> None:
    """Raise SettingError if a checkpoint is damaged, or lacks a weight of the preset's model in its shape.

    Only names and shapes are read, and nothing is allocated.
    """
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in preset.task.build().named_parameters()}
    saved = saved_tensors(checkpoint)
    shapes = {name: tuple(found.size) for name, found in saved.items() if isinstance(found, TensorStorageMetadata)}
    for name, shape in wanted.items():
        found = shapes.get(f"model.{name}")
        if found != shape:
            has = "none" if found is None else _shape(found)
            raise SettingError(
                f"the weights of {str(checkpoint)!r} are of another model: of {name} they have {has}, this one"
                f" {_shape(shape)}; leave out --init-from, or train the same model"
            )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
