"""The workers of a run, as one of them sees them; alone, all of this costs nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from training.errors import SettingError


@dataclass(frozen=True)
class Workers:
    """Which worker this is, of how many, and the device it computes on."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @classmethod
    def found(cls) -> Workers:
        """The workers of the process group that is initialised, or this process alone."""
        together = dist.is_available() and dist.is_initialized()
        rank, size = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)
        if not torch.cuda.is_available():
            return cls(rank, size, "cpu")
        return cls(rank, size, f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}")

    def require_shares(self, windows: int) -> None:
        """Raise SettingError if they cannot share batches of so many windows evenly."""
        if windows % self.size:
            raise SettingError(f"{self.size} workers cannot share batches of {windows} windows evenly")

    @property
    def first(self) -> bool:
        """Whether this is the worker that writes for all."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """The mean over workers."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def gathered(self, value: object) -> list[object]:
        """The values of all workers, in order of rank."""
        if self.size == 1:
            return [value]
        values: list[object] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def barrier(self) -> None:
        """Wait for all."""
        if self.size > 1:
            dist.barrier()
