"""A batch of windows as a model gets it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B windows: what is to be modelled, what is known of it, and which windows they are."""

    payload: Tensor
    """Float ``(B, channels, bins, frames)`` of log-mels, ``(B, channels, height, width)`` of latents, or int64
    ``(B, codebooks, frames)`` of codec tokens."""
    positions: Tensor
    """Int64 ``(B,)``: the place of each window in the order of the whole run. What is drawn for it depends on that."""
    track_ids: tuple[str, ...] = ()
    conditions: dict[str, Tensor] = field(default_factory=dict)
    """Condition -> its tensor (see ``training.conditions.Kind``), zeros where a window lacks it."""
    present: dict[str, Tensor] = field(default_factory=dict)
    """Condition -> bool ``(B,)``: whether a window has it."""
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Text condition -> a string a window, empty where it lacks it."""

    @property
    def size(self) -> int:
        return len(self.payload)

    def to(self, device: torch.device | str) -> Batch:
        """The batch with its tensors on a device."""
        return replace(
            self,
            payload=self.payload.to(device, non_blocking=True),
            positions=self.positions.to(device, non_blocking=True),
            conditions={name: value.to(device, non_blocking=True) for name, value in self.conditions.items()},
            present={name: value.to(device, non_blocking=True) for name, value in self.present.items()},
        )

    def dropped(self, dropped: dict[str, Tensor]) -> Batch:
        """The batch in which windows lack the conditions that ``dropped`` marks, bool ``(B,)`` each."""
        return replace(
            self, present={name: has & ~dropped[name] if name in dropped else has for name, has in self.present.items()}
        )
