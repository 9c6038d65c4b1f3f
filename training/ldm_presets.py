"""Presets of latent diffusion.

``ldm-256`` to ``ldm-768`` are the published sizes on the published latent of 128 channels, which is twice as large as
the mel that it encodes. ``ldm`` is what to take: 16 channels and a rectified flow. ``dit-s`` to ``dit-l`` have the
sizes of Peebles and Xie (2023).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from training.config import Looping, Optimizing, Preset
from training.ldm import LdmTask

TEXT_ENCODER = "flan-t5-base"
PUBLISHED_LATENT = (128, 16, 128)
SAMPLE_EVERY = 5000
MIDDLE = Looping(steps=200_000, batch_windows=128, micro_windows=16, sample_every=SAMPLE_EVERY)


def published(channels: int) -> Preset:
    """A UNetV2 of these model channels that predicts the noise; voice is dropped as often as everything else."""
    task = LdmTask(PUBLISHED_LATENT, channels=channels, objective="epsilon", text_encoder=TEXT_ENCODER)
    looping = Looping(
        steps=400_000, batch_windows=256, micro_windows=8, checkpoint_blocks=True, sample_every=SAMPLE_EVERY
    )
    return Preset(task, looping=looping)


def recommended() -> Preset:
    """A UNetV2 on a small latent, for one large GPU."""
    task = LdmTask(channels=192, text_encoder=TEXT_ENCODER)
    return Preset(task, looping=MIDDLE)


def transformer(width: int, depth: int) -> Preset:
    """A DiT on the same latent."""
    task = LdmTask(backbone="dit", channels=width, depth=depth, text_encoder=TEXT_ENCODER)
    return Preset(task, looping=MIDDLE)


def tiny(task: LdmTask) -> Preset:
    """Trains in minutes on a CPU, and needs no weights for the text."""
    return Preset(
        task,
        Optimizing(learning_rate=2e-3, ema_decay=0.99),
        Looping(steps=300, batch_windows=8, micro_windows=8, precision="fp32", validate_every=100, save_every=100),
    )


SMALL = LdmTask(
    (4, 8, 16), head_width=16, text_encoder="hash", text_width=64, voice_tokens=2, fusion_width=64, section_width=64
)
TINY_UNET = replace(SMALL, channels=32, multipliers=(1, 2), num_res_blocks=1, attention_factors=(2,))
TINY_DIT = replace(SMALL, backbone="dit", channels=64, depth=2)

PRESETS: dict[str, Callable[[], Preset]] = {
    "ldm-256": partial(published, 256),
    "ldm-320": partial(published, 320),
    "ldm-512": partial(published, 512),
    "ldm-768": partial(published, 768),
    "ldm": recommended,
    "dit-s": partial(transformer, 384, 12),
    "dit-b": partial(transformer, 768, 12),
    "dit-l": partial(transformer, 1024, 24),
    "ldm-tiny": partial(tiny, TINY_UNET),
    "dit-tiny": partial(tiny, TINY_DIT),
}
