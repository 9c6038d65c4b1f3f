"""Where a run writes what it measures: a line of JSON a time in ``metrics.jsonl``, and TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class Sample:
    """Something a model made, to be looked at or heard."""

    name: str
    caption: str = ""
    picture: npt.NDArray[np.float32] | None = None
    """``(bins, frames)``, the lowest bin first."""
    audio: npt.NDArray[np.float32] | None = None
    """``(samples,)``, full scale 1.0."""
    rate_hz: int = 0


class Logbook:
    """Written by the first worker only. After a resume, what was logged beyond the checkpoint is cut off."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "metrics.jsonl"
        _cut(self._path, step)
        self._board: SummaryWriter = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Log numbers by name."""
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")
        for name, value in figures.items():
            self._board.add_scalar(name, value, step)

    def show(self, step: int, sample: Sample) -> None:
        """Log a picture and audio."""
        if sample.picture is not None:
            low, high = float(sample.picture.min()), float(sample.picture.max())
            grey = (sample.picture[::-1] - low) / max(high - low, 1e-9)
            self._board.add_image(sample.name, grey[None], step)
        if sample.audio is not None:
            self._board.add_audio(sample.name, sample.audio[None], step, sample.rate_hz)
        if sample.caption:
            self._board.add_text(sample.name, sample.caption, step)

    def close(self) -> None:
        self._board.close()


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's ``metrics.jsonl``; a line that a crash cut short is left out."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _cut(path: Path, step: int) -> None:
    kept = [json.dumps(line) + "\n" for line in read_metrics(path.parent) if line["step"] <= step]
    path.write_text("".join(kept))
