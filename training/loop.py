"""The only training loop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.checkpoint import Checkpoints, State, load, load_weights
from training.config import Preset
from training.ema import Average, parameters_of
from training.errors import SettingError
from training.learner import Learner
from training.listening import Listener, whole
from training.logbook import Entries, Logbook
from training.meters import Meter, matrix_flops_a_s, peak_memory_gib, synchronize
from training.saving import Saver
from training.validation import validation_losses
from training.workers import Workers


class Data(Protocol):
    """What the loop reads."""

    def batches(self, split: str, start: int, windows: int, micro: int) -> Iterator[list[Batch]]:
        """Yield, step by step from step ``start`` of batches of ``windows``, this worker's share in parts of ``micro``.

        The train split never ends; another ends after its last whole batch.
        """


@dataclass
class Loop:
    """Runs a preset over data from wherever its checkpoints have got to."""

    preset: Preset
    data: Data
    checkpoints: Checkpoints
    logbook: Logbook | None
    """Of the first worker."""
    workers: Workers
    init_from: str | None = None
    """A checkpoint of a run of the same model, whose averaged weights a new run begins with."""
    listener: Listener | None = None
    """Of the first worker."""

    def __post_init__(self) -> None:
        task, looping = self.preset.task, self.preset.looping
        torch.manual_seed(looping.seed)
        self._module = task.build().to(self.workers.device)
        if self.init_from is not None and self.checkpoints.latest() is None:  # it may be gone by then
            load_weights(Path(self.init_from), self._module)
        self._learner = Learner(self._module, self.preset, self.workers)
        decay = self.preset.optimizing.ema_decay
        self._average = Average(self._module, decay) if decay > 0 else None  # of the shards, where there are any
        self._encode = task.load_encoders(self.workers.device)
        self._meter = Meter()
        self._saver = Saver(self.checkpoints, self.workers)
        self.step = 0
        self.validation_loss: float | None = None

    @property
    def module(self) -> nn.Module:
        """What trains."""
        return self._module

    @property
    def average(self) -> Average | None:
        """Its moving average."""
        return self._average

    def start(self) -> None:
        """Go on from the last whole checkpoint, if there is one."""
        if latest := self.checkpoints.latest():
            self.step = load(latest, self._state)

    def run(self) -> None:
        """Train to the last step, and return when its checkpoint is on the disk.

        Raises DivergedError if a loss is not finite, naming the step and the tracks, and TrainingFailedError if a
        checkpoint could not be written, at the step of the next one or at the end.
        """
        with self._saver.at_work():
            self._run()
            self._saver.wait()

    def _run(self) -> None:
        looping = self.preset.looping
        self._matrix_flops = matrix_flops_a_s(self.workers.device, looping.precision)
        batches = self.data.batches("train", self.step, looping.batch_windows, looping.micro_windows)
        self._meter = Meter()
        while self.step < looping.steps:
            with self._meter.waiting():
                parts = next(batches)
            figures = self._train(parts)
            self.step += 1
            self.validation_loss = None
            last = self.step == looping.steps
            if last or self.step % looping.log_every == 0:
                self._log(figures)
            if last or self.step % looping.validate_every == 0:
                with self._meter.paused():
                    self._validate()
            if last or self.step % looping.save_every == 0:
                self._save()
            if looping.sample_every and (last or self.step % looping.sample_every == 0):
                with self._meter.paused():
                    self._listen()

    def _save(self) -> None:
        facts = {} if self.validation_loss is None else {"validation_loss": self.validation_loss}
        self._saver.save(self._state, self.step, facts)

    @property
    def _state(self) -> State:
        return State(self._module, self._learner.optimizers, self._average, self.workers)

    def _train(self, parts: Sequence[Batch]) -> dict[str, Tensor]:
        """Take one step over this worker's share of a batch; return its figures."""
        figures = self._learner.learn(self.step, [self._encode(part.to(self.workers.device)) for part in parts])
        if self._average is not None:
            self._average.update(self._module, self.step)
        self._meter.windows += self.preset.looping.batch_windows
        return figures

    def _log(self, losses: dict[str, Tensor]) -> None:
        synchronize(self.workers.device)
        means = {name: float(self.workers.mean(value.float().mean())) for name, value in losses.items()}
        speed = self._meter.read(self.preset.task, self._matrix_flops, self.workers.size)
        memory_gib = peak_memory_gib(self.workers.device)
        self._write({**means, **speed, "memory_gib": memory_gib, "learning_rate": self._learner.rate(self.step - 1)})

    def _write(self, entries: Entries) -> None:
        if self.logbook is not None:
            self.logbook.write(self.step, entries)

    def _validate(self) -> None:
        """Losses over the valid split with the averaged weights."""
        some = self._valid_batches()
        if some is None:
            self._write({"validation": "there is none: the valid split has too few windows"})
            return
        self._module.eval()
        averaged = self._average.in_place_of(self._module) if self._average is not None else nullcontext()
        with averaged, self._learner.autocast():
            means = validation_losses(some, self._learner.steps, self._encode, self.workers)
        self._module.train()
        self.validation_loss = means[f"validation/{self._learner.steps[0].turn.name}/total"]
        self._write(means)

    def _valid_batches(self) -> Iterator[list[Batch]] | None:
        """``validation_windows`` of the valid split, in parts where it has not even a batch; None without any."""
        looping = self.preset.looping
        for windows in (looping.batch_windows, looping.micro_windows * self.workers.size):
            batches = self.data.batches("valid", 0, windows, looping.micro_windows)
            if (first := next(batches, None)) is not None:
                return islice(chain([first], batches), math.ceil(looping.validation_windows / windows))
        return None

    def _listen(self) -> None:
        """Log what the averaged weights make: all workers put them together, and the first makes it while they wait.

        The others would wait for it anyway, and so it is the same with DDP and FSDP.
        """
        weights = whole(self._average.weights if self._average is not None else parameters_of(self._module))
        if self.listener is None:
            return
        try:
            self._write(self.listener.entries(weights, self._encode, self.step))
        except SettingError as error:
            self._write({"samples": f"there are none: {error}"})
            self.listener = None
