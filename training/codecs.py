"""Audio codecs: sound as a few tokens a frame, and back. They come from a local folder, and none of them trains."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.errors import SettingError


@dataclass(frozen=True)
class Codec(ABC):
    """A codec of mono sound with residual codebooks: the first of them are a coarser version of the sound."""

    name: str
    rate_hz: int
    hop_samples: int
    codebooks: int
    codebook_size: int
    model: Any

    @property
    def frames_a_s(self) -> float:
        """Frames a second, no whole number for each codec."""
        return self.rate_hz / self.hop_samples

    @torch.no_grad()
    def encode(self, samples_BN: Tensor) -> Tensor:
        """Return int64 ``(B, codebooks, frames)`` of float samples at ``rate_hz``.

        The last frame is filled with silence. All is encoded at once: memory grows with the length.
        """
        missing = -samples_BN.shape[1] % self.hop_samples
        return self._encoded(F.pad(samples_BN, (0, missing)).to(self.model.device)[:, None])

    @torch.no_grad()
    def decode(self, tokens_BKT: Tensor) -> Tensor:
        """Return float32 ``(B, frames * hop_samples)`` of tokens of all codebooks or the first of them.

        Raises SettingError for more codebooks than the codec has, and for tokens that it does not know.
        """
        least, most = (int(token) for token in tokens_BKT.aminmax())
        if tokens_BKT.shape[1] > self.codebooks or least < 0 or most >= self.codebook_size:
            found = f"{tokens_BKT.shape[1]} codebooks with tokens {least} to {most}"
            raise SettingError(f"codec {self.name} has {self.codebooks} x {self.codebook_size} tokens, got {found}")
        samples_BN = self._decoded(tokens_BKT.to(self.model.device))
        return samples_BN[:, : tokens_BKT.shape[2] * self.hop_samples]

    def require(self, codebooks: int, codebook_size: int, frames_a_s: float) -> None:
        """Raise SettingError if it does not make such tokens; it may have codebooks to spare."""
        fits = codebooks <= self.codebooks and codebook_size == self.codebook_size
        if not fits or abs(frames_a_s - self.frames_a_s) > 0.01:
            raise SettingError(
                f"codec {self.name} has {self.codebooks} x {self.codebook_size} tokens at {self.frames_a_s:.2f} frames"
                f" a second, expected {codebooks} x {codebook_size} at {frames_a_s:.2f}"
            )

    @abstractmethod
    def _encoded(self, samples_B1N: Tensor) -> Tensor: ...

    @abstractmethod
    def _decoded(self, tokens_BKT: Tensor) -> Tensor: ...


class Encodec(Codec):
    """EnCodec (Défossez et al., 2022) at its highest bandwidth, as transformers has it."""

    def _encoded(self, samples_B1N: Tensor) -> Tensor:
        bandwidth = self.model.config.target_bandwidths[-1]
        codes_1BKT: Tensor = self.model.encode(samples_B1N, bandwidth=bandwidth).audio_codes
        return codes_1BKT[0]

    def _decoded(self, tokens_BKT: Tensor) -> Tensor:
        samples_B1N: Tensor = self.model.decode(tokens_BKT[None], [None]).audio_values
        return samples_B1N[:, 0]


class Dac(Codec):
    """The Descript Audio Codec (Kumar et al., 2023), as transformers has it."""

    def _encoded(self, samples_B1N: Tensor) -> Tensor:
        codes_BKT: Tensor = self.model.encode(samples_B1N).audio_codes
        return codes_BKT

    def _decoded(self, tokens_BKT: Tensor) -> Tensor:
        samples_BN: Tensor = self.model.decode(audio_codes=tokens_BKT).audio_values
        return samples_BN


CODECS: dict[str, type[Codec]] = {"encodec-32khz": Encodec, "dac-44khz": Dac}
"""By the names of their weights: ``facebook/encodec_32khz`` (4 x 2048 tokens, 50 frames a second) and
``descript/dac_44khz`` (9 x 1024, 86.13)."""


def load_codec(name: str, folder: Path, device: str) -> Codec:
    """Load a codec of ``CODECS`` from a folder in transformers' format, with safetensors. Raises SettingError."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    from transformers import DacModel, EncodecModel

    if name not in CODECS:
        raise SettingError(f"there is no codec {name!r}, expected one of {', '.join(CODECS)}")
    kind: Any = EncodecModel if CODECS[name] is Encodec else DacModel
    try:
        model = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise SettingError(f"codec {name} can't be read from {folder}: {' '.join(str(error).split())}") from error
    config = model.config
    if getattr(config, "audio_channels", 1) != 1 or getattr(config, "chunk_length_s", None) is not None:
        raise SettingError(f"codec {name} in {folder} is not mono or works in chunks, expected one like {name}")
    codebooks = config.num_quantizers if kind is EncodecModel else config.n_codebooks
    model = model.to(device).requires_grad_(False).eval()
    return CODECS[name](name, config.sampling_rate, config.hop_length, codebooks, config.codebook_size, model)
