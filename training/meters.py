"""What a run measures of itself: throughput, waiting for data, memory, and the share of the matrix rate in use."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from training.task import Task

_MATRIX_SIZE = {"cpu": 1024, "cuda": 8192}
_TRIALS = 5


def matrix_flops_a_s(device: str, precision: str) -> float:
    """Return the floating-point operations a second that this device reaches in one large matrix product.

    The best of five. Model FLOPs utilisation (Chowdhery et al., "PaLM", 2022) is stated against this, not against what
    a data sheet promises.
    """
    size = _MATRIX_SIZE[torch.device(device).type]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    generator = torch.Generator(device).manual_seed(0)  # the numbers that training draws stay what they were
    left = torch.randn(size, size, generator=generator, device=device, dtype=dtype)
    best_s = min(_timed(left, device) for _ in range(_TRIALS))
    return 2 * size**3 / best_s


def _timed(left: torch.Tensor, device: str) -> float:
    synchronize(device)
    started_s = time.perf_counter()
    left @ left
    synchronize(device)
    return time.perf_counter() - started_s


def synchronize(device: str) -> None:
    """Wait until the device has done what it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory_gib(device: str) -> float:
    """The most memory that was in use: of the GPU, else of this process."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


@dataclass
class Meter:
    """Times of the steps since it was last read."""

    windows: int = 0
    waited_s: float = 0.0
    started_s: float = field(default_factory=time.perf_counter)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time spent for want of data."""
        started_s = time.perf_counter()
        yield
        self.waited_s += time.perf_counter() - started_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time that is no training."""
        started_s = time.perf_counter()
        yield
        self.started_s += time.perf_counter() - started_s

    def read(self, task: Task, matrix_flops_a_s: float, workers: int) -> dict[str, float]:
        """Return the figures since the last reading, of all ``workers`` together, and begin anew."""
        elapsed_s = time.perf_counter() - self.started_s
        rate_hz = self.windows / elapsed_s
        figures = {
            "windows_a_s": rate_hz,
            "tokens_a_s": rate_hz * task.tokens_a_window(),
            "mfu": rate_hz * task.flops_a_window() / (matrix_flops_a_s * workers),
            "data_wait_share": self.waited_s / elapsed_s,
        }
        self.windows, self.waited_s, self.started_s = 0, 0.0, time.perf_counter()
        return figures
