"""Encoders of conditions: each turns a kind of condition (see ``training.conditions.Kind``) into a vector a window."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.conditions import BY_NAME

TYPICAL = {
    "tempo_bpm": (120.0, 30.0),
    "loudness_lufs": (-14.0, 5.0),
    "num_beats": (20.0, 10.0),
    "vibrato_rate_hz": (5.5, 1.0),
    "vibrato_depth_cents": (60.0, 40.0),
}
"""What is subtracted from a number, and what it is divided by then; (0, 1) for the others."""

REFERENCE_HZ = 220.0


def sinusoids(value_B: Tensor, width: int) -> Tensor:
    """Return cosines and sines ``(B, width)`` of a value in 0-1000, of periods from 2 pi to 10000 * 2 pi.

    As diffusion models tell the time (Ho et al., 2020).
    """
    exponents = torch.arange(width // 2, device=value_B.device) / (width // 2)
    angles_BD = value_B.float()[:, None] * torch.exp(-math.log(10_000) * exponents)
    return torch.cat([angles_BD.cos(), angles_BD.sin()], dim=1)


def masked_mean(x_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    """Return the mean ``(B, D)`` of what ``mask_BL`` has True, 0 if that is nothing."""
    weights_BL1 = mask_BL[:, :, None].to(x_BLD.dtype)
    return (x_BLD * weights_BL1).sum(dim=1) / weights_BL1.sum(dim=1).clamp(min=1)


class OrNull(nn.Module):
    """An encoder's vector for the windows that have the condition, and a learned one for those that lack it.

    Both are always part of the graph: every parameter gets a gradient in every step, if only zeros.
    """

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.null_D = nn.Parameter(torch.randn(width) * 0.02)

    def forward(self, value: Tensor, present_B: Tensor) -> Tensor:
        return torch.where(present_B[:, None], self.encoder(value), self.null_D)


class NumberEncoder(nn.Module):
    """A number, brought to about -1 to 1, through a small MLP."""

    def __init__(self, width: int, center: float, scale: float) -> None:
        super().__init__()
        self.center, self.scale = center, scale
        self.layers = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, value_B: Tensor) -> Tensor:
        return self.layers((value_B[:, None] - self.center) / self.scale)  # type: ignore[no-any-return]


class PositionEncoder(nn.Module):
    """A share 0-1 as sinusoids."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.out = nn.Linear(width, width)

    def forward(self, value_B: Tensor) -> Tensor:
        return self.out(sinusoids(1000 * value_B, self.width))  # type: ignore[no-any-return]


class VectorEncoder(nn.Module):
    """An embedding, brought to unit variance, and projected."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(size, width)

    def forward(self, value_BD: Tensor) -> Tensor:
        return self.out(F.layer_norm(value_BD, value_BD.shape[1:]))  # type: ignore[no-any-return]


class CurveEncoder(nn.Module):
    """A curve through two strided convolutions, averaged over time; where it is 0 it has no value.

    A frequency is heard in octaves from ``REFERENCE_HZ``.
    """

    def __init__(self, width: int, is_hz: bool) -> None:
        super().__init__()
        self.is_hz = is_hz
        self.layers = nn.Sequential(
            nn.Conv1d(2, width, 9, stride=4, padding=4),
            nn.SiLU(),
            nn.Conv1d(width, width, 9, stride=4, padding=4),
            nn.SiLU(),
        )
        self.out = nn.Linear(width, width)

    def forward(self, value_BT: Tensor) -> Tensor:
        has_value_BT = value_BT > 0
        level_BT = (value_BT.clamp(min=1) / REFERENCE_HZ).log2() if self.is_hz else value_BT
        x_B2T = torch.stack([level_BT * has_value_BT, has_value_BT.to(value_BT.dtype)], dim=1)
        return self.out(self.layers(x_B2T).mean(dim=2))  # type: ignore[no-any-return]


class SpansEncoder(nn.Module):
    """The mean over spans of an MLP of their start and duration; what lies beyond the last (-1) does not count."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, value_BL2: Tensor) -> Tensor:
        start_BL, end_BL = value_BL2.unbind(dim=2)
        spans_BL2 = torch.stack([start_BL / 10, end_BL - start_BL], dim=2)
        return masked_mean(self.layers(spans_BL2), start_BL >= 0)


class SymbolsEncoder(nn.Module):
    """The mean of what a GRU (Cho et al., 2014) makes of a sequence; it reads forwards, so padding changes nothing."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.symbols = nn.Embedding(size, width)
        self.gru = nn.GRU(width, width, batch_first=True)

    def forward(self, value_BL: Tensor) -> Tensor:
        y_BLD, _ = self.gru(self.symbols(value_BL))
        return masked_mean(y_BLD, value_BL > 0)


def encoder(name: str, width: int) -> nn.Module:
    """The encoder of a condition of the table, or of the spans of one (``phonemes_s``), to ``width``."""
    if name not in BY_NAME:
        return SpansEncoder(width)
    condition = BY_NAME[name]
    if name == "section_position":
        return PositionEncoder(width)
    if condition.kind == "number":
        return NumberEncoder(width, *TYPICAL.get(name, (0.0, 1.0)))
    if condition.kind == "label":
        return nn.Embedding(condition.size, width)
    if condition.kind == "vector":
        return VectorEncoder(condition.size, width)
    if condition.kind == "curve":
        return CurveEncoder(width, name.endswith("_hz"))
    return SymbolsEncoder(condition.size, width) if condition.kind == "symbols" else SpansEncoder(width)
