"""Ways from noise to data. Each asks a model at the times of its objective's grid, and draws noise only from Draws.

All of them are written for any path ``x = signal * data + level * noise``, so every objective has them all; only
Euler is the flow's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from training.draws import Draws
from training.objectives import TIMES, Objective

Model = Callable[[Tensor, Tensor], Tensor]
"""What was trained: noisy windows ``(B, *shape)`` and times ``(B,)`` -> what its objective has it predict."""


class Sampler(Protocol):
    """Draws a window of ``shape`` for each position of ``draws``: the same for the same seed and position."""

    def __call__(self, model: Model, objective: Objective, shape: tuple[int, ...], steps: int, draws: Draws) -> Tensor:
        """Return float32 ``(B, *shape)``."""


class Step(NamedTuple):
    """From one time to the next, less noisy one: their levels of signal and noise."""

    time: float
    signal: float
    noise: float
    next_time: float
    next_signal: float
    next_noise: float


def guided(conditional: Model, unconditional: Model, scale: float) -> Model:
    """Classifier-free guidance (Ho and Salimans, 2022): 0 ignores the conditions, 1 heeds them, more exaggerates."""
    if scale == 1:
        return conditional
    return lambda noisy, times: torch.lerp(unconditional(noisy, times), conditional(noisy, times), scale)


def ddim(
    model: Model, objective: Objective, shape: tuple[int, ...], steps: int, draws: Draws, eta: float = 0.0
) -> Tensor:
    """DDIM (Song et al., 2021): deterministic after the start with ``eta`` 0; with 1 it is DDPM over these steps."""
    noisy = draws.normal("sample", shape)
    for number, step in enumerate(_steps(objective, steps)):
        data, noise = _asked(model, objective, noisy, step.time)
        fresh = eta * _posterior_deviation(step)
        noisy = step.next_signal * data + math.sqrt(max(0.0, step.next_noise**2 - fresh**2)) * noise
        if fresh > 0:
            noisy = noisy + fresh * draws.normal(f"sample/{number}", shape)
    return noisy


ddpm = partial(ddim, eta=1.0)
"""Ancestral sampling (Ho et al., 2020), with the variance of the posterior, over as many steps as one likes."""


def dpm_solver(model: Model, objective: Objective, shape: tuple[int, ...], steps: int, draws: Draws) -> Tensor:
    """DPM-Solver++(2M) (Lu et al., 2022): second order from the last two predictions; its last step is of the first."""
    noisy = draws.normal("sample", shape)
    last_data, last_width = None, math.inf
    for step in _steps(objective, steps):
        data, _ = _asked(model, objective, noisy, step.time)
        width = _log_ratio(step.next_signal, step.next_noise) - _log_ratio(step.signal, step.noise)
        ahead = data
        if last_data is not None and math.isfinite(width):
            ahead = data + width / (2 * last_width) * (data - last_data)
        kept = step.next_noise / step.noise
        noisy = kept * noisy + (step.next_signal - kept * step.signal) * ahead
        last_data, last_width = data, width
    return noisy


def euler(model: Model, objective: Objective, shape: tuple[int, ...], steps: int, draws: Draws) -> Tensor:
    """Along the flow in straight lines. Raises ValueError for other objectives: they predict no direction."""
    if objective.name != "flow":
        raise ValueError(f"sampler euler follows a flow, got a model of objective {objective.name!r}: take ddim")
    noisy = draws.normal("sample", shape)
    for step in _steps(objective, steps):
        times = torch.full((len(noisy),), step.time, device=noisy.device)
        noisy = noisy + (step.time - step.next_time) / TIMES * model(noisy, times)
    return noisy


SAMPLERS: dict[str, Sampler] = {"ddpm": ddpm, "ddim": ddim, "dpm-solver": dpm_solver, "euler": euler}


def _steps(objective: Objective, steps: int) -> Iterator[Step]:
    times = objective.grid(steps)
    signals, noises = objective.levels(times)
    places = zip(times.tolist(), signals.tolist(), noises.tolist(), strict=True)
    return (Step(*here, *there) for here, there in pairwise(places))


def _asked(model: Model, objective: Objective, noisy: Tensor, time: float) -> tuple[Tensor, Tensor]:
    """The data and the noise that the model sees in noisy windows."""
    times = torch.full((len(noisy),), time, device=noisy.device)
    return objective.unmixed(noisy, model(noisy, times), times)


def _posterior_deviation(step: Step) -> float:
    """Standard deviation of the next window given this one and the data (Kingma et al., "VDM", 2021)."""
    ratio = step.signal / step.next_signal
    added = max(0.0, step.noise**2 - (ratio * step.next_noise) ** 2)
    return math.sqrt(added) * step.next_noise / step.noise


def _log_ratio(signal: float, noise: float) -> float:
    if signal == 0:
        return -math.inf
    return math.inf if noise == 0 else math.log(signal / noise)
