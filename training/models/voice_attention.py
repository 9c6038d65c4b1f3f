"""Attention to text and, beside it, to a voice."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOICE_WIDTH = 256
ECAPA_WIDTH = 192
INITIAL_VOICE_SHARE = 0.1
"""Of what a block attends to, before training has said otherwise."""


class Attention(nn.Module):
    """Multi-head attention of a sequence to a context, itself included (Vaswani et al., 2017).

    Queries, keys and values have no bias, as in Stable Diffusion's UNet (Rombach et al., 2022).
    """

    def __init__(self, width: int, context_width: int, head_width: int) -> None:
        super().__init__()
        if width % head_width:
            raise ValueError(f"a width of {width} does not divide into heads of {head_width}")
        self.head_width = head_width
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(context_width, width, bias=False)
        self.value = nn.Linear(context_width, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x_BLD: Tensor, context_BMD: Tensor, mask_BM: Tensor | None = None) -> Tensor:
        """Return ``(B, L, width)``; of the context only what ``mask_BM`` has True is seen."""
        query_BHLK = self._heads(self.query(x_BLD))
        key_BHMK, value_BHMK = self._heads(self.key(context_BMD)), self._heads(self.value(context_BMD))
        mask = None if mask_BM is None else mask_BM[:, None, None, :]
        y_BHLK = F.scaled_dot_product_attention(query_BHLK, key_BHMK, value_BHMK, attn_mask=mask)
        return self.out(y_BHLK.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.view(*x_BLD.shape[:2], -1, self.head_width).transpose(1, 2)


class VoiceStreamAttention(nn.Module):
    """``gate * attention to the voice + (1 - gate) * attention to the text``, with a learned gate a channel.

    The gate is a sigmoid that starts at ``INITIAL_VOICE_SHARE`` everywhere. Each stream has queries, keys, values and
    an output of its own. The published description gates two attentions and says no more.
    """

    def __init__(self, width: int, text_width: int, voice_width: int, head_width: int) -> None:
        super().__init__()
        self.text = Attention(width, text_width, head_width)
        self.voice = Attention(width, voice_width, head_width)
        logit = math.log(INITIAL_VOICE_SHARE / (1 - INITIAL_VOICE_SHARE))
        self.gate_D = nn.Parameter(torch.full((width,), logit))

    def forward(self, x_BLD: Tensor, text_BMD: Tensor, mask_BM: Tensor, voice_BVD: Tensor) -> Tensor:
        """Return ``(B, L, width)``; of the text only what ``mask_BM`` has True is seen."""
        text_BLD, voice_BLD = self.text(x_BLD, text_BMD, mask_BM), self.voice(x_BLD, voice_BVD)
        return torch.lerp(text_BLD, voice_BLD, self.gate_D.sigmoid().to(text_BLD.dtype))


class VoiceEmbeddingFusion(nn.Module):
    """Two embeddings of a voice become one: a convex mix a channel, whose weights depend on both."""

    def __init__(self, width: int = VOICE_WIDTH) -> None:
        super().__init__()
        self.weights = nn.Linear(2 * width, 2 * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, voice_BD: Tensor, ecapa_BD: Tensor) -> Tensor:
        """Return ``(B, width)`` from the two, each ``(B, width)`` already."""
        both_B2D = torch.stack([voice_BD, ecapa_BD], dim=1)
        weights_B2D = self.weights(both_B2D.flatten(1)).view_as(both_B2D).softmax(dim=1)
        return self.norm((weights_B2D * both_B2D).sum(dim=1))  # type: ignore[no-any-return]
