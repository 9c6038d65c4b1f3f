"""A task small enough to train in a test, and data for it in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.draws import Draws
from training.task import Task, Turn
from training.workers import Workers


class Layer(nn.Linear):
    """A block: torch compiles what is not torch's own."""

    def forward(self, values: Tensor) -> Tensor:
        return super().forward(values)


@dataclass(frozen=True)
class Denoise(Task):
    """Learns to undo noise that is drawn for each window; with ``rival``, a second turn learns something else."""

    width: int = 8
    rival: bool = False
    poison: int = -1
    """Position of a window whose loss is not finite."""
    chance: float = 0.0
    """Of more noise, from the generator of the process."""
    payload = "mel"

    def build(self) -> nn.Module:
        def part() -> nn.Sequential:
            return nn.Sequential(Layer(4, self.width), nn.Tanh(), Layer(self.width, 4))

        return nn.ModuleDict({"model": part(), "rival": part()} if self.rival else {"model": part()})

    def turns(self) -> tuple[Turn, ...]:
        names = ("model", "rival") if self.rival else ("model",)
        return tuple(self._turn(name) for name in names)

    def _turn(self, name: str) -> Turn:
        def losses(module: nn.Module, batch: Batch, draws: Draws) -> dict[str, Tensor]:
            clean = batch.payload.flatten(1)
            noisy = clean + 0.1 * draws.normal(name, (4,)) + self.chance * torch.rand(4)
            error = (module[name](noisy) - clean).square().mean(dim=1)
            return {"total": torch.where(batch.positions == self.poison, torch.nan, error), "error": error}

        return Turn(name, lambda module: list(module[name].parameters()), losses)

    def flops_a_window(self) -> float:
        return 6.0 * 2 * 4 * self.width

    def tokens_a_window(self) -> int:
        return 4

    def blocks(self, module: nn.Module) -> list[nn.Module]:
        return [module["model"][0], module["model"][2]]


@dataclass(frozen=True)
class Memory:
    """Windows by number: their contents follow from their position, as do those of a stream."""

    workers: Workers = field(default_factory=Workers)
    valid_windows: int = 32

    def batches(self, split: str, start: int, windows: int, micro: int) -> Iterator[list[Batch]]:
        steps = iter(range(start, 10**9)) if split == "train" else iter(range(self.valid_windows // windows))
        share = windows // self.workers.size
        for step in steps:
            first = step * windows + self.workers.rank * share
            positions = torch.arange(first, first + share)
            yield [_batch(part) for part in positions.split(micro)]


def _batch(positions: Tensor) -> Batch:
    payload = torch.stack([(positions + 1) * factor % 7 / 7 for factor in (1.0, 2.0, 3.0, 5.0)], dim=1)
    return Batch(payload[:, None, :, None], positions, tuple(f"track{position}" for position in positions.tolist()))
