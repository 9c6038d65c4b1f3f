"""What a training needs, before it starts and without any data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from training.config import Preset

_BYTES_A_PARAMETER = 16
"""Weights, gradients and AdamW's two moments, float32 each."""
_BYTES_OF_AVERAGE = 4


def estimate(preset: Preset) -> dict[str, Any]:
    """Return parameters, parameters by part, GiB of the training state and steps. Allocates nothing.

    The state is weights, gradients, moments and the moving average; activations come on top and depend on
    ``looping.micro_windows``. With FSDP it is divided by the workers.
    """
    with torch.device("meta"):
        module = preset.task.build()
    parameters = num_parameters(module)
    bytes_each = _BYTES_A_PARAMETER + (_BYTES_OF_AVERAGE if preset.optimizing.ema_decay > 0 else 0)
    return {
        "parameters": parameters,
        "parameters_by_part": {name: num_parameters(part) for name, part in module.named_children()},
        "state_gib": parameters * bytes_each / 2**30,
        "steps": preset.looping.steps,
    }


def num_parameters(module: nn.Module) -> int:
    """How many numbers a module has to learn."""
    return sum(parameter.numel() for parameter in module.parameters())
