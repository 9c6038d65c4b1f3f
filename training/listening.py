"""What a model makes while it trains, to be heard and seen: always of the same prompts, or of the same windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from schemas.mel_specs import MEL_SPECS
from training.ema import parameters_of
from training.errors import SettingError
from training.generating.generate import How, Wish, generate, window_s
from training.logbook import Entries, Floats, Picture, Sound
from training.mel import log_mel
from training.trained import Trained
from training.vae import VaeTask
from training.workers import Workers

if TYPE_CHECKING:
    from training.batch import Batch
    from training.config import Preset
    from training.generating.render import Renderer
    from training.models.discriminator import JudgedVae
    from training.pack_format import Payload, Statistics
    from training.run_folder import Run
    from training.stream import Stream

Encode = Callable[["Batch"], "Batch"]
RendererOf = Callable[[Trained], "Renderer"]
"""Finds what turns into sound what a run makes. Raises SettingError if there is nothing."""
WINDOWS = 2
"""That a VAE reconstructs."""


@dataclass
class Listener:
    """Listens to a run, of which it only gets the weights: training does not notice.

    A conditioned model makes one piece a prompt of ``looping.sample_prompts``, as long as a window and drawn from the
    same numbers each time; a VAE reconstructs the first windows of the valid split.
    """

    run: Run
    preset: Preset
    """Fitted to the data."""
    data: Stream
    renderer_of: RendererOf
    device: str

    def entries(self, weights: Mapping[str, Tensor], encode: Encode, step: int) -> Entries:
        """Return sounds and pictures by name. Raises SettingError if there is nothing to make them of or with.

        That includes memory: a GPU that training fills has none to spare, which is no reason to end the run.
        """
        try:
            return self._entries(weights, encode, step)
        except torch.OutOfMemoryError as error:
            raise SettingError(f"they do not fit into the memory of {self.device} beside the training") from error

    def _entries(self, weights: Mapping[str, Tensor], encode: Encode, step: int) -> Entries:
        gpus = [self.device] if torch.device(self.device).type == "cuda" else []
        with torch.random.fork_rng(devices=gpus), torch.no_grad():
            trained = self._trained(weights, encode, step)
            renderer = self.renderer_of(trained)
            is_vae = isinstance(trained.task, VaeTask)
            sounds = self._reconstructed(trained, renderer) if is_vae else self._generated(trained, renderer)
        heard: dict[str, Sound | Picture] = {}
        for name, samples in sounds.items():
            heard[f"samples/{name}"] = Sound(samples, renderer.rate_hz)
            heard[f"spectrograms/{name}"] = spectrogram(samples, renderer.rate_hz)
        return heard

    def _trained(self, weights: Mapping[str, Tensor], encode: Encode, step: int) -> Trained:
        module = self.preset.task.build()
        for name, parameter in parameters_of(module).items():
            parameter.copy_(weights[name])
        return Trained(
            self.run,
            self.run.checkpoints / f"step-{step:08d}",
            self.preset.task,
            self._payload,
            self.data.statistics,
            module.to(self.device).requires_grad_(False).eval(),
            encode,
            self.device,
        )

    @property
    def _payload(self) -> Payload:
        return self.data.packs[0].payload

    def _generated(self, trained: Trained, renderer: Renderer) -> dict[str, Floats]:
        prompts = self.preset.looping.sample_prompts
        wishes = [Wish(prompt=prompt) for prompt in prompts]
        return dict(zip(prompts, generate(trained, wishes, window_s(trained), How(), renderer), strict=True))

    def _reconstructed(self, trained: Trained, renderer: Renderer) -> dict[str, Floats]:
        vae, statistics = cast("JudgedVae", trained.module).vae, cast("Statistics", trained.statistics)
        found: dict[str, Floats] = {}
        for number, mel in enumerate(self._originals):
            again, _ = vae(mel.to(trained.device))
            for name, normalised in (("original", mel), ("reconstruction", again.float())):
                found[f"window {number}/{name}"] = renderer(statistics.restored(normalised))[0].numpy()
        return found

    @cached_property
    def _originals(self) -> list[Tensor]:
        """Normalised log-mels ``(1, channels, bins, frames)``."""
        workers = self.data.workers.size
        found = [part.payload for [part] in islice(self.data.batches("valid", 0, workers, 1), WINDOWS)]
        if not found:
            raise SettingError(f"the valid split has fewer windows than there are workers, {workers}")
        return found


def spectrogram(samples: Floats, rate_hz: int) -> Picture:
    """Log-mels of the mean of the channels; the loudest is white, and -80 dB and less black."""
    spec = replace(MEL_SPECS["32k"], rate_hz=rate_hz, fmax_hz=rate_hz / 2)
    mel_MK = log_mel(torch.from_numpy(samples.mean(axis=0))[None], spec)[0].numpy()
    below_db = (mel_MK - mel_MK.max()) * 20 / np.log(10)
    return Picture((1 + below_db[::-1] / 80).clip(0, 1))


def whole(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights on the CPU of the first worker, put together from the shards of all workers, all of which call it.

    The others get none, and keep no more than one tensor at a time.
    """
    kept = Workers.found().first
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        together = _put_together(value.detach())
        if kept:
            found[name] = together.cpu()
    return found


def _put_together(weight: Tensor) -> Tensor:
    return weight.full_tensor() if hasattr(weight, "full_tensor") else weight
