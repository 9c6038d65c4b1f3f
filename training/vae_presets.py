"""Presets of the VAE.

``vae-8`` to ``vae-heavy`` are the published sizes on the published mel of 32 kHz. ``vae-44k`` is what to take: a public
vocoder decodes its mel, and its latent is an eighth of the mel's bins and frames with 16 channels, a quarter of its
size; that of 128 channels is twice as large as the mel.
"""

from collections.abc import Callable
from functools import partial

from training.config import Looping, Optimizing, Preset
from training.vae import VaeTask

HEAVY = (256, 512, 1024, 2048)
TINY = (16, 32, 32, 64)
SAMPLE_EVERY = 5000


def published(latent_dim: int, channels: tuple[int, ...] = ()) -> Preset:
    """A VAE of these latent channels; beta rises over the first tenth of the run."""
    task = VaeTask("32k", latent_dim=latent_dim, channels=channels, beta_windows=640_000)
    looping = Looping(
        steps=200_000, batch_windows=32, micro_windows=4, checkpoint_blocks=True, sample_every=SAMPLE_EVERY
    )
    return Preset(task, looping=looping)


def recommended() -> Preset:
    """16 latent channels of the mel that BigVGAN-v2 decodes, and a discriminator from a quarter of the run on."""
    task = VaeTask(beta_windows=640_000, discriminator_weight=0.05, discriminator_after_windows=1_600_000)
    looping = Looping(steps=200_000, batch_windows=32, micro_windows=8, sample_every=SAMPLE_EVERY)
    return Preset(task, looping=looping)


def tiny() -> Preset:
    """Trains in minutes on a CPU."""
    return Preset(
        VaeTask(latent_dim=8, channels=TINY, beta_windows=400, window_frames=96),
        Optimizing(learning_rate=2e-3, ema_decay=0.99),
        Looping(steps=300, batch_windows=4, micro_windows=4, precision="fp32", validate_every=100, save_every=100),
    )


PRESETS: dict[str, Callable[[], Preset]] = {
    "vae-8": partial(published, 8),
    "vae-32": partial(published, 32),
    "vae-64": partial(published, 64),
    "vae-128": partial(published, 128),
    "vae-heavy": partial(published, 128, HEAVY),
    "vae-44k": recommended,
    "vae-tiny": tiny,
}
