"""Orders in which a language model reads and writes the codebooks of an audio codec (MusicGen: Copet et al., 2023).

``tokens_BKT`` are K codebooks of T frames. A pattern lays them out as a sequence ``(B, R, S)``: S steps, of which each
has R streams that a model predicts at once. What a token depends on most, the coarser codebooks of its frame and the
frames before, comes in earlier steps: all of it in ``flat``, nearly all in ``delay``, only the frames in ``parallel``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

NOTHING = -100
"""No token: what is beyond the end of a track, and the places of a sequence that a pattern leaves free. It is the index
that a cross entropy ignores."""


@dataclass(frozen=True)
class Pattern(ABC):
    """An order of the tokens of K codebooks."""

    codebooks: int

    @property
    @abstractmethod
    def streams(self) -> int:
        """Tokens in a step."""

    @abstractmethod
    def steps(self, frames: int) -> int:
        """The length of the sequence of so many frames."""

    @abstractmethod
    def first_step(self, frames: int) -> int:
        """The first step that needs a token beyond so many frames."""

    @abstractmethod
    def codebooks_of(self, first_step: int, steps: int, device: torch.device | None = None) -> Tensor:
        """The codebook of each place from a step on: int64 ``(R, steps)``."""

    @abstractmethod
    def apply(self, tokens_BKT: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sequence ``(B, R, S)``, NOTHING where it is free, and bool ``(R, S)``: where it is not."""

    @abstractmethod
    def revert(self, sequence_BRS: Tensor) -> Tensor:
        """Return ``(B, K, T)`` of what a sequence holds, of any type: of tokens, or of a loss of each."""


@dataclass(frozen=True)
class Flat(Pattern):
    """One stream: the codebooks of the first frame, then those of the second."""

    @property
    def streams(self) -> int:
        return 1

    def steps(self, frames: int) -> int:
        return frames * self.codebooks

    def first_step(self, frames: int) -> int:
        return frames * self.codebooks

    def codebooks_of(self, first_step: int, steps: int, device: torch.device | None = None) -> Tensor:
        return torch.arange(first_step, first_step + steps, device=device)[None] % self.codebooks

    def apply(self, tokens_BKT: Tensor) -> tuple[Tensor, Tensor]:
        sequence_B1S = tokens_BKT.transpose(1, 2).flatten(1)[:, None]
        return sequence_B1S, torch.ones(sequence_B1S.shape[1:], dtype=torch.bool, device=tokens_BKT.device)

    def revert(self, sequence_BRS: Tensor) -> Tensor:
        return torch.stack(
            [sequence_BRS[:, 0, codebook :: self.codebooks] for codebook in range(self.codebooks)], dim=1
        )


@dataclass(frozen=True)
class Delayed(Pattern):
    """A stream a codebook, each ``delay`` steps behind the one before it."""

    delay: int

    @property
    def streams(self) -> int:
        return self.codebooks

    def steps(self, frames: int) -> int:
        return frames + (self.codebooks - 1) * self.delay

    def first_step(self, frames: int) -> int:
        return frames

    def codebooks_of(self, first_step: int, steps: int, device: torch.device | None = None) -> Tensor:  # noqa: ARG002
        return torch.arange(self.codebooks, device=device)[:, None].expand(-1, steps)

    def apply(self, tokens_BKT: Tensor) -> tuple[Tensor, Tensor]:
        num_windows, _, frames = tokens_BKT.shape
        sequence_BKS = tokens_BKT.new_full((num_windows, self.codebooks, self.steps(frames)), NOTHING)
        mask_KS = torch.zeros(sequence_BKS.shape[1:], dtype=torch.bool, device=tokens_BKT.device)
        for codebook in range(self.codebooks):
            place = self._place(codebook, frames)
            sequence_BKS[:, codebook, place] = tokens_BKT[:, codebook]
            mask_KS[codebook, place] = True
        return sequence_BKS, mask_KS

    def revert(self, sequence_BRS: Tensor) -> Tensor:
        frames = sequence_BRS.shape[2] - (self.codebooks - 1) * self.delay
        kept = [sequence_BRS[:, codebook, self._place(codebook, frames)] for codebook in range(self.codebooks)]
        return torch.stack(kept, dim=1)

    def _place(self, codebook: int, frames: int) -> slice:
        return slice(codebook * self.delay, codebook * self.delay + frames)


def pattern(name: str, codebooks: int) -> Pattern:
    """The pattern of a name: flat, delay or parallel."""
    patterns = {"flat": Flat(codebooks), "delay": Delayed(codebooks, 1), "parallel": Delayed(codebooks, 0)}
    return patterns[name]
