"""Latent diffusion learns: alone, guided, and without what it is not told."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import torch
from torch import nn

from conditioned import windows
from training.batch import Batch
from training.checkpoint import Checkpoints
from training.condition_groups import CONDITIONS
from training.config import Preset, changed
from training.draws import Draws
from training.errors import SettingError
from training.ldm import LdmTask, guided_model
from training.ldm_presets import PRESETS
from training.loop import Loop
from training.objectives import OBJECTIVES
from training.samplers import SAMPLERS
from training.workers import Workers

TINY = PRESETS["ldm-tiny"]()
SHAPE = (4, 8, 16)


def tiny_task(name: str = "ldm-tiny") -> LdmTask:
    task = PRESETS[name]().task
    assert isinstance(task, LdmTask)
    return task


@dataclass(frozen=True)
class FewWindows:
    """The same four windows again and again, at new positions."""

    batch: Batch

    def batches(self, split: str, start: int, windows: int, micro: int) -> Iterator[list[Batch]]:
        steps = iter(range(start, 10**9)) if split == "train" else iter(range(0))
        for step in steps:
            yield [replace(self.batch, positions=windows * step + torch.arange(windows))]


def smooth_windows() -> Batch:
    """Four latents that one can learn: waves of a few pixels."""
    height, width = torch.meshgrid(torch.arange(8.0), torch.arange(16.0), indexing="ij")
    waves = [torch.sin(height * rate + width / (rate + 1) + phase) for rate in (0.2, 0.6) for phase in (0.0, 1.5)]
    latents = torch.stack([torch.stack([wave, -wave, wave.flip(1), wave.flip(0)]) for wave in waves])
    texts = {"prompt": ("slow", "slow, turned", "fast", "fast, turned")}
    return replace(windows(4, SHAPE), payload=latents / latents.std(), texts=texts)


def held_out_loss(task: LdmTask, module: nn.Module, batch: Batch) -> float:
    """With noise and times that were not trained on, all conditions told."""
    module.eval()
    batch = task.load_encoders("cpu")(batch)
    with torch.no_grad():
        draws = [Draws(99, 4 * repeat + torch.arange(4)) for repeat in range(4)]
        losses = [task.turns()[0].losses(module, batch, each)["error"].mean() for each in draws]
    return float(torch.stack(losses).mean())


@pytest.mark.parametrize(
    ("name", "objective", "steps"), [("ldm-tiny", "epsilon", 25), ("dit-tiny", "flow", 50)], ids=["unet", "dit"]
)
def test_it_learns_what_an_untrained_one_does_not_know(tmp_path: Path, name: str, objective: str, steps: int) -> None:
    settings = [f"looping.steps={steps}", "looping.batch_windows=4", f"task.objective={objective}"]
    preset = changed(PRESETS[name](), [*settings, "looping.log_every=100", "optimizing.learning_rate=4e-3"])
    assert isinstance(preset.task, LdmTask)
    batch = smooth_windows()
    loop = Loop(preset, FewWindows(batch), Checkpoints(tmp_path, 1), None, Workers())
    untrained = held_out_loss(preset.task, loop.module, batch)
    loop.module.train()
    loop.run()
    trained = held_out_loss(preset.task, loop.module, batch)
    assert trained < untrained / 2


def test_without_training_it_errs_as_much_as_there_is() -> None:
    task = tiny_task()
    batch, module = windows(4, SHAPE), task.build()
    draws = Draws(0, batch.positions)
    losses = task.turns()[0].losses(module, batch, draws)
    target = batch.payload - draws.normal("noise", SHAPE)
    assert torch.allclose(losses["total"], target.square().mean(dim=(1, 2, 3)))  # it predicts 0
    assert torch.equal(losses["total"], losses["error"])


def test_an_error_counts_as_much_as_its_objective_says() -> None:
    task, batch = replace(tiny_task("dit-tiny"), objective="v"), windows(8, SHAPE)
    draws, velocity = Draws(0, batch.positions), OBJECTIVES["v"]
    losses = task.turns()[0].losses(task.build(), batch, draws)
    weights = velocity.weight(velocity.times(draws))
    assert weights.min() < 0.9
    assert torch.allclose(losses["total"], weights * losses["error"])


@pytest.mark.parametrize("name", ["ldm-tiny", "dit-tiny"])
def test_all_parameters_are_in_the_graph_whatever_is_known(name: str) -> None:
    task = tiny_task(name)
    module, batch = task.build(), windows(2, SHAPE)
    for known in (batch, Batch(batch.payload, batch.positions)):
        for bf16 in (False, True):
            module.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                losses = task.turns()[0].losses(module, known, Draws(0, batch.positions))
            losses["total"].sum().backward()
            assert losses["total"].dtype == torch.float32
            assert [path for path, value in module.named_parameters() if value.grad is None] == []
    assert len(task.turns()[0].parameters(module)) == len(list(module.parameters()))
    assert all(isinstance(block, nn.Module) for block in task.blocks(module))


def test_conditions_are_dropped_each_for_itself() -> None:
    task = replace(tiny_task(), drop=0.3, drop_all=0.0, drop_by_condition=(("voice", 0.0), ("ecapa", 1.0)))
    drops = task.drops(Draws(5, torch.arange(600)))
    assert set(drops) == set(CONDITIONS)
    assert not drops["voice"].any()
    assert drops["ecapa"].all()
    assert drops["genre"].float().mean() == pytest.approx(0.3, abs=0.06)
    both = torch.stack([drops["genre"], drops["prompt"]]).float()
    assert abs(torch.corrcoef(both)[0, 1]) < 0.12
    assert torch.equal(task.drops(Draws(5, torch.tensor([17])))["genre"], drops["genre"][17:18])
    together = torch.stack(list(replace(task, drop=0.0, drop_all=0.5).drops(Draws(5, torch.arange(200))).values()))
    assert torch.equal(together[0], together[1])


def test_training_drops_and_validation_does_not() -> None:
    task = replace(tiny_task("dit-tiny"), drop=1.0)
    module, batch = task.build(), windows(2, SHAPE)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))

    def error(batch: Batch) -> torch.Tensor:
        return task.turns()[0].losses(module, batch, Draws(0, batch.positions))["error"]

    nothing = Batch(batch.payload, batch.positions)
    assert torch.allclose(error(batch), error(nothing), rtol=1e-4)
    module.eval()
    assert not torch.allclose(error(batch), error(nothing), rtol=1e-4)


def test_it_samples_guided_or_not() -> None:
    task = tiny_task("dit-tiny")
    module, batch = task.build(), windows(2, SHAPE)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        draws, flow = Draws(0, batch.positions), OBJECTIVES["flow"]

        def sample(batch: Batch, scale: float) -> torch.Tensor:
            return SAMPLERS["ddim"](guided_model(module, batch, scale), flow, SHAPE, 3, draws)

        told, untold = sample(batch, 1.0), sample(Batch(batch.payload, batch.positions), 1.0)
        assert told.shape == (2, *SHAPE)
        assert torch.equal(told, sample(batch, 1.0))
        assert torch.allclose(sample(batch, 0.0), untold, atol=1e-4)
        assert not torch.allclose(sample(batch, 3.0), told, atol=1e-3)


def test_operations_of_a_window_by_hand() -> None:
    task = replace(tiny_task("dit-tiny"), fusion_width=8)
    wider = replace(task, latent_shape=(4, 8, 17))
    width, frame = task.channels, 32
    linear = 2 * (2 * frame * width + task.depth * (4 + 2 + 2 + 8) * width**2)  # in and out; qkvo, two times qo, MLP
    attention = task.depth * (4 * (17**2 - 16**2) + 4 * (1 + task.voice_tokens)) * width
    assert wider.flops_a_window() - task.flops_a_window() == 3 * (linear + attention)


def test_the_presets() -> None:
    assert {"ldm-256", "ldm-320", "ldm-512", "ldm-768", "ldm", "ldm-tiny", "dit-tiny"} <= set(PRESETS)
    for name in ("ldm", "dit-s", "dit-b", "dit-l"):
        with torch.device("meta"):
            parameters = sum(value.numel() for value in PRESETS[name]().task.build().parameters())
        assert parameters == pytest.approx(
            {"ldm": 418e6, "dit-s": 67e6, "dit-b": 200e6, "dit-l": 647e6}[name], rel=0.01
        )
    for preset in (make() for make in PRESETS.values()):
        assert isinstance(preset, Preset)
        assert isinstance(preset.task, LdmTask)
    assert set(get_args(get_type_hints(LdmTask)["objective"])) == set(OBJECTIVES)


def test_prompts_are_encoded_or_not() -> None:
    task, batch = tiny_task(), smooth_windows()
    conditions = task.load_encoders("cpu")(batch).conditions
    assert conditions["text"].shape == (4, 2, 64)
    assert conditions["text_mask"].tolist() == [[True, False], [True, True]] * 2
    assert torch.equal(conditions["text"][0, 0], conditions["text"][1, 0])
    assert replace(task, text_encoder="").load_encoders("cpu")(batch) is batch


def test_latents_of_another_shape_are_refused() -> None:
    task, batch = tiny_task(), windows(1, (4, 8, 20))
    with pytest.raises(SettingError, match=r"the latents are \[4, 8, 20\]: task.latent_shape is \[4, 8, 16\]"):
        task.turns()[0].losses(task.build(), batch, Draws(0, batch.positions))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("task.drop=1.5", "drop is 1.5, expected 0 to 1"),
        ("task.drop_by_condition=[[voise, 0.5]]", "drop_by_condition names voise: this task has no such condition"),
        ("task.head_width=48", "head_width is 48, expected a divisor of the widths that attend"),
        ("task.objective=eps", "expected one of epsilon, v, flow"),
    ],
)
def test_what_cannot_be_is_a_sentence(setting: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        changed(TINY, [setting])
