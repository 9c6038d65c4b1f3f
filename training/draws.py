"""Random numbers that belong to a window, not to a process: the same on any number of workers and after a resume."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Random tensors for the windows of a batch. A draw has a name; the same name draws the same numbers again."""

    seed: int
    positions: Tensor
    """Int64 ``(B,)``, see ``Batch.positions``."""

    def normal(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Standard normal float32 ``(B, *shape)`` on the device of ``positions``."""
        import torch

        return self._stack(name, lambda generator: torch.randn(shape, generator=generator))

    def uniform(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Float32 in [0, 1) ``(B, *shape)`` on the device of ``positions``."""
        import torch

        return self._stack(name, lambda generator: torch.rand(shape, generator=generator))

    def _stack(self, name: str, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        import torch

        drawn = [draw(self._generator(name, position)) for position in self.positions.tolist()]
        return torch.stack(drawn).to(self.positions.device)

    def _generator(self, name: str, position: int) -> torch.Generator:
        import torch

        digest = hashlib.sha256(f"{self.seed} {name} {position}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
