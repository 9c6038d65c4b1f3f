"""Audio codecs: sound as a few tokens a frame. The way back is ``training.codecs``."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.batching import Batches
from featurizers.device import device
from featurizers.sine_encoder import sine_tokens
from featurizers.weights import model_id
from featurizers.weights_store import weight_folder
from schemas import sine_tokens as sines

Samples = npt.NDArray[np.float32]  # (samples,)
Tokens = npt.NDArray[np.uint16]  # (codebooks, frames)

CHUNK_S = 30.0
"""Encoded by itself: the network hears nothing beyond, so memory is bounded and chunks can share a batch."""
BATCH_CHUNKS = {"cpu": 1, "cuda": 8}


@dataclass(frozen=True)
class Encoder:
    """Turns mono samples into tokens; what does not fill a frame at the end is left out."""

    identity: str
    """The codec and its revision."""
    rate_hz: int
    hop_samples: int
    codebook_size: int
    encode: Callable[[Samples], Tokens]


def codec_id(name: str) -> str:
    """The codec and its revision. Raises WeightsError if its weights are not there, KeyError if there is no such."""
    return sines.MODEL_ID if name == sines.CODEC else model_id(name)


def load_encoder(name: str) -> Encoder:
    """Load the encoder of a codec of ``schemas.codecs``, with the weights of the store."""
    if name == sines.CODEC:
        return Encoder(codec_id(name), sines.RATE_HZ, sines.HOP_SAMPLES, sines.CODEBOOK_SIZE, sine_tokens)
    return _neural(name, weight_folder(name))


def _neural(name: str, folder: Path) -> Encoder:
    """EnCodec (Défossez et al., 2022) at its highest bandwidth, or DAC (Kumar et al., 2023), by transformers."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import DacModel, EncodecModel

    kind: Any = DacModel if name == "dac-44khz" else EncodecModel
    model: Any = kind.from_pretrained(folder, local_files_only=True).to(device()).eval()
    config = model.config
    more = {} if kind is DacModel else {"bandwidth": config.target_bandwidths[-1]}

    def codes(batch: Any) -> Any:
        found = model.encode(batch, **more).audio_codes
        return found if kind is DacModel else found[0]  # (chunks, codebooks, frames)

    network = _Network(codes, config.sampling_rate, config.hop_length)
    return Encoder(codec_id(name), config.sampling_rate, config.hop_length, config.codebook_size, network)


class _Network:
    """Encodes sound of any length chunk by chunk."""

    def __init__(self, codes: Callable[[Any], Any], rate_hz: int, hop_samples: int) -> None:
        self._codes, self._rate_hz, self._hop_samples = codes, rate_hz, hop_samples
        self._batches = Batches(BATCH_CHUNKS[device()])

    def __call__(self, samples: Samples) -> Tokens:
        chunks = [*self._chunks(samples)]
        whole = [chunk for chunk in chunks if len(chunk) == len(chunks[0])]
        tokens = [*self._batches.stream(self._encode, whole)]
        return np.concatenate([*tokens, *(self._encode([chunk])[0] for chunk in chunks[len(whole) :])], axis=1)

    def _chunks(self, samples: Samples) -> Iterator[Samples]:
        hop = self._hop_samples
        length = int(CHUNK_S * self._rate_hz) // hop * hop
        usable = samples[: len(samples) // hop * hop]
        for start in range(0, len(usable), length):
            yield usable[start : start + length]

    def _encode(self, chunks: Sequence[Samples]) -> list[Tokens]:
        import torch

        batch = torch.from_numpy(np.stack(chunks))[:, None].to(device())
        with torch.inference_mode():
            return [*self._codes(batch).cpu().numpy().astype(np.uint16)]
