"""The loop on the workers of Ray Train. The only file of training that knows Ray."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.errors import DivergedError, SettingError, TrainingFailedError
from training.run_folder import Run

if TYPE_CHECKING:
    from training.listening import RendererOf
    from training.loop import Loop
    from training.stream import Stream
    from training.workers import Workers

FAILED = "failed.txt"
"""What ended a run for good, in words: no new start would help."""
_NEW_STARTS = 3


@dataclass(frozen=True)
class Crew:
    """How many workers, and whether each has a GPU."""

    workers: int = 1
    gpus: bool = False

    @property
    def threads(self) -> int:
        """Cores for each worker's arithmetic: its share, where they are on one machine."""
        return max(1, (os.cpu_count() or 1) // self.workers)


@dataclass(frozen=True)
class Shown:
    """How a run can be followed."""

    renderer_of: RendererOf | None = None
    """A function of a module, which workers import; None: nothing can be heard."""
    wandb: str | None = None
    """A project of W&B."""


def train(run: Run, crew: Crew, shown: Shown, text_encoder: str) -> dict[str, Any]:
    """Train a run to its last step on the Ray that is running, and return the last figures.

    ``text_encoder`` is where the one that the run names is, on the machine of every worker; empty: where the run says.
    When a worker dies all are started again, three times at most, and go on from the last checkpoint. Raises
    TrainingFailedError if that does not help or could not: a loss is not finite, say, or a shard is damaged.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    (run.folder / FAILED).unlink(missing_ok=True)
    trainer = TorchTrainer(
        _work,
        train_loop_config={"run": run, "threads": crew.threads, "shown": shown, "text_encoder": text_encoder},
        scaling_config=ScalingConfig(num_workers=crew.workers, use_gpu=crew.gpus),
        torch_config=TorchConfig(backend="nccl" if crew.gpus else "gloo"),
        run_config=RunConfig(
            name="ray", storage_path=str(run.folder), failure_config=FailureConfig(max_failures=_NEW_STARTS)
        ),
    )
    try:
        trainer.fit()
    except Exception as error:
        otherwise = f"the workers failed {_NEW_STARTS + 1} times: {_last_line(error)}"
        raise TrainingFailedError(_failure(run) or otherwise) from error
    if (reason := _failure(run)) is not None:
        raise TrainingFailedError(reason)
    from training.logbook import read_metrics

    figures: dict[str, Any] = {}
    for line in read_metrics(run.folder):
        figures |= line
    return figures


def _failure(run: Run) -> str | None:
    """What ended a run for good, if anything has."""
    failed = run.folder / FAILED
    return failed.read_text() if failed.exists() else None


def _work(config: dict[str, Any]) -> None:
    """What each worker does, unless an earlier start has shown that it would fail again."""
    from training.workers import Workers

    run: Run = config["run"]
    if _failure(run) is not None:
        return
    workers = Workers.found()
    try:
        _train(config, workers)
    except (SettingError, TrainingFailedError) as error:  # it would come again
        all_know = workers.size == 1 or isinstance(error, DivergedError)
        if workers.first or not all_know:
            (run.folder / FAILED).write_text(str(error))
        if not all_know:  # the others wait for this one: Ray ends them only if it fails
            raise


def _train(config: dict[str, Any], workers: Workers) -> None:
    import torch

    from training.checkpoint import Checkpoints
    from training.fit import fitted
    from training.loop import Loop
    from training.pack import Pack
    from training.stream import Stream

    torch.set_num_threads(config["threads"])
    run: Run = config["run"]
    packs = [Pack.open(pack) for pack in run.packs]
    preset = fitted(run.preset, packs[0].payload, config["text_encoder"])
    stream = Stream(packs, workers, preset.looping.seed, preset.task.conditions)
    loop = Loop(preset, stream, Checkpoints(run.checkpoints, preset.looping.keep), None, workers, run.init_from)
    loop.start()
    try:
        if workers.first:
            _show(loop, run, stream, config["shown"])
        loop.run()
    finally:
        if loop.logbook is not None:
            loop.logbook.close()


def _show(loop: Loop, run: Run, stream: Stream, shown: Shown) -> None:
    """Have a loop write down what it does."""
    from training.listening import Listener
    from training.logbook import Logbook, WeightsAndBiases

    others = [WeightsAndBiases(run.folder, shown.wandb)] if shown.wandb else []
    loop.logbook = Logbook(run.folder, loop.step, others)
    if shown.renderer_of is not None:
        loop.listener = Listener(run, loop.preset, stream, shown.renderer_of, loop.workers.device)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
