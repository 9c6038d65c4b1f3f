"""What a diffusion model learns to predict, and from what mix of data and noise.

Every objective mixes ``x = signal * data + level * noise`` by a time from 0 (data) to 1000 (noise), and has the
model predict ``p * data + q * noise``. All that differs are these four numbers, which times are trained, and how much
each counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from training.draws import Draws

TIMES = 1000
FIRST_BETA, LAST_BETA = 0.00085, 0.012
MIN_SNR_GAMMA = 5.0


def _per_window(level: Tensor, like: Tensor) -> Tensor:
    return level.view(-1, *[1] * (like.dim() - 1))


class Objective(ABC):
    """A path from data to noise, and what is predicted on it."""

    name: ClassVar[str]

    @abstractmethod
    def levels(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """Signal and noise level at these times, float32 ``(B,)`` each."""

    @abstractmethod
    def mixture(self, signal: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """How much of the data and of the noise is in what the model predicts, at these levels."""

    @abstractmethod
    def times(self, draws: Draws) -> Tensor:
        """Times to train at, float32 ``(B,)``."""

    @abstractmethod
    def grid(self, steps: int) -> Tensor:
        """Times to sample at, from noise to data, float32 ``(steps + 1,)``. The model is not asked at the last."""

    def weight(self, time: Tensor) -> Tensor:
        """How much the squared error counts at these times, float32 ``(B,)``."""
        return torch.ones_like(time)

    def noised(self, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """The mix at these times."""
        signal, level = (_per_window(value, data) for value in self.levels(time))
        return signal * data + level * noise

    def target(self, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """What the model should predict."""
        p, q = (_per_window(value, data) for value in self.mixture(*self.levels(time)))
        return p * data + q * noise

    def unmixed(self, noisy: Tensor, predicted: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """The data and the noise that a prediction implies."""
        signal, level = (_per_window(value, noisy) for value in self.levels(time))
        p, q = self.mixture(signal, level)
        determinant = signal * q - level * p
        return (q * noisy - level * predicted) / determinant, (signal * predicted - p * noisy) / determinant


@cache
def signal_shares(zero_terminal: bool) -> Tensor:
    """Share of the signal in the variance before and after each of the 1000 steps, float64 ``(1001,)``.

    The betas of Stable Diffusion ("scaled linear"). With ``zero_terminal``, the square roots are moved and stretched so
    that the last is 0 and the first step stays (Lin et al., "Common Diffusion Noise Schedules and Sample Steps Are
    Flawed", 2024).
    """
    betas = torch.linspace(FIRST_BETA**0.5, LAST_BETA**0.5, TIMES, dtype=torch.float64).square()
    roots = (1 - betas).cumprod(dim=0).sqrt()
    if zero_terminal:
        roots = (roots - roots[-1]) * (roots[0] / (roots[0] - roots[-1]))
    return torch.cat([torch.ones(1, dtype=torch.float64), roots.square()])


@cache
def _levels(zero_terminal: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    shares = signal_shares(zero_terminal)
    return shares.sqrt().float().to(device), (1 - shares).sqrt().float().to(device)


class Stepwise(Objective):
    """A path of 1000 steps that preserves variance. Its times are whole numbers, 0-999; -1 is the data."""

    zero_terminal: ClassVar[bool]

    def levels(self, time: Tensor) -> tuple[Tensor, Tensor]:
        signals, noises = _levels(self.zero_terminal, time.device)
        return signals[time.long() + 1], noises[time.long() + 1]

    def times(self, draws: Draws) -> Tensor:
        return (draws.uniform("time") * TIMES).floor()

    def grid(self, steps: int) -> Tensor:
        """Evenly spaced from 999 ("trailing": Lin et al., 2024) to -1."""
        if not 1 <= steps <= TIMES:
            raise ValueError(f"got {steps} steps, expected 1 to {TIMES}")
        return torch.linspace(TIMES, 0, steps + 1, dtype=torch.float64).round().float() - 1


class Epsilon(Stepwise):
    """The noise (DDPM: Ho et al., 2020), as published."""

    name = "epsilon"
    zero_terminal = False

    def mixture(self, signal: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(signal), torch.ones_like(level)


class Velocity(Stepwise):
    """``signal * noise - level * data`` (Salimans and Ho, 2022), on a path that ends in nothing but noise."""

    name = "v"
    zero_terminal = True

    def mixture(self, signal: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        return -level, signal

    def weight(self, time: Tensor) -> Tensor:
        """``(min(SNR, 5) + 1) / (SNR + 1)``: 1 up to an SNR of 5, then falling.

        Min-SNR-5 (Hang et al., 2023) without the added 1 would be 0 where the SNR is 0: the first step of sampling
        would never be trained.
        """
        signal, level = self.levels(time)
        snr = (signal / level).square()
        return (snr.clamp(max=MIN_SNR_GAMMA) + 1) / (snr + 1)


class Flow(Objective):
    """``data - noise`` on a straight line (rectified flow: Liu et al., 2022): the way from noise to data.

    Times are drawn logit-normal, most of them in the middle (Esser et al., 2024).
    """

    name = "flow"

    def levels(self, time: Tensor) -> tuple[Tensor, Tensor]:
        return 1 - time / TIMES, time / TIMES

    def mixture(self, signal: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(signal), -torch.ones_like(level)

    def times(self, draws: Draws) -> Tensor:
        return draws.normal("time").sigmoid() * TIMES

    def grid(self, steps: int) -> Tensor:
        if steps < 1:
            raise ValueError(f"got {steps} steps, expected 1 or more")
        return torch.linspace(TIMES, 0, steps + 1)


OBJECTIVES: dict[str, Objective] = {objective.name: objective for objective in (Epsilon(), Velocity(), Flow())}
