"""Tokens from a codec language model, a step at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from training.draws import Draws
from training.models.codec_context import Context, joined
from training.patterns import NOTHING

if TYPE_CHECKING:
    from training.models.codec_lm import CodecLm

T = TypeVar("T")


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen from what a model predicts."""

    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_k: int = 250
    """Of that many likeliest tokens; 0 for all."""
    top_p: float = 1.0
    """Of the fewest likeliest tokens that together have this probability."""
    guidance: float = 3.0
    """Scale of classifier-free guidance: 0 ignores the context, 1 heeds it, more exaggerates."""
    kept_share: float = 0.4
    """Share of a window that is kept as the beginning of the next, where more is wanted than a window."""

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"temperature is {self.temperature}, expected 0 or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}, expected more than 0, and 1 at most")
        if not 0 <= self.kept_share < 1:
            raise ValueError(f"kept_share is {self.kept_share}, expected 0 to less than 1")


@torch.no_grad()
def generate(
    model: CodecLm,
    known: Context,
    nothing: Context,
    given_BKT: Tensor,
    frames: int,
    window_frames: int,
    sampling: Sampling,
    draws: Draws,
) -> Tensor:
    """Return tokens ``(B, K, frames)`` that begin with ``given_BKT``, which may have no frames.

    ``nothing`` is the context of windows without conditions, for guidance. A model has seen sequences of
    ``window_frames``: for a longer one it begins anew, with the last ``kept_share`` of a window as what is given. What
    is drawn for a window depends on the seed and its position alone, not on what it is generated with.
    """
    tokens_BKT = given_BKT
    kept = int(sampling.kept_share * window_frames)
    guided = sampling.guidance != 1
    context = joined(known, nothing) if guided else known
    while tokens_BKT.shape[2] < frames:
        length = tokens_BKT.shape[2]
        first = 0 if length < window_frames else length - kept
        size = min(window_frames, frames - first)

        def chosen(logits_BRV: Tensor, step: int, first: int = first) -> Tensor:
            known_BRV, nothing_BRV = logits_BRV.float().chunk(2) if guided else 2 * [logits_BRV.float()]
            uniform_BR = draws.uniform(f"token/{first}/{step}", tuple(known_BRV.shape[1:2]))
            return choose(torch.lerp(nothing_BRV, known_BRV, sampling.guidance), uniform_BR, sampling)

        window_BKT = _window(model, context, tokens_BKT[:, :, first:], size, chosen)
        tokens_BKT = torch.cat([tokens_BKT[:, :, :first], window_BKT], dim=2)
    return tokens_BKT[:, :, :frames]


def _window(
    model: CodecLm, context: Context, given_BKT: Tensor, frames: int, chosen: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """Go on from what is given up to ``frames``; ``chosen`` makes tokens of the logits of a step."""
    num_windows, _, num_given = given_BKT.shape
    copies = len(context.tokens_BLD) // num_windows
    order = model.pattern
    missing_BKT = given_BKT.new_full((*given_BKT.shape[:2], frames - num_given), _WANTED)
    sequence_BRS, _ = order.apply(torch.cat([given_BKT, missing_BKT], dim=2))
    first, steps = order.first_step(num_given), sequence_BRS.shape[2]
    caches = model.caches(context, steps)
    inputs_BRL, at = model.shifted(sequence_BRS[:, :, : first + 1]), 0
    for step in range(first, steps):
        logits_BLRV = model.predicted(inputs_BRL.repeat(copies, 1, 1), context, at, caches)
        place_BR = sequence_BRS[:, :, step]
        sequence_BRS[:, :, step] = torch.where(place_BR == _WANTED, chosen(logits_BLRV[:, -1], step), place_BR)
        inputs_BRL, at = sequence_BRS[:, :, step : step + 1], step + 1
    return order.revert(sequence_BRS)


_WANTED = NOTHING - 1


def choose(logits: Tensor, uniform: Tensor, sampling: Sampling) -> Tensor:
    """Return the token ``(...)`` of each of the logits ``(..., V)`` that a number ``(...)`` in [0, 1) falls on."""
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    kept = top_p(top_k(logits / sampling.temperature, sampling.top_k), sampling.top_p)
    reached = kept.softmax(dim=-1).double().cumsum(dim=-1)
    return (reached <= uniform.double()[..., None] * reached[..., -1:]).sum(dim=-1)


def top_k(logits: Tensor, count: int) -> Tensor:
    """Rule out all but the ``count`` likeliest (Fan et al., 2018), with -inf; 0 or too many: rule out none."""
    if not 0 < count < logits.shape[-1]:
        return logits
    values, places = logits.topk(count, dim=-1)
    return torch.full_like(logits, -inf).scatter(-1, places, values)


def top_p(logits: Tensor, probability: float) -> Tensor:
    """Rule out all but the fewest likeliest that together have this probability (Holtzman et al., 2020)."""
    if probability >= 1:
        return logits
    values, places = logits.sort(dim=-1, descending=True)
    shares = values.softmax(dim=-1)
    before = shares.cumsum(dim=-1) - shares
    return torch.full_like(logits, -inf).scatter(-1, places, values.masked_fill(before >= probability, -inf))


def best(candidates: Sequence[T], score: Callable[[T], float]) -> T:
    """Return the candidate with the highest score, such as that of CLAP; the first of equals.

    Raises ValueError if there is none with a finite score.
    """
    scored = [(score(candidate), candidate) for candidate in candidates]
    finite = [pair for pair in scored if isfinite(pair[0])]
    if not finite:
        raise ValueError(f"none of {len(scored)} candidates has a finite score")
    return max(finite, key=lambda pair: pair[0])[1]
