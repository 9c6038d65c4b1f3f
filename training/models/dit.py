"""A diffusion transformer over time (DiT: Peebles and Xie, 2023): a token is a frame of the latent, all its bins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.conditioning import Conditioning, TimeEmbedding
from training.models.rotary import rotated
from training.models.unet_blocks import zeroed
from training.models.voice_attention import VoiceStreamAttention

SINUSOID_WIDTH = 256


@dataclass(frozen=True)
class DitShape:
    """How large a DiT is."""

    in_channels: int
    in_height: int
    """Bins of the latent."""
    width: int = 768
    depth: int = 12
    head_width: int = 64
    context_width: int = 768
    section_width: int = 1024


class FrameAttention(nn.Module):
    """Frames attend to each other by how far apart they are; queries and keys are normalised (Henry et al., 2020)."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.query_scale_K, self.key_scale_K = (
            nn.Parameter(torch.ones(head_width)),
            nn.Parameter(torch.ones(head_width)),
        )
        self.out = nn.Linear(width, width)
        self.head_width = head_width

    def forward(self, x_BLD: Tensor) -> Tensor:
        query_BHLK, key_BHLK, value_BHLK = (
            part.unflatten(2, (-1, self.head_width)).transpose(1, 2) for part in self.qkv(x_BLD).chunk(3, dim=2)
        )
        query_BHLK, key_BHLK = _placed(query_BHLK, self.query_scale_K), _placed(key_BHLK, self.key_scale_K)
        y_BHLK = F.scaled_dot_product_attention(query_BHLK, key_BHLK, value_BHLK)
        return self.out(y_BHLK.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def _placed(x_BHLK: Tensor, scale_K: Tensor) -> Tensor:
    normalised_BHLK = F.rms_norm(x_BHLK, x_BHLK.shape[3:], scale_K.to(x_BHLK.dtype), eps=1e-6)
    return rotated(normalised_BHLK).to(x_BHLK.dtype)


class DitBlock(nn.Module):
    """Attention to frames, to text and voice, and an MLP. At first it adds nothing (adaLN-Zero)."""

    def __init__(self, shape: DitShape) -> None:
        super().__init__()
        width = shape.width
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.frames = FrameAttention(width, shape.head_width)
        self.streams_norm = nn.LayerNorm(width)
        self.streams = VoiceStreamAttention(width, shape.context_width, shape.context_width, shape.head_width)
        zeroed(self.streams.text.out)
        zeroed(self.streams.voice.out)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))
        self.modulation = nn.Sequential(nn.SiLU(), zeroed(nn.Linear(width, 6 * width)))

    def forward(self, x_BLD: Tensor, time_BD: Tensor, known: Conditioning) -> Tensor:
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.modulation(time_BD)[:, None].chunk(6, dim=2)
        x_BLD = x_BLD + gate_1 * self.frames(self.norms[0](x_BLD) * (1 + scale_1) + shift_1)
        x_BLD = x_BLD + self.streams(self.streams_norm(x_BLD), known.text_BLD, known.mask_BL, known.voice_BVD)
        return x_BLD + gate_2 * self.mlp(self.norms[1](x_BLD) * (1 + scale_2) + shift_2)  # type: ignore[no-any-return]


class Dit(nn.Module):
    """Predicts from a noisy latent what its objective asks for. Any width (frames), but one height (bins)."""

    def __init__(self, shape: DitShape) -> None:
        super().__init__()
        frame_width = shape.in_channels * shape.in_height
        self.time = TimeEmbedding(SINUSOID_WIDTH, shape.section_width, shape.width)
        self.first = nn.Linear(frame_width, shape.width)
        self.layers = nn.ModuleList(DitBlock(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width, elementwise_affine=False)
        self.modulation = nn.Sequential(nn.SiLU(), zeroed(nn.Linear(shape.width, 2 * shape.width)))
        self.last = zeroed(nn.Linear(shape.width, frame_width))

    def forward(self, x_BCHW: Tensor, time_B: Tensor, known: Conditioning) -> Tensor:
        """Return ``(B, in_channels, in_height, W)`` for times 0-1000."""
        time_BD = self.time(time_B, known.section_BD)
        y_BLD = self.first(x_BCHW.flatten(1, 2).transpose(1, 2))
        for layer in self.layers:
            y_BLD = layer(y_BLD, time_BD, known)
        shift_BLD, scale_BLD = self.modulation(time_BD)[:, None].chunk(2, dim=2)
        y_BLD = self.last(self.norm(y_BLD) * (1 + scale_BLD) + shift_BLD)
        return y_BLD.transpose(1, 2).unflatten(1, x_BCHW.shape[1:3])  # type: ignore[no-any-return]

    def blocks(self) -> list[nn.Module]:
        """Its layers."""
        return list(self.layers)
