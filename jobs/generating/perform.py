"""From a request to sound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featurizers.audio import Sound, View
from jobs.generating import heard
from jobs.generating.account import Means, account
from jobs.generating.lyrics import phonemes_of
from jobs.generating.renderer import renderer_of
from jobs.generating.request import Request
from jobs.generating.rerank import clap_scores, require_clap
from jobs.generating.style import Style, style_of
from jobs.trained_runs import open_run
from training.codec_lm import CodecLmTask
from training.errors import SettingError
from training.generating.templates import Section, planned
from training.generating.wish import Wish

if TYPE_CHECKING:
    from torch import Tensor

    from featurizers.audio import Samples
    from training.generating.render import Renderer
    from training.trained import Trained

MAX_BEFORE_S = 30.0
"""Of a file that is gone on from: no model is told more than its window."""


@dataclass(frozen=True)
class Piece:
    """The sound ``(channels, samples)`` that was chosen, and what is needed to make it again."""

    samples: Samples
    rate_hz: int
    document: dict[str, Any]


def perform(request: Request) -> Piece:
    """Make what is asked for. Raises SettingError for what cannot be, WeightsError for weights that are missing."""
    from training.generating.generate import compose, window_s

    trained = open_run(Path(request.run), request.checkpoint)
    request.check(trained.task, trained.run.training)
    judges = require_clap() if request.candidates > 1 else ()
    duration_s = request.duration or window_s(trained)
    sections = planned(request.template, duration_s) if request.template else [Section(0.0, duration_s)]
    style = style_of(request.style_of, trained.run) if request.style_of else None
    wish = _wish(request, style, duration_s)
    renderer = renderer_of(trained, request.vocoder or "")
    before = _before(request, trained, renderer)
    sounds = compose(trained, [wish] * request.candidates, sections, request.how, renderer, before)
    chosen, scores = _chosen(request, sounds, renderer.rate_hz)
    means = Means(trained, renderer, wish, sections, style, judges)
    return Piece(sounds[chosen], renderer.rate_hz, account(request, means, chosen, scores))


def _wish(request: Request, style: Style | None, duration_s: float) -> Wish:
    sung: dict[str, Any] = {}
    if request.lyrics:
        phonemes = phonemes_of(request.lyrics, request.language, duration_s)
        sung = {"lyrics": request.lyrics, "phonemes": phonemes, "has_vocals": 1.0}
    known = style or Style(None, None)
    return Wish(
        prompt=request.prompt or None,
        tempo_bpm=request.tempo,
        key=request.key,
        genre=request.genre,
        artist=known.artist,
        voice=known.voice,
        ecapa=known.ecapa,
        others=sung,
    )


def _before(request: Request, trained: Trained, renderer: Renderer) -> Tensor | None:
    """The tokens ``(1, codebooks, frames)`` of the end of the file that is gone on from, in whole frames."""
    if request.continue_from is None:
        return None
    import torch

    from featurizers.codecs import load_encoder

    assert isinstance(trained.task, CodecLmTask)
    encoder = load_encoder(renderer.through["codec"].partition("@")[0])
    audio = heard.read(request.continue_from, "--continue-from")
    mono = Sound.of(mix=audio).view(View("mix", renderer.rate_hz, 1)).samples[0]
    hop = renderer.hop_samples
    frames = min(len(mono), int(MAX_BEFORE_S * renderer.rate_hz)) // hop
    if frames == 0:
        raise SettingError(f"--continue-from {request.continue_from!r} is shorter than a frame of the codec")
    end = np.ascontiguousarray(mono[len(mono) - frames * hop :])
    tokens = encoder.encode(end)[: trained.task.codebooks]
    return torch.from_numpy(tokens.astype(np.int64))[None]


def _chosen(request: Request, sounds: Sequence[Samples], rate_hz: int) -> tuple[int, list[float | None]]:
    """The number of the best candidate, and the score of each: none for silence, and none at all for one alone."""
    if request.candidates == 1:
        return 0, []
    from training.token_sampling import best

    scores = clap_scores(request.prompt or "", sounds, rate_hz)
    audible = [number for number, score in enumerate(scores) if math.isfinite(score)]
    chosen = best(audible, scores.__getitem__) if audible else 0
    return chosen, [score if math.isfinite(score) else None for score in scores]
