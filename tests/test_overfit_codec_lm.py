"""A language model that has read nothing but one song plays it: in its key and its tempo, as our own ears hear it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from featurizers.audio import Audio, Sound
from featurizers.codec_tokens import CodecTokens
from featurizers.featurizer import Inputs
from jobs.demo.render import render
from jobs.demo.songs import TURNING_WHEEL
from jobs.evaluating.adherence import Heard, load_ears
from jobs.generating.renderer import renderer_of
from schemas import sine_tokens as sines
from tiny_pack import tiny_pack
from tiny_runs import trained_run
from training.evaluating.losses import split_losses
from training.generating.generate import How, Wish, generate
from training.pack import Pack
from training.trained import Trained

SONG = TURNING_WHEEL
KEY_INDEX = 7
WINDOW_S = 10.24
SETTINGS = (
    *("looping.steps=120", "looping.batch_windows=1", "looping.micro_windows=1", "looping.validate_every=120"),
    *("looping.save_every=120", "optimizing.learning_rate=4e-3", "optimizing.ema_decay=0.9"),
)


def song_columns(_task: str, number: int) -> Mapping[str, Mapping[str, Any]]:
    """The first window of the song, whichever track it is: each split holds the same."""
    facts = {"artist": f"Artist {number}", "title": SONG.title, "duration_s": WINDOW_S}
    return {"tracks": facts, "codec_tokens": _window()}


@cache
def _window() -> Mapping[str, Any]:
    samples, rate_hz = render(SONG)
    cut = np.ascontiguousarray(samples[:, : round(WINDOW_S * rate_hz)], np.float32)
    [row] = CodecTokens(sines.CODEC).load()([Inputs(Sound.of(mix=Audio(cut, rate_hz)))])
    return row


@dataclass(frozen=True)
class Overfitted:
    """A run that was opened, the same model before its first step, and what both are judged by."""

    trained: Trained
    control: Trained
    pack: Pack


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory: pytest.TempPathFactory) -> Overfitted:
    folder = tmp_path_factory.mktemp("overfit")
    pack = tiny_pack(folder, "codec-lm", num_tracks=8, columns=song_columns, window_s=WINDOW_S, hop_s=WINDOW_S)
    trained = Trained.open(trained_run(folder / "run", "codec-lm-tiny", pack, *SETTINGS))
    torch.manual_seed(1)
    control = replace(trained, module=trained.task.build().requires_grad_(False).eval())
    return Overfitted(trained, control, Pack.open(str(pack)))


def played(trained: Trained) -> Heard:
    """What is heard of a window that the model makes of nothing, always of the likeliest token."""
    renderer = renderer_of(trained)
    [samples] = generate(trained, [Wish()], WINDOW_S, How(temperature=0), renderer)
    return load_ears()(Audio(samples, renderer.rate_hz))


def test_its_loss_is_none_that_an_untrained_model_has(overfitted: Overfitted) -> None:
    loss = split_losses(overfitted.trained, overfitted.pack, "train").means["total"]
    control = split_losses(overfitted.control, overfitted.pack, "train").means["total"]
    assert loss < control / 20


def test_it_plays_its_song(overfitted: Overfitted) -> None:
    heard, noise = played(overfitted.trained), played(overfitted.control)
    assert heard.tempo_bpm == pytest.approx(SONG.tempo_bpm, rel=0.02)
    assert heard.key_index == KEY_INDEX
    assert noise.key_index != KEY_INDEX
    assert noise.tempo_bpm is None or noise.tempo_bpm != pytest.approx(SONG.tempo_bpm, rel=0.04)
