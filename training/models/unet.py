"""UNetV2: the UNet of Stable Diffusion 1 with a voice beside the text and a section vector beside the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.conditioning import Conditioning, TimeEmbedding
from training.models.unet_blocks import Downsample, ResBlock, Transformer, UNetBlock, Upsample, normalisation, zeroed


@dataclass(frozen=True)
class UNetShape:
    """How large a UNetV2 is; the defaults are the published ones, and ``channels`` is its size knob."""

    in_channels: int = 128
    channels: int = 256
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    attention_factors: tuple[int, ...] = (8, 4, 2)
    """Downsampling factors at which blocks have a transformer. The published ``attention_resolutions=[8, 4, 2]``, read
    so, give the published parameter counts; read as the three upper levels, as in Stable Diffusion, they do not."""
    head_width: int = 64
    context_width: int = 768
    section_width: int = 1024


class UNetV2(nn.Module):
    """Predicts from a noisy latent what its objective asks for. Any height and width; it pads inside.

    Millions of parameters by part, on 128 channels:

    ======== ===== ==== ===== ====== ====== ==== =========== ====== =========
    channels first time  down middle     up last conditioner    all published
    ======== ===== ==== ===== ====== ====== ==== =========== ====== =========
         256   0.3  2.4 219.9   66.1  417.1  0.3        12.4  718.5       722
         320   0.4  3.4 338.6  102.3  644.3  0.4        12.4 1101.8      1100
         512   0.6  7.3 847.8  258.0 1620.8  0.6        12.4 2747.7      2800
         768   0.9 15.0 1883.8 575.8 3611.1  0.9        12.4 6099.8      6100
    ======== ===== ==== ===== ====== ====== ==== =========== ====== =========
    """

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        self._shape, self._time_width = shape, 4 * shape.channels
        widths = [shape.channels * multiplier for multiplier in shape.multipliers]
        self.time = TimeEmbedding(shape.channels, shape.section_width, self._time_width)
        self.first = nn.Conv2d(shape.in_channels, widths[0], 3, padding=1)
        self.down, skips = self._down(widths)
        self.middle = nn.ModuleList([self._block(widths[-1], widths[-1], True), self._block(widths[-1], widths[-1])])
        self.up = self._up(widths, skips)
        self.last = nn.Sequential(
            normalisation(widths[0]), nn.SiLU(), zeroed(nn.Conv2d(widths[0], shape.in_channels, 3, padding=1))
        )

    def forward(self, x_BCHW: Tensor, time_B: Tensor, known: Conditioning) -> Tensor:
        """Return ``(B, in_channels, H, W)`` for times 0-1000."""
        height, width = x_BCHW.shape[2:]
        time_BD = self.time(time_B, known.section_BD)
        y_BCHW = self.first(_padded(x_BCHW, 2 ** (len(self._shape.multipliers) - 1)))
        skips = [y_BCHW]
        for layer in self.down:
            y_BCHW = layer(y_BCHW) if isinstance(layer, Downsample) else layer(y_BCHW, time_BD, known)
            skips.append(y_BCHW)
        for layer in self.middle:
            y_BCHW = layer(y_BCHW, time_BD, known)
        for layer in self.up:
            if isinstance(layer, Upsample):
                y_BCHW = layer(y_BCHW)
            else:
                y_BCHW = layer(torch.cat([y_BCHW, skips.pop()], dim=1), time_BD, known)
        return self.last(y_BCHW)[:, :, :height, :width]  # type: ignore[no-any-return]

    def blocks(self) -> list[nn.Module]:
        """Its residual blocks with their transformers."""
        layers = [*self.down, *self.middle, *self.up]
        return [layer for layer in layers if not isinstance(layer, (Downsample, Upsample))]

    def _block(self, channels: int, out_channels: int, attends: bool = False) -> UNetBlock:
        shape = self._shape
        transformer = Transformer(out_channels, shape.context_width, shape.head_width) if attends else None
        return UNetBlock(ResBlock(channels, self._time_width, out_channels), transformer)

    def _down(self, widths: Sequence[int]) -> tuple[nn.ModuleList, list[int]]:
        """The downward layers, and the widths of what they leave for the way up."""
        layers, skips = nn.ModuleList(), [widths[0]]
        for level, width in enumerate(widths):
            for _ in range(self._shape.num_res_blocks):
                layers.append(self._block(skips[-1], width, 2**level in self._shape.attention_factors))
                skips.append(width)
            if level < len(widths) - 1:
                layers.append(Downsample(width, width, 3, stride=2, padding=1))
                skips.append(width)
        return layers, skips

    def _up(self, widths: Sequence[int], skips: Sequence[int]) -> nn.ModuleList:
        layers, left, channels = nn.ModuleList(), list(skips), widths[-1]
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(self._shape.num_res_blocks + 1):
                layers.append(self._block(channels + left.pop(), width, 2**level in self._shape.attention_factors))
                channels = width
            if level > 0:
                layers.append(Upsample(width))
        return layers


def _padded(x_BCHW: Tensor, factor: int) -> Tensor:
    """Zeros, which are the mean of a normalised latent, below and on the right, so that the factor divides it."""
    height, width = x_BCHW.shape[2:]
    return F.pad(x_BCHW, (0, -width % factor, 0, -height % factor))
