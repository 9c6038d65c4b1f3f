"""What validation says of a run, but of every window of a split, and of the model that ``Trained`` opens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch

from training.batch import Batch
from training.codec_lm import CodecLmTask
from training.errors import SettingError
from training.pack import Pack
from training.parallel import Losses, Step
from training.stream import Stream
from training.trained import Trained
from training.vae import VaeTask
from training.validation import validation_losses
from training.workers import Workers


@dataclass(frozen=True)
class SplitLosses:
    """Means over the windows of a split."""

    windows: int
    means: Mapping[str, float]
    """The losses of the model's turn by name; ``total`` is what was optimised."""


def split_losses(trained: Trained, pack: Pack, split: str) -> SplitLosses:
    """Return the losses of every window of a split once, whatever is left over of whole batches too.

    They are those of the run's own validation: averaged weights, the precision of the run, nothing dropped, and the
    same draws at the same places of the order, so that the same pack always gives the same numbers. A GAN's
    discriminator is not judged. Raises SettingError if the model does not read such windows or the split is empty.
    """
    require(trained, pack)
    if not pack.windows(split):
        raise SettingError(f"the pack at {pack.location} has no windows in its split {split}: choose another --split")
    turns = trained.task.turns()
    step = Step(Losses(trained.module, turns), trained.module, turns, 0)
    batches = ([batch] for batch in _batches(trained, pack, split))
    with _precision(trained):
        found = validation_losses(batches, [step], trained.encode, Workers(device=trained.device))
    means = {name.removeprefix(f"validation/{step.turn.name}/"): value for name, value in found.items()}
    return SplitLosses(pack.windows(split), means)


def perplexities(trained: Trained, losses: SplitLosses) -> dict[str, float] | None:
    """How many tokens a language model wavers between, e to the nats a token, in the mean and by codebook; else None.

    Every window has as many tokens as any other, so means over windows are means over tokens.
    """
    if not isinstance(trained.task, CodecLmTask):
        return None
    return {name: math.exp(nats) for name, nats in losses.means.items()}


def require(trained: Trained, pack: Pack) -> None:
    """Raise SettingError if a pack's windows are not like those of the run; a VAE's may be longer or shorter."""
    wanted, found = trained.payload, pack.payload
    if isinstance(trained.task, VaeTask) and wanted.name == found.name:
        wanted = replace(wanted, shape=(*wanted.shape[:-1], found.shape[-1]))
    for name in ("name", "shape", "rate_hz", "spec", "dtype"):
        expected, there = getattr(wanted, name), getattr(found, name)
        if expected != there:
            raise SettingError(
                f"the run was trained on windows whose {name} is {expected}, the pack's is {there}: pack as for the run"
            )


def _precision(trained: Trained) -> Any:
    if trained.run.preset.looping.precision == "fp32":
        return nullcontext()
    return torch.autocast(torch.device(trained.device).type, torch.bfloat16)


def _batches(trained: Trained, pack: Pack, split: str) -> Iterator[Batch]:
    """Whole batches, then the rest one by one: a stream ends after its last whole batch, and begins anywhere."""
    stream = Stream([pack], Workers(device=trained.device), conditions=trained.task.conditions)
    count, size = pack.windows(split), trained.run.preset.looping.micro_windows
    whole, rest = divmod(count, size)
    for start, steps, windows in ((0, whole, size), (count - rest, rest, 1)):
        for parts in islice(stream.batches(split, start, windows, windows), steps):
            yield _normalised(trained, stream, parts[0])


def _normalised(trained: Trained, stream: Stream, batch: Batch) -> Batch:
    """The batch normalised as the model knows it, which another pack's statistics differ from."""
    own, its = trained.statistics, stream.statistics
    if own is None or its is None or own == its:
        return batch
    return replace(batch, payload=own.normalised(its.restored(batch.payload)))
