"""The generator of BigVGAN-v2 (Lee et al., "BigVGAN: A Universal Neural Vocoder with Large-Scale Training", 2023).

It reads the folder that its authors publish: ``config.json`` and ``bigvgan_generator.pt``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from schemas.mel_specs import MelSpec

_TAPS = 12
_ATTENUATION_DB = 7.95 + 2.285 * (_TAPS // 2 - 1) * math.pi * 1.2
_KAISER_BETA = 0.1102 * (_ATTENUATION_DB - 8.7)
"""By Kaiser's formulas, for a low-pass of a quarter of the rate whose transition is 0.3 of it."""


@dataclass(frozen=True)
class BigVGANShape:
    """Sizes of a generator."""

    num_bins: int
    channels: int
    upsample_rates: tuple[int, ...]
    upsample_kernels: tuple[int, ...]
    block_kernels: tuple[int, ...]
    block_dilations: tuple[tuple[int, ...], ...]
    bias_at_end: bool
    tanh_at_end: bool


def _low_pass() -> Tensor:
    times = torch.arange(_TAPS, dtype=torch.float32) - (_TAPS - 1) / 2
    taps = torch.kaiser_window(_TAPS, periodic=False, beta=_KAISER_BETA) * torch.sinc(times / 2)
    return (taps / taps.sum())[None, None]


class SmoothSnake(nn.Module):
    """``x + sin(a x)**2 / b`` at twice the rate, so that what it adds does not alias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("taps", _low_pass(), persistent=False)

    def forward(self, x_BCT: Tensor) -> Tensor:
        channels, edge = x_BCT.shape[1], _TAPS // 2
        taps = self.taps.expand(channels, -1, -1)  # type: ignore[operator]
        x_BCT = F.pad(x_BCT, (edge - 1, edge - 1), mode="replicate")
        x_BCT = 2 * F.conv_transpose1d(x_BCT, taps, stride=2, groups=channels)[..., 3 * edge - 3 : 3 - 3 * edge]
        frequency, height = self.alpha.exp()[:, None], 1 / (self.beta.exp()[:, None] + 1e-9)
        x_BCT = x_BCT + height * (frequency * x_BCT).sin().square()
        return F.conv1d(F.pad(x_BCT, (edge - 1, edge), mode="replicate"), taps, stride=2, groups=channels)


class Block(nn.Module):
    """Pairs of convolutions, the first of each dilated."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()

        def convolution(dilation: int) -> nn.Conv1d:
            return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)

        self.convs1 = nn.ModuleList(convolution(dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(convolution(1) for _ in dilations)
        self.activations = nn.ModuleList(SmoothSnake(channels) for _ in range(2 * len(dilations)))

    def forward(self, x_BCT: Tensor) -> Tensor:
        pairs = zip(self.activations[::2], self.convs1, self.activations[1::2], self.convs2, strict=True)
        for first, dilated, second, plain in pairs:
            x_BCT = x_BCT + plain(second(dilated(first(x_BCT))))
        return x_BCT


class BigVGAN(nn.Module):
    """Log-mels ``(B, bins, frames)`` to samples ``(B, frames * hop_samples)``; its names are those of the weights."""

    def __init__(self, shape: BigVGANShape) -> None:
        super().__init__()
        self.shape = shape
        widths = [shape.channels // 2**level for level in range(len(shape.upsample_rates) + 1)]
        self.conv_pre = nn.Conv1d(shape.num_bins, widths[0], 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ModuleList([nn.ConvTranspose1d(wide, narrow, kernel, rate, padding=(kernel - rate) // 2)])
            for wide, narrow, kernel, rate in zip(
                widths, widths[1:], shape.upsample_kernels, shape.upsample_rates, strict=False
            )
        )
        sizes = list(zip(shape.block_kernels, shape.block_dilations, strict=True))
        self.resblocks = nn.ModuleList(Block(width, *size) for width in widths[1:] for size in sizes)
        self.activation_post = SmoothSnake(widths[-1])
        self.conv_post = nn.Conv1d(widths[-1], 1, 7, padding=3, bias=shape.bias_at_end)

    def forward(self, log_mel_BMK: Tensor) -> Tensor:
        x_BCT, blocks = self.conv_pre(log_mel_BMK), len(self.shape.block_kernels)
        for level, up in enumerate(self.ups):
            x_BCT = up[0](x_BCT)  # type: ignore[index]
            found = [block(x_BCT) for block in self.resblocks[level * blocks : (level + 1) * blocks]]
            x_BCT = torch.stack(found).mean(dim=0)
        samples_BT = self.conv_post(self.activation_post(x_BCT))[:, 0]
        return samples_BT.tanh() if self.shape.tanh_at_end else samples_BT.clamp(-1, 1)  # type: ignore[no-any-return]


def load_bigvgan(folder: Path) -> tuple[BigVGAN, MelSpec]:
    """Read the published folder. Raises ValueError for a variant that is none of version 2."""
    config = json.loads((folder / "config.json").read_text())
    kinds = config["resblock"], config["activation"], config["snake_logscale"]
    if kinds != ("1", "snakebeta", True):
        raise ValueError(f"{folder} has blocks {kinds[0]} with {kinds[1]}, expected blocks 1 with snakebeta, as in v2")
    model = BigVGAN(_shape(config))
    saved = torch.load(folder / "bigvgan_generator.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(_plain(saved["generator"]))
    return model.eval(), _spec(config)


def _shape(config: Mapping[str, Any]) -> BigVGANShape:
    return BigVGANShape(
        num_bins=config["num_mels"],
        channels=config["upsample_initial_channel"],
        upsample_rates=tuple(config["upsample_rates"]),
        upsample_kernels=tuple(config["upsample_kernel_sizes"]),
        block_kernels=tuple(config["resblock_kernel_sizes"]),
        block_dilations=tuple(map(tuple, config["resblock_dilation_sizes"])),
        bias_at_end=config.get("use_bias_at_final", True),
        tanh_at_end=config.get("use_tanh_at_final", True),
    )


def _spec(config: Mapping[str, Any]) -> MelSpec:
    rate_hz = config["sampling_rate"]
    return MelSpec(
        rate_hz=rate_hz,
        n_fft=config["n_fft"],
        win_samples=config["win_size"],
        hop_samples=config["hop_size"],
        num_bins=config["num_mels"],
        fmin_hz=float(config["fmin"]),
        fmax_hz=float(config["fmax"] or rate_hz / 2),
    )


def _plain(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without weight normalisation (Salimans and Kingma, 2016) and without the constant filters."""
    plain = {name.replace(".act.", "."): value for name, value in weights.items() if not name.endswith(".filter")}
    for name in [name for name in plain if name.endswith(".weight_v")]:
        direction, length = plain.pop(name), plain.pop(name.replace("_v", "_g"))
        norms = direction.flatten(1).norm(dim=1).view(-1, *[1] * (direction.ndim - 1))
        plain[name.removesuffix("_v")] = direction * (length / norms)
    return plain
