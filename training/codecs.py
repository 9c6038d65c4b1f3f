"""Audio codecs: sound of a few tokens a frame. None of them trains; the way there is ``featurizers.codecs``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas import sine_tokens as sines
from schemas.codecs import CODECS
from training.errors import SettingError
from training.sine_decoder import decode_sines


@dataclass(frozen=True)
class Codec:
    """A codec of mono sound with codebooks, of which the first alone are a coarser version of the sound."""

    name: str
    rate_hz: int
    hop_samples: int
    codebooks: int
    codebook_size: int
    device: str
    sound: Callable[[Tensor], Tensor]
    """Of tokens ``(B, codebooks, frames)`` that it knows; it may be longer than they are."""

    @property
    def frames_a_s(self) -> float:
        """Frames a second, no whole number for each codec."""
        return self.rate_hz / self.hop_samples

    @torch.no_grad()
    def decode(self, tokens_BKT: Tensor) -> Tensor:
        """Return float32 ``(B, frames * hop_samples)`` of tokens of all codebooks or the first of them.

        Raises SettingError for more codebooks than the codec has, and for tokens that it does not know.
        """
        least, most = (int(token) for token in tokens_BKT.aminmax())
        if tokens_BKT.shape[1] > self.codebooks or least < 0 or most >= self.codebook_size:
            found = f"{tokens_BKT.shape[1]} codebooks with tokens {least} to {most}"
            raise SettingError(f"codec {self.name} has {self.codebooks} x {self.codebook_size} tokens, got {found}")
        samples_BN = self.sound(tokens_BKT.to(self.device))
        return samples_BN[:, : tokens_BKT.shape[2] * self.hop_samples]

    def require(self, codebooks: int, codebook_size: int, frames_a_s: float) -> None:
        """Raise SettingError if it does not make such tokens; it may have codebooks to spare."""
        fits = codebooks <= self.codebooks and codebook_size == self.codebook_size
        if not fits or abs(frames_a_s - self.frames_a_s) > 0.01:
            raise SettingError(
                f"codec {self.name} has {self.codebooks} x {self.codebook_size} tokens at {self.frames_a_s:.2f} frames"
                f" a second, expected {codebooks} x {codebook_size} at {frames_a_s:.2f}"
            )


def load_codec(name: str, folder: Path | None, device: str) -> Codec:
    """Load a codec of ``schemas.codecs``, a neural one from a folder in transformers' format, with safetensors.

    Raises SettingError.
    """
    if name not in CODECS:
        raise SettingError(f"there is no codec {name!r}, expected one of {', '.join(CODECS)}")
    if name == sines.CODEC:
        shape = (sines.RATE_HZ, sines.HOP_SAMPLES, sines.CODEBOOKS, sines.CODEBOOK_SIZE)
        return Codec(name, *shape, device, decode_sines)
    assert folder is not None
    return _neural(name, folder, device)


def _neural(name: str, folder: Path, device: str) -> Codec:
    """EnCodec (Défossez et al., 2022) or DAC (Kumar et al., 2023), as transformers has them."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    from transformers import DacModel, EncodecModel

    kind: Any = DacModel if name == "dac-44khz" else EncodecModel
    try:
        model = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise SettingError(f"codec {name} can't be read from {folder}: {' '.join(str(error).split())}") from error
    config = model.config
    if getattr(config, "audio_channels", 1) != 1 or getattr(config, "chunk_length_s", None) is not None:
        raise SettingError(f"codec {name} in {folder} is not mono or works in chunks, expected one like {name}")
    codebooks = config.n_codebooks if kind is DacModel else config.num_quantizers
    model = model.to(device).requires_grad_(False).eval()

    def sound(tokens_BKT: Tensor) -> Tensor:
        if kind is DacModel:
            return model.decode(audio_codes=tokens_BKT).audio_values  # type: ignore[no-any-return]
        return model.decode(tokens_BKT[None], [None]).audio_values[:, 0]  # type: ignore[no-any-return]

    return Codec(name, config.sampling_rate, config.hop_length, codebooks, config.codebook_size, device, sound)
