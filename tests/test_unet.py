"""UNetV2 has the published sizes, takes latents of any size, and uses all that it has."""

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import apply_activation_checkpointing

from training.models.conditioning import Conditioner, Conditioning
from training.models.unet import UNetShape, UNetV2

TINY = UNetShape(4, 16, (1, 2), 1, (2,), head_width=16, context_width=24, section_width=12)
PUBLISHED = {256: 722e6, 320: 1.1e9, 512: 2.8e9, 768: 6.1e9}
BY_PART = {  # the columns of UNetV2's docstring
    256: {"first": 0.3, "time": 2.4, "down": 219.9, "middle": 66.1, "up": 417.1, "last": 0.3},
    320: {"first": 0.4, "time": 3.4, "down": 338.6, "middle": 102.3, "up": 644.3, "last": 0.4},
    512: {"first": 0.6, "time": 7.3, "down": 847.8, "middle": 258.0, "up": 1620.8, "last": 0.6},
    768: {"first": 0.9, "time": 15.0, "down": 1883.8, "middle": 575.8, "up": 3611.1, "last": 0.9},
}
STABLE_DIFFUSION_PARAMETERS = 859_520_964  # of the UNet of Stable Diffusion 1.5


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def known(batch: int = 2) -> Conditioning:
    mask = torch.tensor([[True, True, False]] * batch)
    return Conditioning(torch.randn(batch, 12), torch.randn(batch, 3, 24), mask, torch.randn(batch, 2, 24))


def stirred(module: nn.Module) -> nn.Module:
    """The module as after some training: no layer is silent."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize("channels", PUBLISHED)
def test_parameters(channels: int) -> None:
    with torch.device("meta"):
        unet, conditioner = UNetV2(UNetShape(channels=channels)), Conditioner(768, 2048, 1024, 4)
    parts = {name: round(size(part) / 1e6, 1) for name, part in unet.named_children()}
    assert parts == BY_PART[channels]
    assert round(size(conditioner) / 1e6, 1) == 12.4
    assert size(unet) + size(conditioner) == pytest.approx(PUBLISHED[channels], rel=0.03)


def test_without_voice_and_section_it_is_stable_diffusions() -> None:
    with torch.device("meta"):
        unet = UNetV2(UNetShape(4, 320, attention_factors=(1, 2, 4)))
    ours = sum(
        value.numel()
        for name, value in unet.named_parameters()
        if ".streams.voice." not in name and ".streams.gate" not in name and not name.startswith("time.section")
    )
    assert ours == STABLE_DIFFUSION_PARAMETERS


@pytest.mark.parametrize(("height", "width"), [(8, 16), (7, 13), (1, 1), (2, 5)])
def test_any_size(height: int, width: int) -> None:
    torch.manual_seed(0)
    unet = stirred(UNetV2(TINY))
    latents = torch.randn(2, 4, height, width)
    assert unet(latents, torch.tensor([0.0, 999.0]), known()).shape == latents.shape


def test_all_four_levels() -> None:
    unet = UNetV2(UNetShape(4, 16, head_width=16, context_width=24, section_width=12))
    latents = torch.randn(1, 4, 9, 11)
    assert torch.equal(unet(latents, torch.tensor([3.0]), known(1)), torch.zeros(1, 4, 9, 11))  # as the last layer is 0
    assert len(unet.blocks()) == 8 + 2 + 12
    transformers = [name for name, part in unet.named_modules() if name.endswith("transformer") and part is not None]
    assert len(transformers) == 6 + 1 + 9


def test_everything_it_is_told_matters() -> None:
    torch.manual_seed(0)
    unet = stirred(UNetV2(TINY))
    latents, time, told = torch.randn(2, 4, 8, 8), torch.tensor([10.0, 500.0]), known()
    before = unet(latents, time, told)
    for other in (told._replace(**{name: -getattr(told, name)}) for name in ("section_BD", "text_BLD", "voice_BVD")):
        assert (unet(latents, time, other) - before).abs().max() > 1e-4
    assert (unet(latents, time + 100, told) - before).abs().max() > 1e-4
    masked = told._replace(text_BLD=torch.where(told.mask_BL[:, :, None], told.text_BLD, 9.0))
    assert torch.allclose(unet(latents, time, masked), before, atol=1e-5)


def test_every_parameter_gets_a_gradient_recomputed_or_not() -> None:
    torch.manual_seed(0)
    unet, latents, told = stirred(UNetV2(TINY)), torch.randn(2, 4, 8, 8), known()

    def gradients() -> list[torch.Tensor]:
        unet.zero_grad()
        unet(latents, torch.tensor([10.0, 500.0]), told).square().sum().backward()
        return [value.grad.clone() for value in unet.parameters() if value.grad is not None]

    plain = gradients()
    assert len(plain) == len(list(unet.parameters()))
    assert all(gradient.any() for gradient in plain)
    blocks = set(unet.blocks())
    apply_activation_checkpointing(unet, check_fn=lambda part: part in blocks)
    for one, other in zip(plain, gradients(), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)
