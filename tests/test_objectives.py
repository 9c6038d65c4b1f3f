"""Objectives: what is mixed can be unmixed, and the schedules are those of the papers and of diffusers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.draws import Draws
from training.objectives import OBJECTIVES, TIMES, signal_shares

NAMES = sorted(OBJECTIVES)


@pytest.mark.parametrize("name", NAMES)
@given(time=st.integers(1, 999), seed=st.integers(0, 1000))
def test_a_target_implies_the_data_and_the_noise(name: str, time: int, seed: int) -> None:
    objective = OBJECTIVES[name]
    generator = torch.Generator().manual_seed(seed)
    data, noise = torch.randn(2, 2, 3, 4, 5, generator=generator)
    times = torch.tensor([float(time), 500.0, 1.0])[:2]
    noisy, target = objective.noised(data, noise, times), objective.target(data, noise, times)
    found_data, found_noise = objective.unmixed(noisy, target, times)
    tolerance = 1e-3 if name == "epsilon" else 1e-5  # it divides by a signal of down to 0.07
    assert torch.allclose(found_data, data, atol=tolerance)
    assert torch.allclose(found_noise, noise, atol=tolerance)


def test_targets_by_hand() -> None:
    data, noise, time = torch.tensor([[2.0]]), torch.tensor([[-1.0]]), torch.tensor([250.0])
    flow, velocity, epsilon = OBJECTIVES["flow"], OBJECTIVES["v"], OBJECTIVES["epsilon"]
    assert flow.noised(data, noise, time).item() == pytest.approx(0.75 * 2 - 0.25)
    assert flow.target(data, noise, time).item() == 3.0  # data - noise
    assert epsilon.target(data, noise, time).item() == -1.0
    signal, level = (value.item() for value in velocity.levels(time))
    assert signal**2 + level**2 == pytest.approx(1)
    assert velocity.target(data, noise, time).item() == pytest.approx(-signal - level * 2)


@pytest.mark.parametrize(("name", "last_signal"), [("flow", 0.0), ("v", 0.0), ("epsilon", 0.06826)])
def test_the_grid_goes_from_noise_to_data(name: str, last_signal: float) -> None:
    grid = OBJECTIVES[name].grid(10)
    signals, noises = OBJECTIVES[name].levels(grid)
    assert len(grid) == 11
    assert (grid.diff() < 0).all()
    assert (signals.diff() > 0).all()
    assert (noises.diff() < 0).all()
    assert (signals[-1], noises[-1]) == (1, 0)
    assert signals[0].item() == pytest.approx(last_signal, abs=1e-5)


def test_a_path_without_signal_at_its_end() -> None:
    plain, zero = signal_shares(False), signal_shares(True)
    assert zero[-1] == 0
    assert plain[-1] == pytest.approx(0.00466, rel=1e-3)
    assert zero[1] == pytest.approx(plain[1])
    assert zero[0] == plain[0] == 1
    assert (zero.diff() < 0).all()


def test_the_schedules_are_those_of_diffusers() -> None:
    from diffusers import DDIMScheduler

    for rescaled in (False, True):
        theirs = DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", rescale_betas_zero_snr=rescaled
        )
        assert torch.allclose(signal_shares(rescaled)[1:].float(), theirs.alphas_cumprod, atol=1e-5)


def test_weights_by_hand() -> None:
    velocity, times = OBJECTIVES["v"], torch.arange(1000.0)
    signal, level = (value.double() for value in velocity.levels(times))
    snr, weights = (signal / level).square(), velocity.weight(times)
    assert weights[-1] == 1  # where there is no signal
    assert torch.allclose(weights[snr <= 5], torch.ones(1))
    high = snr > 5
    assert high.any()
    assert torch.allclose(weights[high].double(), 6 / (snr[high] + 1), rtol=1e-4)
    for name in ("epsilon", "flow"):
        assert torch.equal(OBJECTIVES[name].weight(times), torch.ones(1000))


@pytest.mark.parametrize("name", NAMES)
def test_times_belong_to_windows(name: str) -> None:
    objective, positions = OBJECTIVES[name], torch.arange(2000)
    times = objective.times(Draws(3, positions))
    assert torch.equal(times[7:9], objective.times(Draws(3, positions[7:9])))
    assert times.min() >= 0
    assert times.max() < TIMES
    if name == "flow":  # logit-normal: half within sigmoid(0.674)
        assert ((times - 500).abs() < 162.5).float().mean() == pytest.approx(0.5, abs=0.04)
    else:
        assert torch.equal(times, times.round())
        assert times.mean() == pytest.approx(499.5, abs=20)


@pytest.mark.parametrize(("name", "steps"), [("flow", 0), ("v", 0), ("v", 1001)])
def test_steps_that_cannot_be(name: str, steps: int) -> None:
    with pytest.raises(ValueError, match=f"got {steps} steps, expected 1"):
        OBJECTIVES[name].grid(steps)
