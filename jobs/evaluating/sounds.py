"""What a model makes of windows, and the windows themselves, through the same decoder."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from featurizers.audio import Audio
from jobs.evaluating.windows import Window
from training.generating.generate import generate, window_s
from training.generating.how import How
from training.generating.render import Renderer
from training.generating.wish import Wish
from training.trained import Trained
from training.vae import VaeTask

if TYPE_CHECKING:
    from torch import Tensor

    from training.models.discriminator import JudgedVae


def reference_sounds(windows: Sequence[Window], renderer: Renderer) -> list[Audio]:
    """The windows as sound: what the decoder takes from a sound, it takes from these too."""
    return [_audio(renderer(_payload(window)), renderer) for window in windows]


def made_sounds(trained: Trained, windows: Sequence[Window], how: How, renderer: Renderer) -> list[Audio]:
    """A sound for each window: what a VAE makes of it, or what a model generates that is told all that is known of it.

    A VAE decodes the means of its latents. Raises SettingError for what the model cannot do.
    """
    if isinstance(trained.task, VaeTask):
        return [_audio(renderer(_reconstructed(trained, window)), renderer) for window in windows]
    wishes = [Wish.of_row(window.known) for window in windows]
    found = generate(trained, wishes, window_s(trained), how, renderer)
    return [Audio(samples, renderer.rate_hz) for samples in found]


def _reconstructed(trained: Trained, window: Window) -> "Tensor":
    """The log-mel ``(1, channels, bins, frames)`` that comes back."""
    import torch

    assert trained.statistics is not None  # mels have some
    vae = cast("JudgedVae", trained.module).vae
    with torch.no_grad():
        found, _ = vae(trained.statistics.normalised(_payload(window).to(trained.device)))
    return trained.statistics.restored(found.float())


def _payload(window: Window) -> "Tensor":
    """As a batch of one: int64 tokens, or float32."""
    import torch

    kind = np.int64 if window.payload.dtype == np.uint16 else np.float32
    return torch.from_numpy(window.payload.astype(kind))[None]


def _audio(samples: "Tensor", renderer: Renderer) -> Audio:
    """Of a batch of one."""
    return Audio(np.ascontiguousarray(samples[0].numpy()), renderer.rate_hz)
