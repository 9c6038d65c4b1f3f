"""What UNetV2 is made of: residual blocks and transformers, as in Stable Diffusion 1 (Rombach et al., 2022)."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from training.models.conditioning import Conditioning
from training.models.voice_attention import Attention, VoiceStreamAttention


def normalisation(channels: int) -> nn.GroupNorm:
    """Groups of eight channels or more, 32 at most. Alone in its group, a channel would lose what the time adds."""
    return nn.GroupNorm(math.gcd(min(32, max(1, channels // 8)), channels), channels)


def zeroed(layer: nn.Module) -> nn.Module:
    """The layer with parameters of 0, so that what it ends adds nothing at first."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class ResBlock(nn.Module):
    """Two convolutions with the time embedding added in between."""

    def __init__(self, channels: int, time_width: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(normalisation(channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1))
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(time_width, out_channels))
        self.second = nn.Sequential(
            normalisation(out_channels), nn.SiLU(), zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        )
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x_BCHW: Tensor, time_BD: Tensor) -> Tensor:
        y_BCHW = self.first(x_BCHW) + self.time(time_BD)[:, :, None, None]
        return self.skip(x_BCHW) + self.second(y_BCHW)  # type: ignore[no-any-return]


class GatedFeedForward(nn.Module):
    """GEGLU (Shazeer, 2020), four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, 8 * width)
        self.second = nn.Linear(4 * width, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        value_BLD, gate_BLD = self.first(x_BLD).chunk(2, dim=2)
        return self.second(value_BLD * F.gelu(gate_BLD))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Every pixel attends to the others, and to text and voice."""

    def __init__(self, channels: int, context_width: int, head_width: int) -> None:
        super().__init__()
        self.norm = normalisation(channels)
        self.first = nn.Linear(channels, channels)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.itself = Attention(channels, channels, head_width)
        self.streams = VoiceStreamAttention(channels, context_width, context_width, head_width)
        self.feed_forward = GatedFeedForward(channels)
        self.last = zeroed(nn.Linear(channels, channels))

    def forward(self, x_BCHW: Tensor, known: Conditioning) -> Tensor:
        x_BLD = self.first(self.norm(x_BCHW).flatten(2).transpose(1, 2))
        y_BLD = self.norms[0](x_BLD)
        x_BLD = x_BLD + self.itself(y_BLD, y_BLD)
        x_BLD = x_BLD + self.streams(self.norms[1](x_BLD), known.text_BLD, known.mask_BL, known.voice_BVD)
        x_BLD = x_BLD + self.feed_forward(self.norms[2](x_BLD))
        return x_BCHW + self.last(x_BLD).transpose(1, 2).unflatten(2, x_BCHW.shape[2:])  # type: ignore[no-any-return]


class UNetBlock(nn.Module):
    """A residual block, and a transformer behind it or none."""

    def __init__(self, residual: ResBlock, transformer: Transformer | None) -> None:
        super().__init__()
        self.residual = residual
        self.transformer = transformer

    def forward(self, x_BCHW: Tensor, time_BD: Tensor, known: Conditioning) -> Tensor:
        x_BCHW = self.residual(x_BCHW, time_BD)
        return x_BCHW if self.transformer is None else self.transformer(x_BCHW, known)


class Downsample(nn.Conv2d):
    """Half the size: a strided convolution."""


class Upsample(nn.Module):
    """Twice the size: nearest neighbours, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.convolution(F.interpolate(x_BCHW, scale_factor=2.0, mode="nearest"))  # type: ignore[no-any-return]
