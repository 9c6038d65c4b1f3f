"""Checkpoints of a run: everything that the next step depends on. ``training.saving`` writes them.

The state goes through ``torch.distributed.checkpoint``, so a checkpoint of some workers can be read by others.
"""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_tensors

from training.ema import Average
from training.errors import SettingError
from training.workers import Workers

MANIFEST = "checkpoint.json"
"""Written last: a folder without it is no checkpoint."""


@dataclass
class State:
    """What trains."""

    module: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    average: Average | None
    workers: Workers

    def tensors(self) -> dict[str, Any]:
        """Everything as a nested dict of tensors that ``torch.distributed.checkpoint`` fills or writes."""
        model, optimizer = get_state_dict(self.module, list(self.optimizers))
        state = {"model": model, "optimizer": optimizer, f"random_{self.workers.rank}": _random_state()}
        if self.average is not None:
            state["average"] = dict(self.average.weights)
        return state

    def restore(self, tensors: Mapping[str, Any]) -> None:
        """Take over what ``torch.distributed.checkpoint`` has read into ``tensors``."""
        set_state_dict(
            self.module,
            list(self.optimizers),
            model_state_dict=tensors["model"],
            optim_state_dict=tensors["optimizer"],
        )
        _set_random_state(tensors.get(f"random_{self.workers.rank}"))


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a run, ``step-00000500`` and so on."""

    folder: Path
    keep: int

    def all(self) -> list[Path]:
        """Whole checkpoints, the earliest first."""
        return sorted(manifest.parent for manifest in self.folder.glob(f"step-*/{MANIFEST}"))

    def latest(self) -> Path | None:
        """The last whole checkpoint; None without any."""
        return self.all()[-1] if self.all() else None

    def best(self) -> Path | None:
        """The one with the least validation loss, else the last."""
        ranked = [path for path in self.all() if _loss(path) is not None]
        return min(ranked, key=lambda path: _loss(path) or 0.0) if ranked else self.latest()

    def named(self, name: str) -> Path | None:
        """``best``, ``last``, or the one of a step; None without any. SettingError if there is none of that step."""
        if name in ("best", "last") or not self.all():
            return self.best() if name == "best" else self.latest()
        steps = {str(read_manifest(path)["step"]): path for path in self.all()}
        if name not in steps:
            raise SettingError(f"the run has no checkpoint {name!r}, expected best, last or one of {', '.join(steps)}")
        return steps[name]

    def remove_worse(self, last: Path) -> None:
        """Remove all but the best ``keep`` by validation loss and the last. Those never validated go first."""
        others = [path for path in self.all() if path != last]
        by_loss = sorted(others, key=lambda path: (_loss(path) is None, _loss(path) or 0.0))
        for path in by_loss[self.keep :]:
            (path / MANIFEST).unlink()  # from here on it is none
            shutil.rmtree(path)


def read_manifest(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint says of itself: its step, how many workers wrote it, and the facts it was saved with.

    Raises SettingError if it is damaged.
    """
    try:
        manifest: dict[str, Any] = json.loads((checkpoint / MANIFEST).read_text())
        return manifest | {"step": int(manifest["step"])}
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(checkpoint, f"{MANIFEST} is not what was written: {error}") from error


def load(checkpoint: Path, state: State) -> int:
    """Fill the state from a checkpoint, written by any number of workers, and return its step.

    Raises SettingError if it is damaged.
    """
    tensors = state.tensors()
    saved = saved_tensors(checkpoint)
    random = f"random_{state.workers.rank}"
    known = {kind: value for kind, value in tensors.pop(random).items() if f"{random}.{kind}" in saved}
    if known:  # there may have been fewer workers, or none with a GPU
        tensors[random] = known
    with _reading(checkpoint):
        load_tensors(tensors, checkpoint_id=checkpoint, no_dist=state.workers.size == 1)
    state.restore(tensors)
    return int(read_manifest(checkpoint)["step"])


def load_weights(checkpoint: Path, module: nn.Module, averaged: bool = True) -> None:
    """Fill a module from a checkpoint, outside of training: with the averaged weights where there are any.

    Raises SettingError if it is damaged, or is one of another model.
    """
    saved = saved_tensors(checkpoint)
    name = "average" if averaged and any(key.startswith("average.") for key in saved) else "model"
    weights = dict(module.named_parameters()) if name == "average" else module.state_dict()
    with _reading(checkpoint):
        if name == "average" and (buffers := dict(module.named_buffers())):
            load_tensors({"model": buffers}, checkpoint_id=checkpoint, no_dist=True)
        load_tensors({name: weights}, checkpoint_id=checkpoint, no_dist=True)


def saved_tensors(checkpoint: Path) -> Mapping[str, Any]:
    """What tensors a checkpoint has, by name. Raises SettingError if it is damaged."""
    with _reading(checkpoint):
        return FileSystemReader(checkpoint).read_metadata().state_dict_metadata


@contextmanager
def _reading(checkpoint: Path) -> Iterator[None]:
    try:
        with alone_is_fine():
            yield
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, UnpicklingError, CheckpointException) as error:
        raise _damaged(checkpoint, " ".join(str(error).split())[:200] or type(error).__name__) from error


def _damaged(checkpoint: Path, why: str) -> SettingError:
    return SettingError(
        f"checkpoint {checkpoint.name} in {str(checkpoint.parent)!r} cannot be read, it is damaged or of another model:"
        f" {why}; remove its folder to go on with an earlier one"
    )


@contextmanager
def alone_is_fine() -> Iterator[None]:
    """Torch warns of a process that is alone, even if it is told so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")
        yield


def _loss(checkpoint: Path) -> float | None:
    """Of the validation in its step. None if there was none; one that is not finite is worth as much."""
    loss = read_manifest(checkpoint).get("validation_loss")
    return loss if loss is not None and math.isfinite(loss) else None


def _random_state() -> dict[str, Any]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _set_random_state(states: Mapping[str, Any] | None) -> None:
    if states is None:
        return
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
