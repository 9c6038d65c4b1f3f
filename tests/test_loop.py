"""The loop: it learns, it goes on exactly where it was, and any number of workers do the same."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from loop_runs import assert_equal, run, saved_weights, weights
from tiny_task import Memory
from training import checkpoint
from training.checkpoint import Checkpoints, read_manifest
from training.config import changed
from training.errors import DivergedError
from training.learner import Learner
from training.logbook import Logbook, read_metrics
from training.loop import Loop
from training.workers import Workers
from training_worker import PRESET, worker_processes


def test_it_learns(tmp_path: Path) -> None:
    preset = changed(PRESET, ["looping.steps=200", "looping.log_every=20"])
    logbook = Logbook(tmp_path, 0)
    Loop(preset, Memory(), Checkpoints(tmp_path / "checkpoints", 2), logbook, Workers()).run()
    logbook.close()
    lines = [line for line in read_metrics(tmp_path) if "model/total" in line]
    assert [line["step"] for line in lines] == list(range(20, 201, 20))
    assert lines[-1]["model/total"] < lines[0]["model/total"] / 5
    assert lines[-1]["model/total"] == lines[-1]["model/error"]
    speeds = ("windows_a_s", "tokens_a_s", "mfu", "data_wait_share")
    for name in ("model/gradient_norm", *speeds, "memory_gib", "learning_rate"):
        assert all(line[name] >= 0 for line in lines), name
    assert all(line["tokens_a_s"] == 4 * line["windows_a_s"] for line in lines)
    assert all(0 < line["mfu"] < 1 and line["data_wait_share"] < 1 for line in lines)


@pytest.mark.parametrize(
    "settings", [[], ["task.rival=true"], ["looping.checkpoint_blocks=true"], ["task.chance=0.1"]], ids=str
)
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


@pytest.mark.skipif(shutil.which("g++") is None, reason="to compile for the CPU takes g++")
@pytest.mark.filterwarnings("ignore")  # the compiler looks at all there is, and fails if that warns
def test_a_run_with_compiled_blocks_is_the_same_and_goes_on_without(tmp_path: Path) -> None:
    torch._dynamo.reset()
    plain = run(tmp_path / "a", "looping.steps=10")
    compiled = run(tmp_path / "b", "looping.steps=10", "looping.compile=true")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 2, "both blocks"
    assert_equal(weights(compiled), weights(plain), 1e-6)
    assert_equal(saved_weights(tmp_path / "b", averaged=False), weights(compiled))
    resumed = run(tmp_path / "b", "looping.steps=20")
    assert_equal(weights(resumed), weights(run(tmp_path / "a", "looping.steps=20")), 1e-6)


def workers_train(folder: Path, size: int, steps: int, *settings: str) -> None:
    """Train with processes of their own, and wait for them."""
    processes = worker_processes(folder, size, steps, *settings)
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * size, errors


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_workers_do_what_one_does_and_one_goes_on_where_two_were(tmp_path: Path, parallel: str) -> None:
    settings = ["optimizing.warmup_share=0", "task.rival=true"]
    workers_train(tmp_path / "two", 2, 10, f"looping.parallel={parallel}", "looping.sample_every=5", *settings)
    half = run(tmp_path / "half", "looping.steps=10", *settings)
    assert_equal(weights(half), saved_weights(tmp_path / "two", averaged=False, rival=True), 1e-5)
    assert half.average is not None
    assert_equal(half.average.weights, saved_weights(tmp_path / "two", averaged=True, rival=True), 1e-5)
    assert_equal(torch.load(tmp_path / "two" / "heard.pt"), saved_weights(tmp_path / "two", averaged=True, rival=True))
    one = run(tmp_path / "two", "looping.steps=20", *settings)
    other = run(tmp_path / "half", "looping.steps=20", *settings)
    assert_equal(weights(other), weights(one), 1e-4)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_track(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"the loss of tracks track61 is not finite in step 8 \(model\)"):
        run(tmp_path, "looping.steps=20", "task.poison=61")
    latest = Checkpoints(tmp_path / "checkpoints", 3).latest()
    assert latest is not None
    assert latest.name == "step-00000005"


def test_a_gradient_that_is_not_finite_names_the_tracks_of_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Learner, "_clipped", lambda *_: torch.tensor(torch.inf))
    with pytest.raises(DivergedError, match=r"^the gradient of tracks track0, .*track7 is not finite in step 1"):
        run(tmp_path, "looping.steps=20")


def test_only_a_checkpoint_that_was_validated_says_how_good_it_is(tmp_path: Path) -> None:
    run(tmp_path, "looping.steps=20", "looping.save_every=5", "looping.validate_every=10", "looping.keep=9")
    found = {path.name: read_manifest(path) for path in Checkpoints(tmp_path / "checkpoints", 9).all()}
    validated = {name for name, manifest in found.items() if "validation_loss" in manifest}
    assert len(found) == 4
    assert validated == {"step-00000010", "step-00000020"}


def test_a_loss_that_is_no_number_is_never_the_best(tmp_path: Path) -> None:
    run(tmp_path, "looping.steps=20", "looping.save_every=5", "looping.validate_every=5", "looping.keep=9")
    checkpoints = Checkpoints(tmp_path / "checkpoints", 1)
    first, *others, last = checkpoints.all()
    manifest = read_manifest(first)
    (first / "checkpoint.json").write_text(json.dumps(manifest | {"validation_loss": float("nan")}))
    assert checkpoints.best() != first
    checkpoints.remove_worse(last)
    assert first not in checkpoints.all()
    assert set(checkpoints.all()) < {*others, last}


@pytest.mark.parametrize(("valid_windows", "is_validated"), [(32, True), (3, True), (1, False)])
def test_a_small_valid_split_is_validated_in_parts(tmp_path: Path, valid_windows: int, is_validated: bool) -> None:
    logbook = Logbook(tmp_path, 0)
    preset = changed(PRESET, ["looping.steps=5", "looping.micro_windows=2"])
    loop = Loop(
        preset, Memory(valid_windows=valid_windows), Checkpoints(tmp_path / "checkpoints", 2), logbook, Workers()
    )
    loop.run()
    logbook.close()
    assert (loop.validation_loss is not None) is is_validated
    told = [line.get("validation") for line in read_metrics(tmp_path) if "validation" in line]
    assert told == ([] if is_validated else ["there is none: the valid split has too few windows"])


def test_validation_leaves_training_as_it_was(tmp_path: Path) -> None:
    often, once = (run(tmp_path / str(every), "looping.steps=9", f"looping.validate_every={every}") for every in (4, 9))
    assert_equal(weights(often), weights(once))
    assert often.module.training


def test_as_many_windows_are_validated_as_are_asked_for_in_whole_batches(tmp_path: Path) -> None:
    def loss(windows: int, there: int) -> float | None:
        preset = changed(PRESET, ["looping.steps=1", f"looping.validation_windows={windows}"])
        loop = Loop(preset, Memory(valid_windows=there), Checkpoints(tmp_path, 1), None, Workers())
        loop.run()
        return loop.validation_loss

    assert loss(8, 32) == loss(64, 8) != loss(64, 16) == loss(9, 32)


def test_a_checkpoint_of_a_cpu_is_read_where_there_is_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "looping.steps=10")
    states = {"cpu": torch.get_rng_state(), "cuda": torch.get_rng_state()}
    monkeypatch.setattr(checkpoint, "_random_state", lambda: dict(states))
    resumed = Loop(PRESET, Memory(), Checkpoints(tmp_path / "checkpoints", 3), None, Workers())
    resumed.start()
    assert resumed.step == 10


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
