"""Trained runs, opened with what the weights store has for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featurizers.device import device
from featurizers.weights import WEIGHTS
from featurizers.weights_store import weight_folder
from training.conditioned import ConditionedTask
from training.errors import SettingError
from training.run_folder import Run
from training.task import Task

if TYPE_CHECKING:
    from training.trained import Trained

CHECKPOINT_HELP = "best: that with the least validation loss, else the last; last; or a step (default: best)"


def open_run(folder: Path, checkpoint: str) -> Trained:
    """Open a run at a checkpoint, see ``Checkpoints.named``, once its text encoder is verified.

    Raises SettingError if there is no such run or checkpoint, WeightsError if the text encoder is missing or damaged.
    """
    from training.trained import Trained

    return Trained.open(folder, device(), checkpoint, text_encoder_of(Run.read(folder).preset.task))


def text_encoder_of(task: Task) -> str:
    """Return where a task's text encoder is, or its name if it has no weights; empty if the task has none.

    One of muze's weights is taken from the store, every file of it verified; a folder of the user's own is taken as
    it is. Raises WeightsError if the store's is missing or damaged, SettingError if there is no such text encoder, or
    if it is not as wide as the task says.
    """
    if not isinstance(task, ConditionedTask) or not task.text_encoder:
        return ""
    found = _text_encoder(task.text_encoder)
    task.require_text_encoder(found)
    return found


def _text_encoder(name: str) -> str:
    from training.text_encoders import HASH  # imports torch

    if name == HASH:
        return name
    if name in WEIGHTS:
        return str(weight_folder(name))
    if not Path(name).is_dir():
        raise SettingError(
            f"task.text_encoder is {name!r}: expected {HASH}, a folder, or a weight such as flan-t5-base"
        )
    return str(Path(name).absolute())
