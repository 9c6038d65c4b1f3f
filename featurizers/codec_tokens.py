"""The mix as tokens of EnCodec, which language models of music train on."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import View
from featurizers.batching import Batches
from featurizers.device import device
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.weights import model_id
from featurizers.weights_store import weight_folder
from schemas.fragments.codec_tokens import CODEC_TOKENS

Samples = npt.NDArray[np.float32]  # (samples,)
Tokens = npt.NDArray[np.uint16]  # (codebooks, frames)

CHUNK_S = 30.0
"""Encoded by itself: the network hears nothing beyond, so memory is bounded and chunks can share a batch."""
BATCH_CHUNKS = {"cpu": 1, "cuda": 8}


@dataclass(frozen=True)
class CodecTokens(Featurizer):
    """EnCodec at 32 kHz with four codebooks of 2048 (Défossez et al., 2022; Copet et al., "MusicGen", 2023)."""

    writes = CODEC_TOKENS
    weights = ("encodec-32khz",)
    cost = 0.15
    gpu_share = 0.1

    def load(self) -> Extract:
        codec = _Codec(str(weight_folder(*self.weights)))
        identity = model_id(*self.weights)
        return lambda batch: [{**_features(inputs, codec), "codec_tokens_model": identity} for inputs in batch]


class _Codec:
    """EnCodec as transformers has it."""

    def __init__(self, folder: str) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        from transformers import EncodecModel

        model: Any = EncodecModel.from_pretrained(folder, local_files_only=True)
        self._model = model.to(device()).eval()
        self._batches = Batches(BATCH_CHUNKS[device()])
        self.rate_hz: int = self._model.config.sampling_rate
        self.hop_samples = int(np.prod(self._model.config.upsampling_ratios))
        self.codebook_size: int = self._model.config.codebook_size

    def __call__(self, samples: Samples) -> Tokens:
        """Tokens of mono samples; what does not fill a frame at the end is left out."""
        chunks = list(_chunks(samples, self.hop_samples, self.rate_hz))
        whole = [chunk for chunk in chunks if len(chunk) == len(chunks[0])]
        tokens = [*self._batches.stream(self._encode, whole), *map(self._encode_one, chunks[len(whole) :])]
        return np.concatenate(tokens, axis=1)

    def _encode(self, chunks: Any) -> list[Tokens]:
        import torch

        batch = torch.from_numpy(np.stack(chunks))[:, None].to(device())
        with torch.inference_mode():
            codes = self._model.encode(batch).audio_codes  # (1, chunks, codebooks, frames)
        return [*codes[0].cpu().numpy().astype(np.uint16)]

    def _encode_one(self, chunk: Samples) -> Tokens:
        return self._encode([chunk])[0]


def _chunks(samples: Samples, hop_samples: int, rate_hz: int) -> Iterator[Samples]:
    length = int(CHUNK_S * rate_hz) // hop_samples * hop_samples
    usable = samples[: len(samples) // hop_samples * hop_samples]
    for start in range(0, len(usable), length):
        yield usable[start : start + length]


def _features(inputs: Inputs, codec: _Codec) -> Features:
    samples = inputs.audio(View("mix", codec.rate_hz, 1)).samples[0]
    if len(samples) < codec.hop_samples:
        return dict.fromkeys(CODEC_TOKENS.names)
    tokens = codec(samples)
    return {
        "tokens": tokens.astype("<u2").tobytes(),
        "tokens_shape": list(tokens.shape),
        "tokens_rate_hz": codec.rate_hz / codec.hop_samples,
        "codebook_size": codec.codebook_size,
    }
