"""Where a run writes what it measures and makes: ``metrics.jsonl``, TensorBoard, and W&B if asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """To be listened to."""

    samples: Floats
    """``(channels, samples)``, -1 to 1."""
    rate_hz: int


@dataclass(frozen=True)
class Picture:
    """To be looked at."""

    grey: Floats
    """``(height, width)``, 0 to 1, the upper row first."""


Entries = Mapping[str, "float | str | Sound | Picture"]
"""By name: a number, a sentence, or what can be heard or seen."""


class Writer(Protocol):
    """A place to write to. A step is never smaller than the one before."""

    def write(self, step: int, entries: Entries) -> None: ...

    def close(self) -> None: ...


class Logbook:
    """All of a run's writers as one, of the first worker only."""

    def __init__(self, folder: Path, step: int, others: Sequence[Writer] = ()) -> None:
        """Lines and TensorBoard in a run's folder, and others. What they say beyond ``step`` is cut off: a resume."""
        folder.mkdir(parents=True, exist_ok=True)
        self._writers: list[Writer] = [Lines(folder, step), Board(folder / "tensorboard", step), *others]

    def write(self, step: int, entries: Entries) -> None:
        for writer in self._writers:
            writer.write(step, entries)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


class Lines:
    """``metrics.jsonl``, a line a time, for programs: numbers and sentences."""

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / "metrics.jsonl"
        kept = [json.dumps(line) + "\n" for line in read_metrics(folder) if line["step"] <= step]
        partial = self._path.with_suffix(".partial")
        partial.write_text("".join(kept))
        partial.replace(self._path)

    def write(self, step: int, entries: Entries) -> None:
        plain = {name: value for name, value in entries.items() if isinstance(value, int | float | str)}
        if plain:
            with self._path.open("a") as file:
                file.write(json.dumps({"step": step, **plain}) + "\n")

    def close(self) -> None:
        """Every line is on the disk already."""


class Board:
    """TensorBoard. It plays one channel: the mean of all."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._board = SummaryWriter(str(folder), purge_step=step + 1)  # the first that is cut off

    def write(self, step: int, entries: Entries) -> None:
        for name, value in entries.items():
            match value:
                case Sound(samples, rate_hz):
                    self._board.add_audio(name, samples.mean(axis=0, keepdims=True).clip(-1, 1), step, rate_hz)
                case Picture(grey):
                    self._board.add_image(name, grey[None], step)
                case str():
                    self._board.add_text(name, value, step)
                case _:
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._board.close()


class WeightsAndBiases:
    """A run of a W&B project; a resumed one goes on there. With ``WANDB_MODE=offline`` nothing leaves the machine.

    Raises ImportError without the extra ``wandb``.
    """

    def __init__(self, folder: Path, project: str) -> None:
        import wandb

        identity = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        self._wandb = wandb
        self._run = wandb.init(project=project, name=folder.name, id=identity, resume="allow", dir=str(folder))

    def write(self, step: int, entries: Entries) -> None:
        self._run.log({name: self._shown(value) for name, value in entries.items()}, step=step)

    def _shown(self, value: Any) -> Any:
        match value:
            case Sound(samples, rate_hz):
                return self._wandb.Audio(samples.T, sample_rate=rate_hz)
            case Picture(grey):
                return self._wandb.Image((grey * 255).astype(np.uint8))
            case _:
                return value

    def close(self) -> None:
        self._run.finish()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's ``metrics.jsonl``; a line that a crash cut short is left out."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]
