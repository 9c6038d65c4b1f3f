"""Whose voice it may be: Resemblyzer's speaker embedding.

Wan, Wang, Papir and Lopez Moreno, "Generalized end-to-end loss for speaker verification" (ICASSP 2018), as
trained and shipped by Resemblyzer. Of the library only the network and its way of cutting a track into parts
are used: its preprocessing trims what is not speech, which includes much singing, and raises quiet audio
without lowering loud audio.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import MIX_16K_MONO, Audio
from featurizers.featurizer import Extract, Features, Featurizer
from featurizers.weights import model_id
from schemas.fragments.singer import SINGER

Floats = npt.NDArray[np.float32]

RATE_HZ = 16000
MIN_DURATION_S = 0.4
SILENT_DBFS = -70.0
TARGET_DBFS = -30.0
_PART_FRAMES = 160  # 1.6 s, what the network was trained on
_HOP_SAMPLES = 160
_BATCH_PARTS = 64
_MARGIN_FRAMES = 2  # a mel frame reaches 200 samples to either side


@dataclass(frozen=True)
class Singer(Featurizer):
    """One embedding a track: the mean over parts of 1.6 s, about 1.3 of them a second, at unit length."""

    writes = SINGER
    weights = ("resemblyzer",)
    cost = 0.05

    def load(self) -> Extract:
        encoder = load_encoder()
        return lambda batch: [_features(embed(encoder, inputs.audio(MIX_16K_MONO))) for inputs in batch]


def load_encoder() -> Any:
    """Resemblyzer's network, with the weights that ship with it, on the CPU: it is small."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it imports from a deprecated part of scipy
        from resemblyzer import VoiceEncoder
    return VoiceEncoder("cpu", verbose=False)


def _features(embedding: Floats | None) -> Features:
    voice = None if embedding is None else embedding.tolist()
    return {"voice_embedding": voice, "singer_model": model_id(*Singer.weights)}


def embed(encoder: Any, audio: Audio) -> Floats | None:
    """Return the unit-length embedding ``(256,)`` of audio at 16 kHz, or None if it is too short or silent.

    It equals ``encoder.embed_utterance`` of the samples at -30 dBFS, in memory that does not grow with them.
    """
    samples = audio.samples[0]
    gain = normalising_gain(samples)
    if audio.duration_s < MIN_DURATION_S or gain is None:
        return None
    _, parts = encoder.compute_partial_slices(len(samples), rate=1.3, min_coverage=0.75)
    starts = [part.start for part in parts]
    batches = [starts[first : first + _BATCH_PARTS] for first in range(0, len(starts), _BATCH_PARTS)]
    total = sum(_part_embeddings(encoder, samples, gain, batch).sum(axis=0) for batch in batches)
    embedding: Floats = total / np.linalg.norm(total)
    return embedding


def normalising_gain(samples: Floats) -> float | None:
    """Factor that brings the RMS of ``samples`` to -30 dBFS; None below -70 dBFS, which counts as silence.

    The mean is removed from the measure: an offset is no sound.
    """
    rms = float(samples.std(dtype=np.float64)) if len(samples) else 0.0
    return None if rms < 10 ** (SILENT_DBFS / 20) else 10 ** (TARGET_DBFS / 20) / rms


def _part_embeddings(encoder: Any, samples: Floats, gain: float, starts: list[int]) -> Floats:
    """Embeddings ``(parts, 256)`` of the parts that start at these frames; zeros beyond the samples."""
    import torch
    from resemblyzer.audio import wav_to_mel_spectrogram

    first, last = starts[0] - _MARGIN_FRAMES, starts[-1] + _PART_FRAMES + _MARGIN_FRAMES
    start, stop = first * _HOP_SAMPLES, last * _HOP_SAMPLES
    cut = samples[max(0, start) : stop] * np.float32(gain)
    cut = np.pad(cut, (max(0, -start), stop - max(0, start) - len(cut)))
    mel = wav_to_mel_spectrogram(cut)  # (frames, 40)
    parts = np.stack([mel[part - first : part - first + _PART_FRAMES] for part in starts])
    with torch.inference_mode():
        embeddings: Floats = encoder(torch.from_numpy(parts)).numpy()
    return embeddings
