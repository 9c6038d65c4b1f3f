"""What a model makes, as sound: through a codec, or a decoder and a vocoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from schemas.latent_windows import window_latents, windows
from schemas.mel_specs import MelSpec
from training.codecs import Codec
from training.export_encoder import ExportedVae
from training.mel import mel_filters
from training.vocoder import Vocoder


@dataclass(frozen=True)
class Renderer:
    """Turns a payload, as a pack has it, into samples."""

    payload: str
    """mel, latents or tokens."""
    rate_hz: int
    hop_samples: int
    """Of a step of the payload's last axis."""
    through: Mapping[str, str]
    """What it renders through, by what that is: codec, decoder, vocoder."""
    render: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def __call__(self, payload: Tensor) -> Tensor:
        """Return float32 samples ``(B, channels, steps * hop_samples)`` on the CPU; what is not finite is silence."""
        return self.render(payload).float().cpu().nan_to_num(0.0, 0.0, 0.0)


def of_tokens(codec: Codec, identity: str) -> Renderer:
    """Through the codec whose tokens they are."""
    return Renderer(
        "tokens",
        codec.rate_hz,
        codec.hop_samples,
        {"codec": identity},
        lambda tokens_BKT: codec.decode(tokens_BKT)[:, None],
    )


def of_mels(vocoder: Vocoder) -> Renderer:
    """Through a vocoder."""
    spec = vocoder.spec
    return Renderer("mel", spec.rate_hz, spec.hop_samples, {"vocoder": vocoder.name}, lambda mel: _sound(mel, vocoder))


def of_latents(decoder: ExportedVae, identity: str, vocoder: Vocoder) -> Renderer:
    """Through the decoder of the VAE whose latents they are, and a vocoder."""
    factor = int(decoder.manifest["latents"]["factor"])
    return Renderer(
        "latents",
        decoder.spec.rate_hz,
        factor * decoder.spec.hop_samples,
        {"decoder": identity, "vocoder": vocoder.name},
        lambda latents: _sound(_decoded(latents, decoder, factor), vocoder),
    )


def _decoded(latents_BCHW: Tensor, decoder: ExportedVae, factor: int) -> Tensor:
    """Log-mels of latents, window by window, as they were encoded."""
    length = window_latents(decoder.manifest["window_frames"], factor)
    pieces = []
    for window in windows(latents_BCHW.shape[3], length):
        mel_BCMK = decoder.decode(latents_BCHW[..., window.start : window.start + length])
        pieces.append(mel_BCMK[..., window.kept.start * factor : window.kept.stop * factor])
    return torch.cat(pieces, dim=3)


def _sound(log_mel_BCMK: Tensor, vocoder: Vocoder) -> Tensor:
    """An untrained model makes mels that no sound has: they are brought to what one at full scale could have."""
    spec = vocoder.spec
    return vocoder(log_mel_BCMK.float().nan_to_num(math.log(spec.floor)).clamp(math.log(spec.floor), most(spec)))


def most(spec: MelSpec) -> float:
    """An upper bound of the log-mels of sound at full scale: a spectrum is at most the sum of its Hann window."""
    widest = float(mel_filters(spec).sum(dim=1).max())
    return math.log(widest * (spec.win_samples / 2) ** spec.power)
