"""A run can be heard while it trains, and does not notice."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from jobs.generating.renderer import training_renderer_of
from tiny_pack import tiny_pack
from training.checkpoint import Checkpoints
from training.ema import parameters_of
from training.errors import SettingError
from training.fit import fitted
from training.generating.render import Renderer
from training.listening import Listener, spectrogram, whole
from training.logbook import Logbook, Picture, Sound, WeightsAndBiases, read_metrics
from training.loop import Loop
from training.pack import Pack
from training.presets import preset_of
from training.run_folder import Run
from training.stream import Stream
from training.trained import Trained
from training.workers import Workers

LENGTH = ["looping.steps=2", "looping.batch_windows=2", "looping.validation_windows=2"]
VAE = ("vae", "vae-tiny", ["task.mel=32k", "task.channels=[4, 4, 4, 8]"])
CODEC_LM = ("codec-lm", "codec-lm-tiny", ["task.head_width=8", "task.width=16", "looping.sample_prompts=[calm, loud]"])


def steps_of_tokens(trained: Trained) -> Renderer:
    """Sound whose samples are the tokens of the first codebook, each 32 times."""
    assert trained.payload.name == "tokens"
    return Renderer("tokens", 1600, 32, {}, lambda tokens: tokens[:, :1].float().repeat_interleave(32, 2) / 2048)


def nothing(trained: Trained) -> Renderer:
    raise SettingError("weight encodec-32khz is not in the store")


def too_large(trained: Trained) -> Renderer:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pack]:
    found: dict[str, Pack] = {}

    def pack(task: str) -> Pack:
        if task not in found:
            folder = tmp_path_factory.mktemp(task)
            found[task] = Pack.open(str(tiny_pack(folder, task, window_s=0.64, hop_s=0.64)))
        return found[task]

    return pack


def trained(folder: Path, case: Any, pack: Pack, every: int, renderer_of: Any) -> tuple[Loop, Tensor]:
    """Train a run in its folder; return it, and the state that its random numbers are in at the end."""
    _, name, settings = case
    settings = [*LENGTH, *settings, f"looping.sample_every={every}"]
    preset = fitted(preset_of(name, settings), pack.payload)
    stream = Stream([pack], conditions=preset.task.conditions)
    run = Run(folder, name, tuple(settings), (pack.location,))
    loop = Loop(preset, stream, Checkpoints(run.checkpoints, 1), Logbook(folder, 0), Workers())
    loop.listener = Listener(run, preset, stream, renderer_of, "cpu")
    loop.run()
    loop.logbook.close()
    return loop, torch.get_rng_state()


def heard(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard"), size_guidance={"audio": 0, "images": 0}).Reload()


@pytest.mark.parametrize(("case", "renderer_of"), [(VAE, training_renderer_of), (CODEC_LM, steps_of_tokens)])
def test_who_listens_does_not_disturb(case: Any, renderer_of: Any, packs: Any, tmp_path: Path) -> None:
    silent, state = trained(tmp_path / "silent", case, packs(case[0]), 0, renderer_of)
    loud, state_after = trained(tmp_path / "loud", case, packs(case[0]), 1, renderer_of)
    assert torch.equal(state, state_after)
    theirs = dict(loud.module.named_parameters())
    assert all(torch.equal(value, theirs[name]) for name, value in silent.module.named_parameters())
    assert heard(tmp_path / "silent").Tags()["audio"] == []
    names = {
        "vae": ["window 0/original", "window 0/reconstruction", "window 1/original", "window 1/reconstruction"],
        "codec-lm": ["calm", "loud"],
    }[case[0]]
    board = heard(tmp_path / "loud")
    assert sorted(board.Tags()["audio"]) == [f"samples/{name}" for name in names]
    assert sorted(board.Tags()["images"]) == [f"spectrograms/{name}" for name in names]
    for name in names:
        audio, images = board.Audio(f"samples/{name}"), board.Images(f"spectrograms/{name}")
        assert [event.step for event in audio] == [event.step for event in images] == [1, 2]
        assert audio[0].length_frames == pytest.approx(0.64 * audio[0].sample_rate, rel=0.01)
        assert images[0].height == 128


@pytest.mark.parametrize(("workers", "windows"), [(1, 2), (2, 2), (50, 1), (100, 0)])
def test_a_valid_split_smaller_than_a_batch_is_heard_while_every_worker_has_a_window(
    workers: int, windows: int, packs: Any, tmp_path: Path
) -> None:
    pack = packs("vae")
    assert 50 <= pack.windows("valid") < 100
    _, name, settings = VAE
    settings = [*settings, "looping.batch_windows=4096"]
    preset = fitted(preset_of(name, settings), pack.payload)
    stream = Stream([pack], Workers(size=workers), conditions=preset.task.conditions)
    run = Run(tmp_path, name, tuple(settings), (pack.location,))
    listener = Listener(run, preset, stream, training_renderer_of, "cpu")
    weights = parameters_of(preset.task.build())
    if not windows:
        with pytest.raises(SettingError, match="the valid split has fewer windows than there are workers, 100"):
            listener.entries(weights, lambda batch: batch, 1)
        return
    kinds = ("original", "reconstruction")
    names = {f"samples/window {number}/{kind}" for number in range(windows) for kind in kinds}
    assert {name for name in listener.entries(weights, lambda batch: batch, 1) if name.startswith("samples")} == names


def test_what_is_heard_follows_from_the_weights_and_not_from_the_time(packs: Any, tmp_path: Path) -> None:
    loop, _ = trained(tmp_path, CODEC_LM, packs("codec-lm"), 0, steps_of_tokens)
    assert loop.average is not None
    weights = loop.average.weights
    once, again = (loop.listener.entries(weights, lambda batch: batch, step) for step in (1, 2))
    others = {name: value + 0.5 * torch.randn_like(value) for name, value in weights.items()}
    changed = loop.listener.entries(others, lambda batch: batch, 1)
    assert np.array_equal(once["samples/calm"].samples, again["samples/calm"].samples)
    assert not np.array_equal(once["samples/calm"].samples, changed["samples/calm"].samples)


def test_without_a_decoder_the_log_says_why_once_and_training_goes_on(packs: Any, tmp_path: Path) -> None:
    loop, _ = trained(tmp_path, CODEC_LM, packs("codec-lm"), 1, nothing)
    assert loop.step == 2
    said = [(line["step"], line["samples"]) for line in read_metrics(tmp_path) if "samples" in line]
    assert said == [(1, "there are none: weight encodec-32khz is not in the store")]


def test_without_memory_to_spare_the_log_says_so_and_training_goes_on(packs: Any, tmp_path: Path) -> None:
    loop, _ = trained(tmp_path, CODEC_LM, packs("codec-lm"), 1, too_large)
    assert loop.step == 2
    said = [(line["step"], line["samples"]) for line in read_metrics(tmp_path) if "samples" in line]
    assert said == [(1, "there are none: they do not fit into the memory of cpu beside the training")]


@dataclass
class Sharded:
    """A weight of which each worker has a part."""

    together: Tensor
    calls: int = 0

    def detach(self) -> "Sharded":
        return self

    def full_tensor(self) -> Tensor:
        self.calls += 1
        return self.together


@pytest.mark.parametrize("rank", [0, 1])
def test_only_the_first_worker_keeps_the_weights_that_all_put_together(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "found", lambda: Workers(rank, 2))
    weights = {"sharded": Sharded(torch.arange(6)), "same": torch.ones(2)}
    found = whole(weights)  # type: ignore[arg-type]
    assert weights["sharded"].calls == 1, "the others wait for it"
    assert {name: value.tolist() for name, value in found.items()} == (
        {} if rank else {"sharded": [0, 1, 2, 3, 4, 5], "same": [1, 1]}
    )


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    times_s = np.arange(32_000) / 32_000
    low, high = (np.sin(2 * np.pi * hz * times_s, dtype=np.float32)[None] for hz in (200, 8000))
    rows = [int(spectrogram(samples, 32_000).grey.mean(axis=1).argmax()) for samples in (low, high)]
    assert rows[0] > 110
    assert 15 < rows[1] < 45
    grey = spectrogram(low, 32_000).grey
    assert (grey.min(), grey.max()) == (0, 1)
    assert np.array_equal(spectrogram(np.zeros((2, 4000), np.float32), 8000).grey, np.ones((128, 12)))


def test_a_resumed_run_cuts_off_what_was_said_beyond_its_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    for start, steps in ((0, (5, 10, 12)), (10, (15,))):
        logbook = Logbook(tmp_path, start)
        for step in steps:
            logbook.write(step, {"loss": 0.5})
        logbook.close()
    assert [line["step"] for line in read_metrics(tmp_path)] == [5, 10, 15]
    assert [event.step for event in heard(tmp_path).Scalars("loss")] == [5, 10, 15]


def test_weights_and_biases_takes_what_the_others_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    logbook = Logbook(tmp_path, 0, [WeightsAndBiases(tmp_path, "songs")])
    logbook.write(1, {"loss": 0.5, "note": "words"})
    logbook.write(2, {"tone": Sound(np.zeros((2, 800), np.float32), 8000), "view": Picture(np.ones((4, 6)))})
    logbook.close()
    media = {path.suffix for path in tmp_path.glob("wandb/offline-run-*/files/media/*/*")}
    assert media == {".wav", ".png"}
    assert any(path.stat().st_size for path in tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
