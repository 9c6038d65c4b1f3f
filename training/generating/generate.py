"""Sound from a trained run: what everything that generates goes through."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from training.errors import SettingError
from training.generating.batches import batch_of
from training.generating.crossfade import FADE_S, Samples, joined
from training.generating.how import How
from training.generating.payloads import Made, make
from training.generating.render import Renderer
from training.generating.templates import Section
from training.generating.wish import Wish
from training.trained import Trained

__all__ = ["How", "Renderer", "Wish", "compose", "generate", "window_s"]

AT_ONCE = {"cpu": 1, "cuda": 8}
"""Wishes a forward pass: on a CPU one gives the same bytes, whatever else is wished for."""
_WISHES = 1 << 20
"""Sections draw other noise than the wishes of the one before."""


def window_s(trained: Trained) -> float:
    """How long the windows are that the model was trained on."""
    return trained.payload.shape[-1] / trained.payload.rate_hz


def generate(
    trained: Trained, wishes: Sequence[Wish], duration_s: float, how: How, renderer: Renderer
) -> list[Samples]:
    """Return float32 ``(channels, samples)`` at ``renderer.rate_hz`` for each wish, what is drawn following from the
    seed and its place alone. A VAE heeds no wish: it decodes draws of its prior, the standard normal.

    Raises SettingError for what the model or the renderer cannot do.
    """
    return compose(trained, wishes, [Section(0.0, duration_s)], how, renderer)


def compose(
    trained: Trained,
    wishes: Sequence[Wish],
    sections: Sequence[Section],
    how: How,
    renderer: Renderer,
    before: Tensor | None = None,
) -> list[Samples]:
    """The same section by section, joined by cross-fades of 50 ms: as long as the sections together.

    A language model goes on from the tokens of the sections before, and those ``(1, codebooks, frames)`` before them
    all; each kind of model is told what the section is, as far as it was trained to know.
    """
    if sections[-1].end_s <= sections[0].start_s:
        raise SettingError(f"the duration is {sections[-1].end_s:g} s, expected more than 0")
    if renderer.payload != trained.payload.name:
        raise SettingError(f"the run makes {trained.payload.name}, which is not what is rendered, {renderer.payload}")
    at_once = AT_ONCE[torch.device(trained.device).type]
    pieces: list[Samples] = []
    for first in range(0, len(wishes), at_once):
        some = wishes[first : first + at_once]
        begun = None if before is None else before.expand(len(some), -1, -1)
        pieces += _composed(trained, some, first, sections, how, renderer, begun)
    return pieces


def _composed(
    trained: Trained,
    wishes: Sequence[Wish],
    first: int,
    sections: Sequence[Section],
    how: How,
    renderer: Renderer,
    before: Tensor | None,
) -> list[Samples]:
    parts: list[list[Samples]] = [[] for _ in wishes]
    fade = round(FADE_S * renderer.rate_hz)
    for number, section in enumerate(sections):
        is_last = number == len(sections) - 1
        length = _samples(section, renderer) + (0 if is_last else fade)
        positions = [number * _WISHES + first + index for index in range(len(wishes))]
        duration_s = length / renderer.rate_hz
        batch = batch_of([section.of(wish) for wish in wishes], trained.task.conditions, duration_s, positions)
        encoded = trained.encode(batch.to(trained.device))
        made = make(trained, encoded, math.ceil(length / renderer.hop_samples), how, before)
        for part, samples in zip(parts, _rendered(made, renderer, length), strict=True):
            part.append(samples)
        before = _heard(made, before, _samples(section, renderer) // renderer.hop_samples)
    return [joined(part, fade) for part in parts]


def _samples(section: Section, renderer: Renderer) -> int:
    """Samples of a section; those of all add up to the whole."""
    return max(1, round(section.end_s * renderer.rate_hz) - round(section.start_s * renderer.rate_hz))


def _rendered(made: Made, renderer: Renderer, length: int) -> list[Samples]:
    """The new samples of each, rendered with what they go on from."""
    first = made.given_frames * renderer.hop_samples
    samples = renderer(made.payload)[:, :, first : first + length]
    return [np.ascontiguousarray(one) for one in samples.numpy().astype(np.float32)]


def _heard(made: Made, before: Tensor | None, frames: int) -> Tensor:
    """What the next section goes on from: all so far, without what only fades out."""
    new = made.new[..., :frames]
    return new if before is None else torch.cat([before.to(new.device), new], dim=-1)
