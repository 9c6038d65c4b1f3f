"""One model on many workers: whole on each (DDP), or sharded over them (FSDP2)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import apply_activation_checkpointing
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from training.batch import Batch
from training.config import Preset
from training.draws import Draws
from training.task import Turn
from training.workers import Workers


class Losses(nn.Module):
    """The losses of every turn as one module, so that DDP and FSDP see a forward pass whatever a turn calls."""

    def __init__(self, module: nn.Module, turns: Sequence[Turn]) -> None:
        super().__init__()
        self.module = module
        self.turns = turns

    def forward(self, number: int, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        """Return the losses of a turn, name -> ``(B,)``."""
        return self.turns[number].losses(self.module, batch, draws)


@dataclass(frozen=True)
class Step:
    """A turn that can be called on a part of a batch."""

    losses: nn.Module
    module: nn.Module
    turns: Sequence[Turn]
    number: int

    @property
    def turn(self) -> Turn:
        return self.turns[self.number]

    @property
    def chosen(self) -> list[nn.Parameter]:
        """The parameters of this turn."""
        return self.turn.parameters(self.module)

    def choose(self) -> None:
        """Let them have gradients, and no others."""
        chosen = set(self.chosen)
        for parameter in self.module.parameters():
            parameter.requires_grad_(parameter in chosen)

    def __call__(self, batch: Batch, draws: Draws) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.losses(self.number, batch, draws)
        return losses


def prepared(module: nn.Module, preset: Preset, workers: Workers) -> list[Step]:
    """Make the module ready for the workers, and return what is called for each turn."""
    looping, turns, blocks = preset.looping, preset.task.turns(), preset.task.blocks(module)
    if looping.checkpoint_blocks:
        chosen = set(blocks)
        apply_activation_checkpointing(module, check_fn=lambda part: part in chosen)
    if looping.compile:
        for block in blocks:
            block.compile()
    losses = Losses(module, turns)
    if workers.size > 1 and looping.parallel == "fsdp":
        _shard(losses, blocks, looping.precision)
    steps = [Step(losses, module, turns, number) for number in range(len(turns))]
    if workers.size > 1 and looping.parallel == "ddp":
        return [_spread(step, workers) for step in steps]
    return steps


def _shard(losses: nn.Module, blocks: list[nn.Module], precision: str) -> None:
    """Gradients are added up in float32, as DDP does: in bfloat16 small ones would vanish beside large ones."""
    low = torch.bfloat16 if precision == "bf16" else None
    policy = MixedPrecisionPolicy(param_dtype=low, reduce_dtype=torch.float32)
    for part in [*blocks, losses]:
        fully_shard(part, mp_policy=policy)


def _spread(step: Step, workers: Workers) -> Step:
    """DDP watches the parameters that have gradients when it is made: those of the turn."""
    step.choose()
    devices = None if workers.device == "cpu" else [torch.device(workers.device)]
    return replace(step, losses=DistributedDataParallel(step.losses, device_ids=devices))


def sharing(step: Step, last: bool) -> AbstractContextManager[Any]:
    """Exchange gradients with the last part of a batch only."""
    if last or not isinstance(step.losses, DistributedDataParallel):
        return nullcontext()
    return step.losses.no_sync()
