"""Presets of codec language models over the tokens of EnCodec at 32 kHz.

``codec-lm-a`` and ``codec-lm-b`` are sized for one GPU of 80 GB; with ``looping.micro_windows=1``,
``looping.checkpoint_blocks=true`` and ``looping.precision=fp32`` they fit one of 16 GB.
"""

from collections.abc import Callable

from training.codec_lm import CodecLmTask
from training.config import Looping, Optimizing, Preset

TEXT_ENCODER = "flan-t5-base"


def published(task: CodecLmTask) -> Preset:
    """The published optimizer and schedule for a model of about 0.3-0.4 billion parameters."""
    optimizing = Optimizing(learning_rate=1e-4, betas=(0.9, 0.99), weight_decay=0.1, warmup_share=0.1, clip_norm=1.0)
    return Preset(task, optimizing, Looping(steps=200_000, batch_windows=64, micro_windows=16, sample_every=5000))


def model_a() -> Preset:
    """Text before the tokens of 10.24 s, a codebook at a time: 2048 steps."""
    return published(CodecLmTask("prefix", "flat", text_encoder=TEXT_ENCODER))


def model_b() -> Preset:
    """Attends to text and 3 s of audio, and predicts the 7.24 s that follow, codebooks delayed: 365 steps.

    For longer windows, set ``task.window_frames``.
    """
    return published(CodecLmTask("cross", "delay", text_encoder=TEXT_ENCODER, prompt_s=3.0))


def tiny() -> Preset:
    """Trains in a minute or two on a CPU, and needs no weights for the text."""
    task = CodecLmTask("prefix", "delay", layers=2, width=128, text_encoder="hash", text_width=64, text_tokens=16)
    return Preset(
        task,
        Optimizing(learning_rate=3e-3, weight_decay=0.1, ema_decay=0.98),
        Looping(steps=100, batch_windows=4, micro_windows=4, precision="fp32", validate_every=50, save_every=50),
    )


PRESETS: dict[str, Callable[[], Preset]] = {"codec-lm-a": model_a, "codec-lm-b": model_b, "codec-lm-tiny": tiny}
