"""Losses over windows that nothing is learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from training.batch import Batch
from training.draws import Draws
from training.parallel import Step
from training.workers import Workers

SEED = 20_000_000
"""Validation draws the same numbers every time: its losses can be compared."""


@torch.no_grad()
def validation_losses(
    batches: Iterable[Sequence[Batch]], steps: Sequence[Step], encode: Callable[[Batch], Batch], workers: Workers
) -> dict[str, float]:
    """Return the mean of each loss of each turn over batches, of which each worker has its share; nothing of none."""
    found: dict[str, list[Tensor]] = {}
    for part in (part for parts in batches for part in parts):
        encoded = encode(part.to(workers.device))
        draws = Draws(SEED, encoded.positions)
        for step in steps:
            for name, value in step(encoded, draws).items():
                found.setdefault(f"validation/{step.turn.name}/{name}", []).append(value.float())
    return {name: float(workers.mean(torch.cat(values).mean())) for name, values in found.items()}
