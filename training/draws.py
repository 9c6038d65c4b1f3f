"""Random numbers that belong to a window, not to a process: the same on any number of workers and after a resume."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Random tensors for the windows of a batch. A draw has a name; the same name draws the same numbers again.

    They are drawn where ``positions`` are: a GPU would wait for a CPU's. So a GPU's numbers are not those of a CPU.
    """

    seed: int
    positions: Tensor
    """Int64 ``(B,)``, see ``Batch.positions``."""

    def normal(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Standard normal float32 ``(B, *shape)`` on the device of ``positions``."""
        import torch

        return self._stack(name, lambda generator: torch.randn(shape, generator=generator, device=generator.device))

    def uniform(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Float32 in [0, 1) ``(B, *shape)`` on the device of ``positions``."""
        import torch

        return self._stack(name, lambda generator: torch.rand(shape, generator=generator, device=generator.device))

    def _stack(self, name: str, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        import torch

        return torch.stack([draw(self._generator(name, place)) for place in self._places])

    @cached_property
    def _places(self) -> list[int]:
        """The positions on the host: one wait for the device, not one a draw."""
        places: list[int] = self.positions.tolist()
        return places

    def _generator(self, name: str, position: int) -> torch.Generator:
        import torch

        digest = hashlib.sha256(f"{self.seed} {name} {position}".encode()).digest()
        return torch.Generator(self.positions.device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)
