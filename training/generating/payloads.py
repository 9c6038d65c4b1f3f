"""What each kind of model makes of a batch of wishes: log-mels, latents or tokens, as a pack has them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from schemas.latent_windows import LEAST_LATENTS
from training.batch import Batch
from training.codec_lm import AUDIO_PROMPT, CodecLmTask, sampled
from training.draws import Draws
from training.errors import SettingError
from training.generating.how import How
from training.ldm import LdmTask, guided_model
from training.objectives import OBJECTIVES
from training.samplers import SAMPLERS
from training.token_sampling import Sampling
from training.trained import Trained
from training.vae import VaeTask

if TYPE_CHECKING:
    from training.models.codec_lm import CodecLm
    from training.models.denoiser import Denoiser
    from training.models.discriminator import JudgedVae

_WINDOWS = 1 << 40
"""Windows of tokens draw other numbers than the one before; there are fewer sections and wishes than that."""


@dataclass(frozen=True)
class Made:
    """A payload, of which the first frames were there before."""

    payload: Tensor
    given_frames: int = 0

    @property
    def new(self) -> Tensor:
        """What was not there before."""
        return self.payload[..., self.given_frames :]


@torch.no_grad()
def make(trained: Trained, batch: Batch, frames: int, how: How, before: Tensor | None = None) -> Made:
    """Make at least so many frames for a batch that is encoded, on the device of the model.

    ``before`` are tokens ``(B, codebooks, frames)`` that a language model goes on from. The others start afresh.
    """
    task = trained.task
    if isinstance(task, CodecLmTask):
        return _tokens(trained, task, batch, frames, how, before)
    if isinstance(task, LdmTask):
        return Made(_restored(trained, _latents(trained, task, batch, frames, how)))
    if isinstance(task, VaeTask):
        return Made(_restored(trained, _mels(trained, task, frames, Draws(how.seed, batch.positions))))
    raise SettingError(f"nothing can be made with a model of {trained.run.training}")


def sampler_name(task: LdmTask, how: How) -> str:
    """The sampler that is taken. SettingError if there is none of that name, or if it cannot sample such a model so."""
    name = how.sampler or ("euler" if task.objective == "flow" else "dpm-solver")
    if name not in SAMPLERS:
        raise SettingError(f"there is no sampler {name!r}, expected one of {', '.join(SAMPLERS)}")
    if name == "euler" and task.objective != "flow":
        raise SettingError(f"sampler euler follows a flow, the run's model predicts {task.objective}: take ddim")
    return name


def _restored(trained: Trained, normalised: Tensor) -> Tensor:
    return normalised if trained.statistics is None else trained.statistics.restored(normalised)


def _mels(trained: Trained, task: VaeTask, frames: int, draws: Draws) -> Tensor:
    """Decoded draws of the prior, at least as many frames."""
    vae = cast("JudgedVae", trained.module).vae
    shape = vae.latent_shape(task.spec.num_bins, max(frames, LEAST_LATENTS * vae.shape.factor))
    return vae.decode(draws.normal("prior", shape)).float()


def _latents(trained: Trained, task: LdmTask, batch: Batch, frames: int, how: How) -> Tensor:
    channels, height, _ = task.latent_shape
    sampler, objective = SAMPLERS[sampler_name(task, how)], OBJECTIVES[task.objective]
    model = guided_model(cast("Denoiser", trained.module), batch, how.guidance)
    shape = (channels, height, max(frames, LEAST_LATENTS))
    return sampler(model, objective, shape, how.steps, Draws(how.seed, batch.positions))


def _tokens(trained: Trained, task: CodecLmTask, batch: Batch, frames: int, how: How, before: Tensor | None) -> Made:
    """Go on from the end of what was before: at once, or window by window if each is told the end of the one before."""
    known = torch.zeros(batch.size, task.codebooks, 0, dtype=torch.int64) if before is None else before
    known = known.to(batch.positions.device)
    begun, wanted = known.shape[2], known.shape[2] + frames
    made = _gone_on(trained, task, batch, frames, how, known)
    known = torch.cat([known, made.new], dim=2)
    while known.shape[2] < wanted:
        batch = replace(batch, positions=batch.positions + _WINDOWS)
        more = _gone_on(trained, task, batch, wanted - known.shape[2], how, known)
        known = torch.cat([known, more.new], dim=2)
    return Made(known[:, :, begun - made.given_frames :], made.given_frames)


def _gone_on(trained: Trained, task: CodecLmTask, batch: Batch, frames: int, how: How, known: Tensor) -> Made:
    """So many frames more, of a model with an audio prompt those of a window at most, and what they go on from.

    It is the audio prompt if the model has one, for which enough is known, else the beginning of the window.
    """
    sampling = Sampling(how.temperature, how.top_k, how.top_p, how.guidance)
    prompt = known[:, :, :0]
    if 0 < task.prompt_frames <= known.shape[2]:
        prompt, known = known[:, :, -task.prompt_frames :], known[:, :, :0]
        everybody = torch.ones(batch.size, dtype=torch.bool, device=prompt.device)
        batch = replace(
            batch,
            conditions=batch.conditions | {AUDIO_PROMPT: prompt},
            present=batch.present | {AUDIO_PROMPT: everybody},
        )
    kept = math.floor(sampling.kept_share * task.predicted_frames)
    given = known[:, :, max(0, known.shape[2] - kept) :]
    wanted = given.shape[2] + frames
    if task.prompt_frames:
        wanted = min(wanted, task.predicted_frames)
    model, draws = cast("CodecLm", trained.module), Draws(how.seed, batch.positions)
    tokens = sampled(model, task, replace(batch, payload=given), wanted, sampling, draws)
    return Made(torch.cat([prompt, tokens], dim=2), prompt.shape[2] + given.shape[2])
