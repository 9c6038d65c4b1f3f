"""A few log-mels that can be told apart, as data for a training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from training.batch import Batch


def still_mels(windows: int, bins: int, frames: int) -> Tensor:
    """Normalised log-mels ``(windows, 1, bins, frames)``: each with harmonics of its own, and onsets of its own."""
    bin_M, frame_K = torch.arange(bins)[:, None], torch.arange(frames)[None]
    made = []
    for number in range(windows):
        harmonics = torch.cos(2 * torch.pi * bin_M / (6 + 3 * number)).clamp(min=0)
        decay = torch.exp(-(frame_K % (8 + 2 * number)) / 6.0)
        made.append(harmonics * decay - 0.02 * bin_M)
    mels = torch.stack(made)[:, None]
    return (mels - mels.mean()) / mels.std()


@dataclass(frozen=True)
class StillMels:
    """The same windows over and over."""

    mels: Tensor

    def batches(self, split: str, start: int, windows: int, micro: int) -> Iterator[list[Batch]]:
        steps = iter(range(start, 10**9)) if split == "train" else iter(range(len(self.mels) // windows))
        for step in steps:
            positions = torch.arange(step * windows, (step + 1) * windows)
            yield [Batch(self.mels[part % len(self.mels)], part) for part in positions.split(micro)]
