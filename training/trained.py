"""A trained run, opened to make sound with it or to judge it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from training.checkpoint import Checkpoints, load_weights
from training.errors import SettingError
from training.fit import fitted
from training.pack_format import Payload, Statistics
from training.run_folder import Run
from training.task import Task

if TYPE_CHECKING:
    from training.batch import Batch


@dataclass(frozen=True)
class Trained:
    """A model with the averaged weights of one checkpoint of its run."""

    run: Run
    checkpoint: Path
    task: Task
    payload: Payload
    """What the model makes."""
    statistics: Statistics | None
    """What its payload is normalised by; None for tokens."""
    module: nn.Module
    """Evaluating, on ``device``."""
    encode: Callable[[Batch], Batch]
    """Adds what encoders that do not train say of a batch, see ``Task.load_encoders``."""
    device: str

    @classmethod
    def open(cls, folder: Path, device: str = "cpu", checkpoint: str = "best", text_encoder: str = "") -> Trained:
        """Open a run at a checkpoint, see ``Checkpoints.named``.

        ``text_encoder`` is as in ``fitted``. Raises SettingError if there is no such run, or no such checkpoint.
        """
        run = Run.read(folder)
        if run.payload is None:
            raise SettingError(f"the run in {str(folder)!r} does not say what its packs hold: train it again")
        found = Checkpoints(run.checkpoints, 1).named(checkpoint)
        if found is None:
            raise SettingError(f"the run in {str(folder)!r} has no checkpoint yet: train it longer")
        task = fitted(run.preset, run.payload, text_encoder).task
        torch.manual_seed(run.preset.looping.seed)
        module = task.build()
        load_weights(found, module)
        module = module.to(device).requires_grad_(False).eval()
        return cls(run, found, task, run.payload, run.statistics, module, task.load_encoders(device), device)
