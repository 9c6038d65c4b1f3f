"""The moving average of the weights, which is what one samples from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_WRAPPED = "_checkpoint_wrapped_module."
"""What activation checkpointing puts into names."""


class Average:
    """An exponential moving average of a module's parameters, sharded as they are.

    Its decay grows as (1 + step) / (10 + step) up to ``decay``, so that the first steps are soon forgotten (as in
    TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in parameters_of(module).items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        new = parameters_of(module)
        for name, old in self.weights.items():
            old.lerp_(new[name].detach(), 1 - decay)

    @contextmanager
    def in_place_of(self, module: nn.Module) -> Iterator[None]:
        """Give the module the averaged weights for a while."""
        parameters = parameters_of(module)
        kept = {name: value.detach().clone() for name, value in parameters.items()}
        _copy(self.weights, parameters)
        try:
            yield
        finally:
            _copy(kept, parameters)


def parameters_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters by the names that they have in the module as it was built, whether blocks are checkpointed or not."""
    return {name.replace(_WRAPPED, ""): value for name, value in module.named_parameters()}


@torch.no_grad()
def _copy(source: dict[str, Tensor], parameters: dict[str, nn.Parameter]) -> None:
    for name, value in source.items():
        parameters[name].copy_(value)
