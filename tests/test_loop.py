"""The loop: it learns, it goes on exactly where it was, and any number of workers do the same."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tiny_task import Denoise, Memory
from training.checkpoint import Checkpoints, load_weights, read_manifest
from training.config import Preset, changed
from training.errors import DivergedError
from training.logbook import Logbook, read_metrics
from training.loop import Loop
from training.schedule import rate_at
from training.workers import Workers
from training_worker import PRESET, trained, worker_processes


def run(folder: Path, *settings: str, preset: Preset = PRESET) -> Loop:
    return trained(folder, Workers(), changed(preset, settings))


def weights(loop: Loop) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in loop.module.named_parameters()}


def saved_weights(folder: Path, averaged: bool) -> dict[str, Tensor]:
    latest = Checkpoints(folder / "checkpoints", 3).latest()
    assert latest is not None
    module = Denoise().build()
    load_weights(latest, module, averaged)
    return {name: value.detach() for name, value in module.named_parameters()}


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor], tolerance: float = 0) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.allclose(value, theirs[name], rtol=0, atol=tolerance), name


def test_it_learns(tmp_path: Path) -> None:
    preset = changed(PRESET, ["looping.steps=200", "looping.log_every=20"])
    logbook = Logbook(tmp_path, 0)
    Loop(preset, Memory(), Checkpoints(tmp_path / "checkpoints", 2), logbook, Workers()).run()
    logbook.close()
    lines = [line for line in read_metrics(tmp_path) if "model/total" in line]
    assert [line["step"] for line in lines] == list(range(20, 201, 20))
    assert lines[-1]["model/total"] < lines[0]["model/total"] / 5
    assert lines[-1]["model/total"] == lines[-1]["model/error"]
    for name in ("model/gradient_norm", "windows_a_s", "mfu", "data_wait_share", "memory_gib", "learning_rate"):
        assert all(line[name] >= 0 for line in lines), name
    assert all(0 < line["mfu"] < 1 and line["data_wait_share"] < 1 for line in lines)


@pytest.mark.parametrize("settings", [[], ["task.rival=true"], ["looping.checkpoint_blocks=true"]])
def test_a_resumed_run_equals_an_undisturbed_one(tmp_path: Path, settings: list[str]) -> None:
    undisturbed = run(tmp_path / "a", "looping.steps=20", *settings)
    checkpoints = Checkpoints(tmp_path / "b" / "checkpoints", 3)
    preset = changed(PRESET, ["looping.steps=20", *settings])

    class KilledError(Exception):
        pass

    class Interrupted(Memory):
        def batches(self, *arguments):
            for number, parts in enumerate(super().batches(*arguments)):
                if number == 13:
                    raise KilledError
                yield parts

    with pytest.raises(KilledError):
        Loop(preset, Interrupted(), checkpoints, None, Workers()).run()
    resumed = Loop(preset, Memory(), checkpoints, None, Workers())
    resumed.start()
    assert resumed.step == 10
    resumed.run()
    assert_equal(weights(undisturbed), weights(resumed))
    assert undisturbed.average is not None
    assert resumed.average is not None
    assert_equal(undisturbed.average.weights, resumed.average.weights)


def test_parts_of_a_batch_do_not_show(tmp_path: Path) -> None:
    whole = run(tmp_path / "a", "looping.steps=10", "looping.micro_windows=8")
    parts = run(tmp_path / "b", "looping.steps=10", "looping.micro_windows=3")
    assert_equal(weights(whole), weights(parts), 1e-6)


def workers_train(folder: Path, size: int, steps: int, *settings: str) -> None:
    """Train with processes of their own, and wait for them."""
    processes = worker_processes(folder, size, steps, *settings)
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * size, errors


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_workers_do_what_one_does_and_one_goes_on_where_two_were(tmp_path: Path, parallel: str) -> None:
    settings = [f"looping.parallel={parallel}", "optimizing.warmup_share=0", "looping.sample_every=5"]
    workers_train(tmp_path / "two", 2, 10, *settings)
    half = run(tmp_path / "half", "looping.steps=10", "optimizing.warmup_share=0")
    assert_equal(weights(half), saved_weights(tmp_path / "two", averaged=False), 1e-5)
    assert half.average is not None
    assert_equal(half.average.weights, saved_weights(tmp_path / "two", averaged=True), 1e-5)
    assert_equal(torch.load(tmp_path / "two" / "heard.pt"), saved_weights(tmp_path / "two", averaged=True))
    one = run(tmp_path / "two", "looping.steps=20", "optimizing.warmup_share=0")
    other = run(tmp_path / "half", "looping.steps=20", "optimizing.warmup_share=0")
    assert_equal(weights(other), weights(one), 1e-4)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_track(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"the loss of tracks track61 is not finite in step 8 \(model\)"):
        run(tmp_path, "looping.steps=20", "task.poison=61")
    latest = Checkpoints(tmp_path / "checkpoints", 3).latest()
    assert latest is not None
    assert latest.name == "step-00000005"


def test_the_best_checkpoints_and_the_last_stay(tmp_path: Path) -> None:
    run(tmp_path, "looping.steps=40", "looping.save_every=5", "looping.validate_every=5", "looping.keep=2")
    checkpoints = Checkpoints(tmp_path / "checkpoints", 2)
    kept = {path.name: read_manifest(path)["validation_loss"] for path in checkpoints.all()}
    assert len(kept) == 3
    assert "step-00000040" in kept
    assert checkpoints.best() == tmp_path / "checkpoints" / min(kept, key=lambda name: kept[name])


def test_a_half_written_checkpoint_is_none(tmp_path: Path) -> None:
    run(tmp_path, "looping.steps=10")
    (tmp_path / "checkpoints" / "step-00000010" / "checkpoint.json").unlink()
    (tmp_path / "checkpoints" / ".step-00000015.partial").mkdir()
    latest = Checkpoints(tmp_path / "checkpoints", 3).latest()
    assert latest is not None
    assert latest.name == "step-00000005"
    assert run(tmp_path, "looping.steps=10").step == 10


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [rate_at(step, 100, PRESET.optimizing) for step in range(100)]
    peak = PRESET.optimizing.learning_rate
    assert rates[9] == max(rates) == pytest.approx(peak)
    assert rates[0] == pytest.approx(peak / 10)
    assert rates[-1] == pytest.approx(peak / 10)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))
