"""Tasks that are conditioned: a frozen text encoder, and conditions that windows are trained without now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.errors import SettingError
from training.task import Task

if TYPE_CHECKING:
    from torch import Tensor

    from training.batch import Batch
    from training.draws import Draws


@dataclass(frozen=True, kw_only=True)
class ConditionedTask(Task):
    """A task whose conditions are all optional. Settings come by name."""

    text_encoder: str = ""
    """``hash``, a folder, or the name of a weight, see ``training.text_encoders``; empty: prompts are not read."""
    text_width: int = 768
    """Width of what it returns."""
    text_tokens: int = 64
    """Of a text; the rest of a longer one is cut."""
    drop: float = 0.1
    """Chance that a window lacks a condition in training, of each condition for itself."""
    drop_by_condition: tuple[tuple[str, float], ...] = ()
    drop_all: float = 0.1
    """Chance that it lacks them all at once: guidance needs a model that has seen that."""

    def __post_init__(self) -> None:
        """Raise ValueError for shares that are none, and for conditions that the task does not have."""
        for name, share in (("drop", self.drop), ("drop_all", self.drop_all), *self.drop_by_condition):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}, expected 0 to 1")
        if unknown := {name for name, _ in self.drop_by_condition} - set(self.droppable):
            raise ValueError(f"drop_by_condition names {', '.join(sorted(unknown))}: this task has no such condition")

    @property
    def droppable(self) -> tuple[str, ...]:
        """What windows may be trained without."""
        return self.conditions

    def drops(self, draws: Draws) -> dict[str, Tensor]:
        """Which windows do without which condition, bool ``(B,)`` each."""
        shares = dict(self.drop_by_condition)
        without_all_B = draws.uniform("drop/all") < self.drop_all
        return {
            name: without_all_B | (draws.uniform(f"drop/{name}") < shares.get(name, self.drop))
            for name in self.droppable
        }

    def require_text_encoder(self, name: str) -> None:
        """Raise SettingError if a text encoder is not as wide as ``text_width``."""
        from training.text_encoders import text_width

        if (width := text_width(name)) != self.text_width:
            raise SettingError(
                f"text encoder {self.text_encoder} is {width} wide, task.text_width is {self.text_width}: set that"
            )

    def load_encoders(self, device: str) -> Callable[[Batch], Batch]:
        """Load the text encoder, if one is set. Raises SettingError if it is not as wide as ``text_width``."""
        if not self.text_encoder:
            return lambda batch: batch
        from training.text_encoders import load_text_encoder

        self.require_text_encoder(self.text_encoder)
        encode = load_text_encoder(self.text_encoder, device, self.text_tokens)

        def encoded(batch: Batch) -> Batch:
            text_BLD, mask_BL = encode(batch.texts.get("prompt", ("",) * batch.size))
            return replace(batch, conditions=batch.conditions | {"text": text_BLD, "text_mask": mask_BL})

        return encoded
