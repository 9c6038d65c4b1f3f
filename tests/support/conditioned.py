"""Windows of which everything is known that latent diffusion takes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from training.batch import Batch
from training.condition_groups import CONDITIONS
from training.conditions import BY_NAME

NUMBERS = {"tempo_bpm": 120.0, "loudness_lufs": -14.0, "num_beats": 20.0, "vibrato_rate_hz": 5.5}


def windows(size: int, shape: tuple[int, ...], text_width: int = 64, seed: int = 0) -> Batch:
    """A batch of noise as latents of ``shape``, and random values of every condition."""
    generator = torch.Generator().manual_seed(seed)
    conditions = {name: _value(name, size, generator) for name in CONDITIONS if name != "prompt"}
    conditions["phonemes_s"] = _spans(size, generator)
    conditions["text"] = torch.randn(size, 5, text_width, generator=generator)
    conditions["text_mask"] = torch.arange(5) < torch.randint(2, 6, (size, 1), generator=generator)
    return Batch(
        torch.randn(size, *shape, generator=generator),
        torch.arange(size),
        conditions=conditions,
        present={name: torch.ones(size, dtype=torch.bool) for name in CONDITIONS},
    )


def without(batch: Batch, *names: str) -> Batch:
    """The batch as if the pack did not have these conditions."""
    texts = {"text", "text_mask"} if "prompt" in names else set()
    gone = {*names, *texts, *(f"{name}_s" for name in names)}
    return replace(
        batch,
        conditions={name: value for name, value in batch.conditions.items() if name not in gone},
        present={name: has for name, has in batch.present.items() if name not in gone},
    )


def _value(name: str, size: int, generator: torch.Generator) -> Tensor:
    condition = BY_NAME[name]
    if condition.kind == "number":
        return NUMBERS.get(name, 0.0) + torch.rand(size, generator=generator)
    if condition.kind == "label":
        return torch.randint(1, condition.size, (size,), generator=generator)
    if condition.kind == "vector":
        return torch.randn(size, condition.size, generator=generator)
    if condition.kind == "curve":
        level = 1.0 if name == "voiced" else 220.0
        return level * (torch.rand(size, 50, generator=generator) + 0.5) * (torch.arange(50) % 10 > 2)
    if condition.kind == "symbols":
        return torch.randint(1, condition.size, (size, 4), generator=generator)
    return _spans(size, generator)


def _spans(size: int, generator: torch.Generator) -> Tensor:
    starts = torch.arange(4) + torch.rand(size, 4, generator=generator)
    return torch.stack([starts, starts + 0.5], dim=2)
