"""Checkpoints written while training goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch.distributed as dist
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.staging import DefaultStager, StagingOptions
from torch.distributed.checkpoint.state_dict_saver import save as save_tensors

from training.checkpoint import MANIFEST, Checkpoints, State, alone_is_fine
from training.errors import TrainingFailedError
from training.workers import Workers

_TO_MEMORY = StagingOptions(
    use_pinned_memory=False, use_shared_memory=False, use_async_staging=False, use_non_blocking_copy=False
)


class Saver:
    """Writes checkpoints of a run, one at a time, from a copy of the state in the computer's memory.

    A thread writes and then gives the folder its name, which ``torch.distributed.checkpoint.async_save`` would leave to
    the caller. Workers agree on it over a group of their own, for the loop's group is busy with gradients.
    """

    def __init__(self, checkpoints: Checkpoints, workers: Workers) -> None:
        self._checkpoints = checkpoints
        self._workers = workers
        self._group = dist.new_group(backend="gloo") if workers.size > 1 else None
        self._thread = ThreadPoolExecutor(1, "checkpoint-writer")
        self._begun: Future[None] | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While training. What has begun is written to its end, whatever the training ends with."""
        with alone_is_fine():  # filters hold for all threads: the one that writes may not change them
            try:
                yield
            finally:
                wait([self._begun] if self._begun is not None else [])

    def save(self, state: State, step: int, facts: Mapping[str, Any]) -> None:
        """Begin to write a checkpoint, when the one before is done. All workers call it.

        Returns as soon as the state is copied. Raises TrainingFailedError if the one before could not be written.
        """
        self.wait()
        tensors = DefaultStager(_TO_MEMORY).stage(state.tensors())
        assert isinstance(tensors, dict)  # and no promise of one
        manifest = {"step": step, "workers": self._workers.size, **facts}
        self._begun = self._thread.submit(self._write, self._checkpoints.folder / f"step-{step:08d}", tensors, manifest)

    def wait(self) -> None:
        """Wait for what has begun. All workers call it. Raises TrainingFailedError if one of them could not write."""
        error = self._begun.exception() if self._begun is not None else None
        self._begun = None
        if reason := next((said for said in self._workers.gathered(_in_words(error)) if said), None):
            raise TrainingFailedError(
                f"a checkpoint could not be written to {str(self._checkpoints.folder)!r}: {reason}; mend that, and add"
                " --resume to go on from the last whole one"
            ) from error

    def _write(self, final: Path, tensors: dict[str, Any], manifest: dict[str, Any]) -> None:
        """Write a folder; it appears under its name when all workers have written."""
        partial = final.with_name(f".{final.name}.partial")
        if self._workers.first:
            shutil.rmtree(partial, ignore_errors=True)
        if self._group is not None:
            dist.barrier(self._group)
        save_tensors(tensors, checkpoint_id=partial, process_group=self._group, no_dist=self._group is None)
        if self._workers.first:  # the others have written too: saving ends with an exchange
            (partial / MANIFEST).write_text(json.dumps(manifest, indent=1))
            _sync(partial)
            shutil.rmtree(final, ignore_errors=True)
            partial.rename(final)
            self._checkpoints.remove_worse(final)


def _in_words(error: BaseException | None) -> str:
    if isinstance(error, CheckpointException):
        error = next(iter(error.failures.values()))[0]
    return f"{type(error).__name__}: {error}" if error is not None else ""


def _sync(folder: Path) -> None:
    """Have the files on the disk before the folder gets its name."""
    for path in [*folder.iterdir(), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
