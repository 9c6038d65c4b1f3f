"""Rotary position embedding (RoPE: Su et al., 2021)."""

from __future__ import annotations

import torch
from torch import Tensor


def rotated(x_BHLK: Tensor, first: int = 0) -> Tensor:
    """Turn queries or keys at the places from ``first`` by angles that grow with the place.

    The first half of a head's numbers is paired with the second.
    """
    length, width = x_BHLK.shape[2:]
    rates_K = 10_000 ** (-torch.arange(width // 2, device=x_BHLK.device) / (width // 2))
    angles_LK = torch.arange(first, first + length, device=x_BHLK.device)[:, None] * rates_K
    cosines_LK, sines_LK = angles_LK.cos().to(x_BHLK.dtype), angles_LK.sin().to(x_BHLK.dtype)
    left, right = x_BHLK.chunk(2, dim=3)
    return torch.cat([left * cosines_LK - right * sines_LK, right * cosines_LK + left * sines_LK], dim=3)
