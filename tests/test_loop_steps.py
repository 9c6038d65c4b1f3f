"""Steps of the loop by hand: gradient, clipping, average, learning rate, and the meters beside them."""

import sys
import time
from itertools import islice, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
import torch
from torch import nn

from loop_runs import assert_equal, run, saved_weights, untrained, weights
from tiny_task import Denoise, Memory
from training.checkpoint import Checkpoints, load_weights
from training.config import Optimizing, changed
from training.draws import Draws
from training.ema import Average
from training.logbook import Logbook, read_metrics
from training.loop import Loop
from training.meters import Meter, peak_memory_gib
from training.schedule import rate_at
from training.workers import Workers
from training_worker import PRESET


def test_the_gradient_is_that_of_the_mean_over_the_batch(tmp_path: Path) -> None:
    module = untrained()
    [[batch]] = islice(Memory().batches("train", 0, 8, 8), 1)
    draws = Draws(PRESET.looping.seed, batch.positions)
    loss = Denoise().turns()[0].losses(module, batch, draws)["total"].mean()
    loss.backward()
    norm = nn.utils.get_total_norm([weight.grad for weight in module.parameters() if weight.grad is not None])
    preset = changed(PRESET, ["looping.steps=1", "looping.micro_windows=3"])
    logbook = Logbook(tmp_path, 0)
    Loop(preset, Memory(), Checkpoints(tmp_path / "checkpoints", 1), logbook, Workers()).run()
    logbook.close()
    logged = read_metrics(tmp_path)[0]
    assert logged["model/gradient_norm"] == pytest.approx(float(norm), rel=1e-4)
    assert logged["model/total"] == pytest.approx(loss.item(), rel=1e-4)


def test_the_first_step_is_as_long_as_its_learning_rate_and_the_average_follows_at_once(tmp_path: Path) -> None:
    """Adam moves every weight by the learning rate first, whatever the gradient; the first decay is a tenth."""
    settings = ["optimizing.warmup_share=1", "optimizing.weight_decay=0", "looping.save_every=1"]
    run(tmp_path, "looping.steps=2", *settings)
    module = untrained()
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    found = []
    for averaged in (False, True):
        load_weights(tmp_path / "checkpoints" / "step-00000001", module, averaged)
        found.append({name: value.detach() - before[name] for name, value in module.named_parameters()})
    for name, moved in found[0].items():
        length = torch.full_like(moved, PRESET.optimizing.learning_rate / 2)  # of two steps of warm-up
        torch.testing.assert_close(moved.abs(), length, rtol=0.01, atol=0)
        torch.testing.assert_close(found[1][name], 0.9 * moved, rtol=0.01, atol=0)


def test_gradients_are_clipped(tmp_path: Path) -> None:
    """So short ones vanish beside the 1e-8 that Adam adds to what it divides by."""
    clipped = run(tmp_path, "looping.steps=3", "optimizing.clip_norm=1e-12", "optimizing.weight_decay=0")
    assert_equal(weights(clipped), dict(untrained().named_parameters()), 1e-5)


def test_the_average_forgets_its_first_steps_soon() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average = Average(module, 0.5)
    nn.init.ones_(module.weight)
    expected = 0.0
    for step, decay in ((0, 1 / 10), (1, 2 / 11), (90, 0.5)):
        average.update(module, step)
        expected = decay * expected + 1 - decay
        assert average.weights["weight"].item() == pytest.approx(expected)
    with average.in_place_of(module):
        assert module.weight.item() == pytest.approx(expected)
    assert module.weight.item() == 1


def test_a_run_begins_with_the_averaged_weights_of_another(tmp_path: Path) -> None:
    run(tmp_path, "looping.steps=10")
    averaged = saved_weights(tmp_path, averaged=True)
    latest = str(Checkpoints(tmp_path / "checkpoints", 3).latest())
    loop = Loop(PRESET, Memory(), Checkpoints(tmp_path / "other", 1), None, Workers(), latest)
    assert_equal(weights(loop), averaged)
    assert loop.average is not None
    assert_equal(loop.average.weights, averaged)


def test_a_run_goes_on_although_what_it_began_with_is_gone(tmp_path: Path) -> None:
    """The other run may have gone on, and have kept better checkpoints only."""
    before = run(tmp_path, "looping.steps=5")
    gone = str(tmp_path / "other" / "step-00000005")
    loop = Loop(PRESET, Memory(), Checkpoints(tmp_path / "checkpoints", 3), None, Workers(), gone)
    loop.start()
    assert loop.step == 5
    assert_equal(weights(loop), weights(before))


def test_what_is_no_training_does_not_count_as_its_time() -> None:
    meter = Meter()
    meter.windows = 100
    with meter.paused():
        time.sleep(0.5)
    assert meter.read(Denoise(), 1e9, 1)["windows_a_s"] > 100 / 0.5


def test_speeds_follow_from_each_other() -> None:
    meter = Meter(windows=100, waited_s=2.0, started_s=time.perf_counter() - 8)
    figures = meter.read(Denoise(), 1e9, workers=2)
    rate_hz = figures["windows_a_s"]
    assert rate_hz <= 100 / 8
    assert figures["tokens_a_s"] == pytest.approx(4 * rate_hz)
    assert figures["mfu"] == pytest.approx(384 * rate_hz / 2e9)  # 6 x 2 x 4 x 8 operations a window
    assert figures["data_wait_share"] == pytest.approx(2 * rate_hz / 100)
    assert (meter.windows, meter.waited_s) == (0, 0)


def test_memory_is_in_gib_whatever_a_system_counts_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrusage", lambda _: SimpleNamespace(ru_maxrss=3 * 2**20))
    for system, expected in (("linux", 3), ("darwin", 3 / 2**10)):
        monkeypatch.setattr(sys, "platform", system)
        assert peak_memory_gib("cpu") == expected


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [rate_at(step, 100, PRESET.optimizing) for step in range(100)]
    peak = PRESET.optimizing.learning_rate
    assert rates[9] == max(rates) == pytest.approx(peak)
    assert rates[0] == pytest.approx(peak / 10)
    assert rates[-1] == pytest.approx(peak / 10)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("cosine", (1, 0.5 + 0.5**1.5, 0.5, 0)), ("linear", (1, 0.75, 0.5, 0)), ("constant", (1, 1, 1, 1))],
)
def test_schedules_by_hand(schedule: Literal["cosine", "linear", "constant"], shares: tuple[float, ...]) -> None:
    """Of the way from the learning rate to its end, at the beginning, a quarter, the middle and the end."""
    settings = Optimizing(2.0, warmup_share=0, schedule=schedule, final_share=0.2)
    found = [rate_at(step, 101, settings) for step in (0, 25, 50, 100)]
    assert found == pytest.approx([0.4 + 1.6 * share for share in shares])
