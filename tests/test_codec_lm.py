"""Codec language models: they see what they may, heed what they are told, and learn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

from tiny_codec_lm import model_of, task_of, windows
from training.batch import Batch
from training.checkpoint import Checkpoints
from training.codec_lm import AUDIO_PROMPT, CodecLmTask, sampled
from training.draws import Draws
from training.errors import SettingError
from training.estimate import estimate
from training.loop import Loop
from training.patterns import NOTHING, pattern
from training.presets import preset_of
from training.token_sampling import Sampling
from training.workers import Workers

KINDS = [
    (architecture, order, prompt_s)
    for architecture in ("prefix", "cross")
    for order in ("flat", "delay", "parallel")
    for prompt_s in (0.0, 4.0)
]
every_kind = pytest.mark.parametrize(("architecture", "order", "prompt_s"), KINDS)


def losses(task: CodecLmTask, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
    return task.turns()[0].losses(module, batch, Draws(0, batch.positions))


@every_kind
def test_no_logits_see_what_comes_later(architecture: str, order: str, prompt_s: float) -> None:
    task = task_of(architecture, order, prompt_s)
    module, batch = model_of(task), task.prompted(windows(task))
    sequence, mask = pattern(order, 3).apply(batch.payload)
    steps = sequence.shape[2]
    logits = module(sequence, batch)
    assert logits.shape == (4, steps, sequence.shape[1], 16)
    for step in (0, 1, steps // 2, steps - 2):
        other = sequence.clone()
        other[:, :, step] = torch.where(mask[:, step], (other[:, :, step] + 1) % 16, NOTHING)
        changed = (module(other, batch) - logits).abs().amax(dim=(0, 2, 3))
        assert (changed[: step + 1] == 0).all()
        assert (changed[step + 1 :] > 0).all()


@every_kind
def test_everything_trains(architecture: str, order: str, prompt_s: float) -> None:
    task = task_of(architecture, order, prompt_s, drop=0.4)
    module, batch = model_of(task).train(), windows(task)
    for place in range(0, 20, 4):  # until everything was dropped once, and was not
        losses(task, module, replace(batch, positions=batch.positions + place))["total"].sum().backward()
    still = [
        name
        for name, weight in module.named_parameters()
        if weight.grad is None or not weight.grad.isfinite().all() or not weight.grad.any()
    ]
    assert still == []


@pytest.mark.parametrize("order", ["flat", "delay", "parallel"])
def test_the_loss_is_the_cross_entropy_of_each_token_and_ignores_what_is_none(order: str) -> None:
    task = task_of("cross", order)
    module, batch = model_of(task), windows(task)
    batch.payload[1, :, 9:] = NOTHING
    found = losses(task, module, batch)
    assert set(found) == {"total", "codebook_0", "codebook_1", "codebook_2"}
    sequence, _ = pattern(order, 3).apply(batch.payload)
    logits_BRSV = module(sequence, batch).transpose(1, 2)
    logits_BKTV = torch.stack([pattern(order, 3).revert(value) for value in logits_BRSV.unbind(3)], dim=3)
    for window, frames in ((0, 12), (1, 9)):
        known_KTV, tokens_KT = logits_BKTV[window, :, :frames], batch.payload[window, :, :frames]
        expected = F.cross_entropy(known_KTV.flatten(0, 1), tokens_KT.flatten())
        assert torch.isclose(found["total"][window], expected, atol=1e-5)
        for codebook in range(3):
            expected = F.cross_entropy(known_KTV[codebook], tokens_KT[codebook])
            assert torch.isclose(found[f"codebook_{codebook}"][window], expected, atol=1e-5)
    batch.payload[2] = NOTHING
    assert losses(task, module, batch)["total"][2] == 0


@pytest.mark.parametrize("architecture", ["prefix", "cross"])
def test_it_heeds_what_it_is_told(architecture: str) -> None:
    task = task_of(architecture, prompt_s=4.0)
    module, batch = model_of(task), windows(task)
    known = losses(task, module, batch)["total"]
    others = {
        "tempo_bpm": replace(batch, conditions=batch.conditions | {"tempo_bpm": 60 + batch.conditions["tempo_bpm"]}),
        "prompt": replace(batch, conditions=batch.conditions | {"text": batch.conditions["text"].flip(1)}),
    }
    for name, other in others.items():
        changed = (losses(task, module, other)["total"] - known).abs() > 1e-5
        assert torch.equal(changed, batch.present[name]), name
    cut = task.prompted(batch)
    assert cut.conditions[AUDIO_PROMPT].shape == (4, 3, 4)
    assert cut.payload.shape == (4, 3, 8)
    heard = batch.payload.clone()
    heard[:, :, 0] = (heard[:, :, 0] + 1) % 16
    assert ((losses(task, module, replace(batch, payload=heard))["total"] - known).abs() > 1e-5).all()


@pytest.mark.parametrize("architecture", ["prefix", "cross"])
def test_a_window_does_not_depend_on_the_others(architecture: str) -> None:
    """Texts of other lengths beside it, too: they are filled up."""
    task = task_of(architecture, drop=0.5, drop_all=0.3)
    module, batch = model_of(task).train(), windows(task)
    alone = windows(task, count=1)
    assert alone.conditions["text"].shape[1] == 4
    alone = replace(alone, conditions=alone.conditions | {"text": F.pad(alone.conditions["text"], (0, 0, 0, 3))})
    alone.conditions["text_mask"] = F.pad(alone.conditions["text_mask"], (0, 3))
    assert torch.isclose(losses(task, module, batch)["total"][0], losses(task, module, alone)["total"][0], atol=1e-5)


def test_conditions_are_dropped_in_training_as_often_as_asked() -> None:
    task = task_of(drop=0.2, drop_by_condition=((AUDIO_PROMPT, 0.6), ("genre", 0.0)), drop_all=0.1)
    drops = task.drops(Draws(0, torch.arange(2000)))
    shares = {name: dropped.float().mean().item() for name, dropped in drops.items()}
    assert set(shares) == {*task.conditions, AUDIO_PROMPT}
    assert shares["genre"] == pytest.approx(0.1, abs=0.03)
    assert shares["prompt"] == pytest.approx(1 - 0.9 * 0.8, abs=0.03)
    assert shares[AUDIO_PROMPT] == pytest.approx(1 - 0.9 * 0.4, abs=0.03)
    assert (torch.stack(list(drops.values())).all(dim=0) == drops["genre"]).all()

    everything = task_of(drop=1.0)
    module, batch = model_of(everything), windows(everything)
    in_validation = losses(everything, module, batch)["total"]
    nothing = {name: torch.ones_like(has) for name, has in batch.present.items()}
    without = losses(everything, module, batch.dropped(nothing))["total"]
    assert not torch.allclose(in_validation, without, atol=1e-4)
    assert torch.allclose(losses(everything, module.train(), batch)["total"], without)


def test_what_does_not_fit_is_refused() -> None:
    task = task_of()
    batch = windows(task)
    with pytest.raises(SettingError, match=r"^windows have 3 x 11 tokens, this model is of 3 x 12: take a pack"):
        losses(task, model_of(task), replace(batch, payload=batch.payload[:, :, 1:]))
    with pytest.raises(SettingError, match=r"^text encoder hash is 64 wide, task.text_width is 768: set that$"):
        task_of(text_width=768).load_encoders("cpu")
    wrong = {"drop": 1.5, "drop_by_condition": (("mood", 0.5),), "prompt_s": 12.0, "width": 40}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=name):
            task_of(**{name: value})


def test_the_published_sizes() -> None:
    """Twelve squares of the width a block, and four more where it attends to a context; then tables and heads."""
    expected = {"codec-lm-a": 331_302_912, "codec-lm-b": 433_219_584}
    for name, parameters in expected.items():
        preset = preset_of(name)
        found = estimate(preset)
        task, by_part = preset.task, found["parameters_by_part"]
        assert found["parameters"] == parameters
        squares = 12 + 4 * (task.architecture == "cross")
        assert by_part["layers"] == pytest.approx(24 * squares * 1024**2, rel=1e-3)
        assert by_part["tables"] == 4 * 2049 * 1024
        assert by_part["heads"] == 4 * 2048 * 1024
        assert (preset.optimizing.betas, preset.optimizing.weight_decay) == ((0.9, 0.99), 0.1)
        assert (preset.optimizing.warmup_share, preset.optimizing.clip_norm) == (0.1, 1.0)


def test_what_layers_add_is_small_at_first() -> None:
    model = task_of("cross", layers=8, width=64).build()
    deviations = {name: weight.std().item() for name, weight in model.named_parameters() if weight.ndim == 2}
    adds = {
        name for name in deviations if name.startswith("layers.") and name.endswith((".out.weight", "mlp.2.weight"))
    }
    assert len(adds) == 8 * 3
    for name in adds:
        assert deviations[name] == pytest.approx(0.02 / 4, rel=0.1), name  # by the root of twice the layers
    for name in ("layers.7.attention.qkv.weight", "layers.7.mlp.0.weight", "tables.weight", "heads.2.weight"):
        assert deviations[name] == pytest.approx(0.02, rel=0.1), name


@pytest.mark.parametrize("architecture", ["prefix", "cross"])
def test_the_operations_of_a_window(architecture: str) -> None:
    task = task_of(architecture, "flat", width=64, layers=3, window_frames=64)
    places, context = 3 * 64, 16 + 4
    prefix = context if architecture == "prefix" else 0
    linear = 12 * 64**2 * (places + prefix) + (0 if prefix else 64**2 * (2 * places + 2 * context))
    attention = 2 * 64 * ((places + prefix) ** 2 + prefix**2 + (0 if prefix else places * context))
    expected = 3 * 2 * (3 * (linear + attention) + places * 64 * 16)
    assert task.flops_a_window() == pytest.approx(expected, rel=0.05)


SMALL = ("task.codebooks=3", "task.codebook_size=32", "task.window_frames=12", "task.width=64", "task.text_tokens=4")
MODEL_A = ("task.architecture=prefix", "task.pattern=flat")
MODEL_B = ("task.architecture=cross", "task.pattern=delay", "task.frames_a_s=1", "task.prompt_s=3")


@dataclass(frozen=True)
class Songs:
    """The same four windows in every step."""

    batch: Batch

    def batches(self, split: str, start: int, windows: int, micro: int) -> Iterator[list[Batch]]:
        steps = count(start) if split == "train" else range(1)
        for step in steps:
            yield [replace(self.batch, positions=torch.arange(step * windows, (step + 1) * windows))]


@pytest.mark.parametrize("settings", [MODEL_A, MODEL_B])
def test_it_learns_four_windows_by_heart(tmp_path: Path, settings: tuple[str, ...]) -> None:
    run = ("looping.steps=80", "looping.log_every=80", "looping.validate_every=80", "looping.save_every=80")
    preset = preset_of("codec-lm-tiny", (*SMALL, *settings, *run))
    task = preset.task
    assert isinstance(task, CodecLmTask)
    tokens = torch.randint(0, 32, (4, 3, 12), generator=torch.Generator().manual_seed(0))
    prompts = ("a slow sad song", "fast drums", "a piano", "rain")
    has_text = {"prompt": torch.ones(4, dtype=torch.bool)}
    batch = Batch(tokens, torch.arange(4), ("track",) * 4, {}, has_text, {"prompt": prompts})
    loop = Loop(preset, Songs(batch), Checkpoints(tmp_path, 1), None, Workers())
    known = task.load_encoders("cpu")(batch)
    untrained = losses(task, loop.module.eval(), known)["total"].mean()
    loop.module.train()
    loop.run()
    trained = losses(task, loop.module.eval(), known)["total"].mean()
    assert untrained > 0.9 * torch.tensor(32.0).log()
    assert trained < untrained / 10
    assert loop.validation_loss is not None
    assert loop.validation_loss < untrained / 4  # of the averaged weights, which come behind

    cut = task.prompted(known)
    start = replace(cut, payload=cut.payload[:, :, :0])
    greedy = Sampling(temperature=0, guidance=1)
    song = sampled(loop.module, task, start, task.predicted_frames, greedy, Draws(0, batch.positions))
    assert (song == cut.payload).float().mean() > 0.98
