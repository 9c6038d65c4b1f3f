"""A block of a transformer decoder: causal attention, if asked for attention to a context, and an MLP."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.rotary import rotated


@dataclass
class Cache:
    """Keys and values that one block has seen, so that a further step costs one step."""

    capacity: int
    """Of places: those of the prefix and of all steps."""
    length: int = 0
    steps: tuple[Tensor, Tensor] | None = None
    context: tuple[Tensor, Tensor] | None = None
    """Of the attention to a context, which is the same in all steps."""

    def extended(self, key_BHLK: Tensor, value_BHLK: Tensor) -> tuple[Tensor, Tensor]:
        """Take in the next places, and return keys and values of all so far."""
        if self.steps is None:
            shape = (*key_BHLK.shape[:2], self.capacity, key_BHLK.shape[3])
            self.steps = key_BHLK.new_empty(shape), value_BHLK.new_empty(shape)
        end = self.length + key_BHLK.shape[2]
        for kept, new in zip(self.steps, (key_BHLK, value_BHLK), strict=True):
            kept[:, :, self.length : end] = new
        self.length = end
        return self.steps[0][:, :, :end], self.steps[1][:, :, :end]


class CausalAttention(nn.Module):
    """Every place attends to itself and the places before it; those of a prefix to the whole prefix."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x_BLD: Tensor, prefix: int, first: int, cache: Cache | None) -> Tensor:
        query, key, value = (_heads(part, self.head_width) for part in self.qkv(x_BLD).chunk(3, dim=2))
        query, key = rotated(query, first), rotated(key, first)
        if cache is not None:
            key, value = cache.extended(key, value)
        return self.out(_joined(_attended(query, key, value, prefix, first)))  # type: ignore[no-any-return]


def _attended(query: Tensor, key: Tensor, value: Tensor, prefix: int, first: int) -> Tensor:
    """Attend without a mask, which would rule out the fast kernels: the prefix once more, to all of itself."""
    if first > 0:
        return F.scaled_dot_product_attention(query, key, value)  # one step, and everything is before it
    causal = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    if not prefix:
        return causal
    whole = F.scaled_dot_product_attention(query[:, :, :prefix], key[:, :, :prefix], value[:, :, :prefix])
    return torch.cat([whole, causal[:, :, prefix:]], dim=2)


class ContextAttention(nn.Module):
    """Every place attends to the tokens of a context that ``mask_BL`` has True."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x_BLD: Tensor, context_BLD: Tensor, mask_BL: Tensor, cache: Cache | None) -> Tensor:
        kept = cache.context if cache is not None else None
        key, value = kept or self._key_value(context_BLD)
        if cache is not None:
            cache.context = key, value
        query = _heads(self.query(x_BLD), self.head_width)
        y_BHLK = F.scaled_dot_product_attention(query, key, value, attn_mask=mask_BL[:, None, None])
        return self.out(_joined(y_BHLK))  # type: ignore[no-any-return]

    def _key_value(self, context_BLD: Tensor) -> tuple[Tensor, Tensor]:
        key_BLD, value_BLD = self.key_value(context_BLD).chunk(2, dim=2)
        return _heads(key_BLD, self.head_width), _heads(value_BLD, self.head_width)


def _heads(x_BLD: Tensor, head_width: int) -> Tensor:
    num_windows, length, _ = x_BLD.shape
    return x_BLD.view(num_windows, length, -1, head_width).transpose(1, 2)


def _joined(x_BHLK: Tensor) -> Tensor:
    return x_BHLK.transpose(1, 2).flatten(2)


class DecoderBlock(nn.Module):
    """Norms come first (Xiong et al., 2020). With ``crosses`` it attends to a context."""

    def __init__(self, width: int, head_width: int, crosses: bool) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(width), CausalAttention(width, head_width)
        self.context_norm = nn.LayerNorm(width) if crosses else None
        self.context = ContextAttention(width, head_width) if crosses else None
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False)
        )

    def forward(
        self, x_BLD: Tensor, context_BLD: Tensor, mask_BL: Tensor, prefix: int, first: int, cache: Cache | None = None
    ) -> Tensor:
        """Return ``(B, L, width)`` of the places from ``first``, of which ``prefix`` are a prefix.

        With a cache, and ``first`` beyond 0, it takes one place at a time.
        """
        x_BLD = x_BLD + self.attention(self.attention_norm(x_BLD), prefix, first, cache)
        if self.context is not None and self.context_norm is not None:
            x_BLD = x_BLD + self.context(self.context_norm(x_BLD), context_BLD, mask_BL, cache)
        return x_BLD + self.mlp(self.mlp_norm(x_BLD))  # type: ignore[no-any-return]
