"""What a trainer is told: what to build and what to optimise. How to loop is the loop's business."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor, nn

    from training.batch import Batch
    from training.draws import Draws

    Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Turn:
    """One optimizer's part of a step: a GAN takes two turns, everything else one."""

    name: str
    parameters: Callable[[nn.Module], list[nn.Parameter]]
    """What this turn updates, of the module that ``Task.build`` made."""
    losses: Callable[[nn.Module, Batch, Draws], Losses]
    """Name -> float ``(B,)``, one value a window. ``total`` is what is optimised, the others are only logged."""


@dataclass(frozen=True)
class Task(ABC):
    """A training: fields are its settings, all of them plain values."""

    payload: ClassVar[str]
    """What it reads from a pack: mel, latents or tokens."""
    conditions: ClassVar[tuple[str, ...]] = ()
    """Names in ``training.conditions`` that it is conditioned on."""

    @abstractmethod
    def build(self) -> nn.Module:
        """The module with everything that is trained, on the default device (the meta device, too)."""

    @abstractmethod
    def turns(self) -> tuple[Turn, ...]:
        """What to optimise in a step, in order."""

    @abstractmethod
    def flops_a_window(self) -> float:
        """Floating-point operations of a forward and backward pass of one window, for MFU."""

    @abstractmethod
    def tokens_a_window(self) -> int:
        """What a model predicts of a window: codec tokens, positions of latents, or frames of log-mels."""

    def blocks(self, module: nn.Module) -> list[nn.Module]:  # noqa: ARG002 - for tasks that have any
        """The parts that are sharded, checkpointed and compiled one by one: transformer or ResNet blocks."""
        return []

    def load_encoders(self, device: str) -> Callable[[Batch], Batch]:  # noqa: ARG002 - for tasks that have any
        """Load what is not trained, such as a text encoder, and return what adds its output to a batch.

        Called once a worker. A text encoder puts float ``(B, length, width)`` under ``conditions["text"]`` and bool
        ``(B, length)`` under ``conditions["text_mask"]``.
        """
        return lambda batch: batch
