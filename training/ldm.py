"""Latent diffusion: a UNet or a transformer that turns noise into the latents of a VAE."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from training.batch import Batch
from training.condition_groups import CONDITIONS
from training.conditioned import ConditionedTask
from training.draws import Draws
from training.errors import SettingError
from training.task import Turn

if TYPE_CHECKING:
    from torch import nn

    from training.models.denoiser import Denoiser
    from training.samplers import Model
    from training.task import Losses


@dataclass(frozen=True)
class LdmTask(ConditionedTask):
    """Trains a denoiser on normalised latents; every condition is optional."""

    payload: ClassVar[str] = "latents"
    conditions: ClassVar[tuple[str, ...]] = CONDITIONS

    latent_shape: tuple[int, int, int] = (16, 16, 128)
    """Channels, height (bins) and width (frames) of the pack's latents. A UNet samples any height and width, a DiT any
    width."""
    backbone: Literal["unet", "dit"] = "unet"
    channels: int = 256
    """Of the UNet's first level, or the width of the DiT."""
    head_width: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    """Channels of the UNet's levels, in those of the first."""
    num_res_blocks: int = 2
    """A level of the UNet on the way down, one more on the way up."""
    attention_factors: tuple[int, ...] = (8, 4, 2)
    """Downsampling factors at which the UNet attends."""
    depth: int = 12
    """Layers of the DiT."""
    text_tokens: int = field(default=128, kw_only=True)
    voice_tokens: int = 4
    fusion_width: int = 2048
    section_width: int = 1024
    objective: Literal["epsilon", "v", "flow"] = "flow"

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width % self.head_width for width in self._attending_widths()):
            raise ValueError(f"head_width is {self.head_width}, expected a divisor of the widths that attend")

    def _attending_widths(self) -> list[int]:
        if self.backbone == "dit":
            return [self.channels]
        levels = [level for level in range(len(self.multipliers)) if 2**level in self.attention_factors]
        return [self.channels * self.multipliers[level] for level in (*levels, -1)]

    def build(self) -> nn.Module:
        """A ``Denoiser``: conditioner and backbone."""
        from training.models.conditioning import Conditioner
        from training.models.denoiser import Denoiser
        from training.models.dit import Dit, DitShape
        from training.models.unet import UNetShape, UNetV2

        channels, height, _ = self.latent_shape
        contexts = (self.text_width, self.section_width)
        backbone: UNetV2 | Dit
        if self.backbone == "dit":
            backbone = Dit(DitShape(channels, height, self.channels, self.depth, self.head_width, *contexts))
        else:
            levels = (self.multipliers, self.num_res_blocks, self.attention_factors)
            backbone = UNetV2(UNetShape(channels, self.channels, *levels, self.head_width, *contexts))
        conditioner = Conditioner(self.text_width, self.fusion_width, self.section_width, self.voice_tokens)
        return Denoiser(conditioner, backbone)

    def turns(self) -> tuple[Turn, ...]:
        return (Turn("denoiser", lambda module: list(module.parameters()), self._losses),)

    def _losses(self, module: nn.Module, batch: Batch, draws: Draws) -> Losses:
        """The squared error of what the objective asks for, weighted as it says. Nothing is dropped in validation."""
        from training.objectives import OBJECTIVES

        objective, data = OBJECTIVES[self.objective], batch.payload
        if tuple(data.shape[1:]) != self.latent_shape:
            shape = list(data.shape[1:])
            raise SettingError(
                f"the latents are {shape}: task.latent_shape is {list(self.latent_shape)}, set it to that"
            )
        known = batch.dropped(self.drops(draws)) if module.training else batch
        time, noise = objective.times(draws), draws.normal("noise", tuple(data.shape[1:]))
        predicted = module(objective.noised(data, noise, time), time, known)
        error = (predicted.float() - objective.target(data, noise, time)).square().flatten(1).mean(dim=1)
        return {"total": objective.weight(time) * error, "error": error}

    def flops_a_window(self) -> float:
        """Of the denoiser, a backward pass being two forward ones; a text is one token, its encoder not counted."""
        return 3.0 * _forward_flops(self)

    def tokens_a_window(self) -> int:
        _, height, width = self.latent_shape
        return height * width

    def blocks(self, module: nn.Module) -> list[nn.Module]:
        return module.backbone.blocks()  # type: ignore[operator, union-attr, no-any-return]


def guided_model(module: Denoiser, batch: Batch, scale: float) -> Model:
    """The model of what a batch is conditioned on, for a sampler; its payload only says the number and the device.

    What is constant over a sampler's steps is computed once. ``scale`` is that of ``training.samplers.guided``.
    """
    import torch

    from training.samplers import guided

    everything = {name: torch.ones_like(has) for name, has in batch.present.items()}
    known, nothing = module.conditioner(batch), module.conditioner(batch.dropped(everything))
    return guided(
        lambda noisy, times: module.backbone(noisy, times, known),
        lambda noisy, times: module.backbone(noisy, times, nothing),
        scale,
    )


@cache
def _forward_flops(task: LdmTask) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        latents = torch.zeros(1, *task.latent_shape)
        batch = Batch(latents, torch.zeros(1, dtype=torch.int64))
        task.build()(latents, torch.zeros(1), batch)
    return int(counter.get_total_flops())
