"""The DiT takes any number of frames, knows their places by distance, and uses all that it has."""

import pytest
import torch

from training.models.conditioning import Conditioning
from training.models.dit import Dit, DitShape
from training.models.rotary import rotated

TINY = DitShape(4, 8, width=32, depth=2, head_width=16, context_width=24, section_width=12)


def known(batch: int = 2) -> Conditioning:
    mask = torch.tensor([[True, True, False]] * batch)
    return Conditioning(torch.randn(batch, 12), torch.randn(batch, 3, 24), mask, torch.randn(batch, 2, 24))


@pytest.fixture
def dit() -> Dit:
    """As after some training: no layer is silent."""
    torch.manual_seed(0)
    module = Dit(TINY)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize("frames", [1, 7, 16])
def test_any_number_of_frames(dit: Dit, frames: int) -> None:
    latents = torch.randn(2, 4, 8, frames)
    assert dit(latents, torch.tensor([0.0, 1000.0]), known()).shape == latents.shape


def test_at_first_it_predicts_nothing() -> None:
    latents = torch.randn(1, 4, 8, 6)
    assert torch.equal(Dit(TINY)(latents, torch.tensor([3.0]), known(1)), torch.zeros_like(latents))


def test_only_distance_counts() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(8), torch.randn(8)
    queries, keys = rotated(query.expand(1, 1, 12, 8)), rotated(key.expand(1, 1, 12, 8))
    scores = (queries @ keys.transpose(2, 3))[0, 0]
    for distance in (-3, 0, 4):
        along = scores.diagonal(distance)
        assert torch.allclose(along, along[0].expand_as(along), atol=1e-5)
    assert torch.allclose(scores.diagonal(), (query * key).sum().expand(12), atol=1e-5)
    assert scores[0].std() > 0.1


def test_a_place_turns_by_known_angles() -> None:
    """The second place by 1 and a hundredth: the first half of the numbers with the second."""
    sines, cosines = torch.tensor([1, 0.01]).sin(), torch.tensor([1, 0.01]).cos()
    expected = torch.cat([2 * cosines - 3 * sines, 3 * cosines + 2 * sines])
    assert torch.allclose(rotated(torch.tensor([[[[2.0, 2.0, 3.0, 3.0]]]]), first=1)[0, 0, 0], expected)


def test_everything_it_is_told_matters(dit: Dit) -> None:
    latents, time, told = torch.randn(2, 4, 8, 6), torch.tensor([10.0, 500.0]), known()
    before = dit(latents, time, told)
    for other in (told._replace(**{name: -getattr(told, name)}) for name in ("section_BD", "text_BLD", "voice_BVD")):
        assert (dit(latents, time, other) - before).abs().max() > 1e-4
    assert (dit(latents, time + 100, told) - before).abs().max() > 1e-4
    masked = told._replace(text_BLD=torch.where(told.mask_BL[:, :, None], told.text_BLD, 9.0))
    assert torch.allclose(dit(latents, time, masked), before, atol=1e-5)
    backwards = dit(latents.flip(3), time, told).flip(3)
    assert (backwards - before).abs().max() > 1e-4


def test_every_parameter_gets_a_gradient(dit: Dit) -> None:
    dit(torch.randn(2, 4, 8, 6), torch.tensor([10.0, 500.0]), known()).square().sum().backward()
    silent = [name for name, value in dit.named_parameters() if value.grad is None or not value.grad.any()]
    assert silent == []
    assert len(dit.blocks()) == 2
