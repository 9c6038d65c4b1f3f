"""Checkpoints are written while training goes on: of the step that they name, whole, and before the run ends."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.filesystem import FileSystemWriter

from tiny_task import Memory
from training.batch import Batch
from training.checkpoint import Checkpoints, load_weights, read_manifest
from training.config import Preset, changed
from training.errors import TrainingFailedError
from training.loop import Loop
from training.workers import Workers
from training_worker import PRESET, trained, worker_processes

STEADY = ["optimizing.schedule=constant", "optimizing.warmup_share=0"]
"""What a step does then does not depend on how many there are."""


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def saved(checkpoint: Path, averaged: bool, preset: Preset = PRESET) -> dict[str, Tensor]:
    module = preset.task.build()
    load_weights(checkpoint, module, averaged)
    return weights(module)


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_what_is_saved_is_the_step_although_training_went_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, 3)
    went_on, write = Event(), FileSystemWriter.write_data

    def held_back(*arguments: Any) -> Any:
        assert went_on.wait(60)
        return write(*arguments)

    class Watched(Memory):
        def batches(self, *arguments: Any) -> Iterator[list[Batch]]:
            for step, parts in enumerate(super().batches(*arguments)):
                if step == 5:
                    now[:] = [
                        weights(loop.module),
                        {name: value.clone() for name, value in loop.average.weights.items()},
                    ]
                if step == 9:
                    assert checkpoints.all() == []
                    went_on.set()
                yield parts

    monkeypatch.setattr(FileSystemWriter, "write_data", held_back)
    now: list[dict[str, Tensor]] = []
    preset = changed(PRESET, ["looping.steps=10", "looping.validate_every=100"])
    loop = Loop(preset, Watched(), checkpoints, None, Workers())
    loop.run()
    assert [path.name for path in checkpoints.all()] == ["step-00000005", "step-00000010"]
    for averaged, expected in zip((False, True), now, strict=True):
        assert_equal(saved(checkpoints.all()[0], averaged), expected)
    assert not torch.equal(now[0]["model.0.weight"], weights(loop.module)["model.0.weight"])
    assert_equal(saved(checkpoints.all()[1], averaged=False), weights(loop.module))


@pytest.mark.parametrize("settings", [["looping.checkpoint_blocks=true"], ["task.rival=true"]])
def test_averaged_weights_are_read_back_into_the_model_as_it_is_built(tmp_path: Path, settings: list[str]) -> None:
    preset = changed(PRESET, ["looping.steps=3", *settings])
    loop = trained(tmp_path, Workers(), preset)
    [checkpoint] = Checkpoints(tmp_path / "checkpoints", 3).all()
    assert loop.average is not None
    assert_equal(saved(checkpoint, True, preset), loop.average.weights)


def test_a_run_killed_while_saving_leaves_whole_checkpoints_and_goes_on(tmp_path: Path) -> None:
    settings = [*STEADY, "task.width=200000", "looping.save_every=1", "looping.validate_every=10000"]
    checkpoints = Checkpoints(tmp_path / "checkpoints", 3)
    killed_while_saving = False
    for _ in range(5):  # it may be done between our look and the blow
        _kill_while_saving(tmp_path, settings)
        killed_while_saving = any(checkpoints.folder.glob(".*.partial"))
        if killed_while_saving:
            break
    assert killed_while_saving
    step = read_manifest(checkpoints.all()[-1])["step"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        preset = changed(PRESET, [*settings, f"looping.steps={step + 1}"])
        resumed = trained(tmp_path, Workers(), preset)
        undisturbed = trained(tmp_path / "other", Workers(), changed(preset, ["looping.save_every=10000"]))
    finally:
        torch.set_num_threads(threads)
    assert_equal(weights(resumed.module), weights(undisturbed.module))
    assert not any(path.name.startswith(f".step-{step + 1:08d}") for path in checkpoints.folder.iterdir())


def _kill_while_saving(folder: Path, settings: list[str]) -> None:
    checkpoints = Checkpoints(folder / "checkpoints", 3)
    before = checkpoints.latest()
    [process] = worker_processes(folder, 1, 10_000, *settings)
    try:
        deadline_s = time.monotonic() + 120
        while time.monotonic() < deadline_s and process.poll() is None:
            if checkpoints.latest() != before and any(checkpoints.folder.glob(".*.partial")):
                break
            time.sleep(0.002)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_a_checkpoint_that_cannot_be_written_stops_the_run_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    loop = Loop(changed(PRESET, ["looping.steps=20"]), Memory(), Checkpoints(tmp_path / "taken", 1), None, Workers())
    with pytest.raises(TrainingFailedError, match=r"could not be written to .*taken'.*: \w+Error: .*add --resume"):
        loop.run()
    assert loop.step == 10


def test_no_worker_goes_on_when_one_could_not_write(tmp_path: Path) -> None:
    """The first gives the folder its name, which is taken: only there does it go wrong."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-00000005").write_text("a file")
    processes = worker_processes(tmp_path, 2, 20)
    errors = [process.communicate(timeout=120)[1].strip().splitlines()[-1] for process in processes]
    for error in errors:
        assert "training.errors.TrainingFailedError: a checkpoint could not be written" in error
        assert "NotADirectoryError" in error
