"""The multi-resolution loss on log-mels."""

import math

import pytest
import torch

from training.spectral_loss import spectral_loss


def mels(windows: int = 2, frames: int = 37) -> torch.Tensor:
    return torch.randn(windows, 1, 128, frames, generator=torch.Generator().manual_seed(0))


def test_equal_mels_have_none() -> None:
    assert spectral_loss(mels(), mels()).abs().max() < 1e-5


@pytest.mark.parametrize("frames", [1, 5, 37, 64])
def test_a_louder_copy_has_what_the_definition_says(frames: int) -> None:
    wanted = mels(frames=frames)
    for rise in (0.1, 1.0):  # every logarithm is off by it, and every norm by exp(rise) - 1
        loss = spectral_loss(wanted + rise, wanted)
        assert loss.tolist() == pytest.approx([rise + math.exp(rise) - 1] * 2, rel=1e-4)


def test_a_louder_last_frame_by_hand() -> None:
    """Of five frames of one bin: alone three times, beside a whole rectangle of four, and as one of five."""
    wanted, rise = torch.zeros(1, 1, 1, 5), math.e - 1
    found = wanted.clone()
    found[..., 4] = 1
    alone, beside = 1 / 5 + rise / 5**0.5, 1 / 2 + rise / 2**0.5
    together = math.log(1 + rise / 5) + rise / 5
    assert spectral_loss(found, wanted).item() == pytest.approx((3 * alone + beside + together) / 5, rel=1e-5)


def test_windows_are_judged_one_by_one() -> None:
    wanted, found = mels(3), mels(3)
    found[1] += 0.5
    losses = spectral_loss(found, wanted)
    assert losses.shape == (3,)
    assert losses[1] > 0.5
    assert losses[[0, 2]].abs().max() < 1e-5


def test_coarse_resolutions_forgive_what_moves_by_a_frame_and_not_what_is_missing() -> None:
    wanted = torch.full((1, 1, 128, 64), -4.0)
    wanted[..., 20] = 2.0
    moved, missing = wanted.roll(1, dims=3), torch.full_like(wanted, -4.0)
    plain = [float((found - wanted).abs().mean()) for found in (moved, missing)]
    assert plain[0] == pytest.approx(2 * plain[1])
    assert spectral_loss(moved, wanted) < spectral_loss(missing, wanted)


def test_far_off_values_have_finite_gradients() -> None:
    for value in (-1e4, 0.0, 1e4):
        found = torch.full((1, 1, 16, 8), value, requires_grad=True)
        spectral_loss(found, torch.zeros(1, 1, 16, 8)).sum().backward()
        assert found.grad is not None
        assert found.grad.isfinite().all()
