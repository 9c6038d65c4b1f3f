"""Samplers: with the exact model of a Gaussian they draw from it, and step by step they do what diffusers does."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from training.draws import Draws
from training.objectives import OBJECTIVES, Objective
from training.samplers import SAMPLERS, Model, ddim, dpm_solver, euler, guided

MEAN, DEVIATION = 0.5, 0.6
DRAWS = Draws(1, torch.arange(2))
SHAPE = (3000,)
BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PAIRS = [(sampler, name) for sampler in SAMPLERS for name in OBJECTIVES if sampler != "euler" or name == "flow"]


def exact(objective: Objective) -> Model:
    """What a model of a Gaussian would say that has nothing left to learn."""

    def model(noisy: Tensor, times: Tensor) -> Tensor:
        signal, level = (value[:, None] for value in objective.levels(times))
        share = signal * DEVIATION**2 / ((signal * DEVIATION) ** 2 + level**2)
        data = MEAN + share * (noisy - signal * MEAN)
        p, q = objective.mixture(signal, level)
        return p * data + q * (noisy - signal * data) / level

    return model


def end_of_the_path(objective: Objective, start: Tensor) -> Tensor:
    """Where the exact probability flow takes a start."""
    signal, level = (value[0].item() for value in objective.levels(objective.grid(1)))
    return MEAN + DEVIATION * (start - signal * MEAN) / math.hypot(signal * DEVIATION, level)


@pytest.mark.parametrize(("sampler", "name"), PAIRS)
def test_it_draws_from_the_gaussian(sampler: str, name: str) -> None:
    objective = OBJECTIVES[name]
    steps = 500 if sampler == "ddpm" else 200  # over fewer, the variance of its posterior is too small
    drawn = SAMPLERS[sampler](exact(objective), objective, SHAPE, steps, DRAWS)
    assert drawn.shape == (2, *SHAPE)
    assert drawn.mean().item() == pytest.approx(MEAN, abs=0.04)
    assert drawn.std().item() == pytest.approx(DEVIATION, rel=0.03)
    assert abs(torch.corrcoef(drawn)[0, 1]) < 0.06


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("sampler", [ddim, dpm_solver])
def test_more_steps_come_closer(sampler: Any, name: str) -> None:
    objective = OBJECTIVES[name]
    truth = end_of_the_path(objective, DRAWS.normal("sample", SHAPE))
    errors = [
        (sampler(exact(objective), objective, SHAPE, steps, DRAWS) - truth).abs().max().item() for steps in (5, 20, 80)
    ]
    assert all(finer < coarser / 2 for coarser, finer in pairwise(errors)), errors


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_second_order_pays(name: str) -> None:
    objective = OBJECTIVES[name]
    truth = end_of_the_path(objective, DRAWS.normal("sample", SHAPE))
    first, second = (
        (sampler(exact(objective), objective, SHAPE, 40, DRAWS) - truth).abs().max() for sampler in (ddim, dpm_solver)
    )
    assert second < first / 2


def test_a_flow_is_followed_by_euler_as_by_ddim() -> None:
    flow = OBJECTIVES["flow"]
    one, other = (sampler(exact(flow), flow, SHAPE, 15, DRAWS) for sampler in (euler, ddim))
    assert torch.allclose(one, other, atol=1e-4)
    with pytest.raises(ValueError, match="got a model of objective 'v': take ddim"):
        euler(exact(OBJECTIVES["v"]), OBJECTIVES["v"], SHAPE, 15, DRAWS)


@pytest.mark.parametrize(("sampler", "name"), PAIRS)
def test_a_window_is_the_same_whatever_is_drawn_beside_it(sampler: str, name: str) -> None:
    objective = OBJECTIVES[name]
    draw = SAMPLERS[sampler]
    both = draw(exact(objective), objective, (8,), 4, DRAWS)
    assert torch.equal(both, draw(exact(objective), objective, (8,), 4, DRAWS))
    assert torch.equal(both[1:], draw(exact(objective), objective, (8,), 4, Draws(1, torch.tensor([1]))))
    assert not torch.equal(both, draw(exact(objective), objective, (8,), 4, Draws(2, torch.arange(2))))


def wavy(noisy: Tensor, times: Tensor) -> Tensor:
    """A model that is nobody's, to compare arithmetic with."""
    return torch.sin(3 * noisy) + 0.001 * times[:, None]


def diffused(scheduler: Any, steps: int) -> Tensor:
    scheduler.set_timesteps(steps)
    noisy = DRAWS.normal("sample", (16,))
    for time in scheduler.timesteps:
        predicted = wavy(noisy, torch.full((2,), float(time)))
        noisy = scheduler.step(predicted, time, noisy).prev_sample
    return noisy


@pytest.mark.parametrize(("name", "rescaled"), [("epsilon", False), ("v", True)])
def test_ddim_is_that_of_diffusers(name: str, rescaled: bool) -> None:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        **BETAS,
        clip_sample=False,
        timestep_spacing="trailing",
        prediction_type={"epsilon": "epsilon", "v": "v_prediction"}[name],
        rescale_betas_zero_snr=rescaled,
    )
    assert torch.allclose(ddim(wavy, OBJECTIVES[name], (16,), 10, DRAWS), diffused(scheduler, 10), atol=2e-4)


def test_a_step_of_ddpm_is_that_of_diffusers() -> None:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(**BETAS, clip_sample=False, timestep_spacing="trailing")
    scheduler.set_timesteps(10)
    noisy = DRAWS.normal("sample", (16,))
    for number, time in enumerate(scheduler.timesteps):
        predicted, fresh = wavy(noisy, torch.full((2,), float(time))), DRAWS.normal(f"sample/{number}", (16,))
        noisy = scheduler.step(predicted, time, noisy, eta=1.0, variance_noise=fresh).prev_sample
    assert torch.allclose(SAMPLERS["ddpm"](wavy, OBJECTIVES["epsilon"], (16,), 10, DRAWS), noisy, atol=2e-4)


@pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)  # theirs
def test_dpm_solver_is_that_of_diffusers() -> None:
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(**BETAS, timestep_spacing="trailing", final_sigmas_type="zero")
    assert torch.allclose(dpm_solver(wavy, OBJECTIVES["epsilon"], (16,), 10, DRAWS), diffused(scheduler, 10), atol=2e-4)


def test_euler_is_that_of_diffusers_backwards() -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=[1.0, 0.75, 0.5, 0.25])
    noisy = DRAWS.normal("sample", (16,))
    for time in scheduler.timesteps:  # theirs predicts noise - data
        noisy = scheduler.step(-wavy(noisy, torch.full((2,), float(time))), time, noisy).prev_sample
    assert torch.allclose(euler(wavy, OBJECTIVES["flow"], (16,), 4, DRAWS), noisy, atol=1e-5)


def test_guidance() -> None:
    noisy, times = torch.ones(2, 3), torch.zeros(2)
    asked: list[str] = []

    def says(name: str, value: float) -> Model:
        def model(noisy: Tensor, times: Tensor) -> Tensor:
            asked.append(name)
            return value * noisy

        return model

    for scale, expected in ((0.0, 1.0), (1.0, 3.0), (7.5, 16.0)):
        assert torch.equal(guided(says("told", 3.0), says("untold", 1.0), scale)(noisy, times), expected * noisy)
    asked.clear()
    guided(says("told", 3.0), says("untold", 1.0), 1.0)(noisy, times)
    assert asked == ["told"]
