"""Whose voice it may be, heard on the vocal stem and only where somebody sings."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers import ecapa, singer
from featurizers.audio import VOCALS_16K_MONO, Audio
from featurizers.batching import Batches
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.vocal_activity import find_vocals
from featurizers.weights import model_id
from schemas.fragments.singer_vocals import SINGER_VOCALS

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SingerVocals(Featurizer):
    """Resemblyzer's and ECAPA-TDNN's embedding of the sung parts, put end to end and brought to -30 dBFS."""

    writes = SINGER_VOCALS
    hears = ("vocals",)
    weights = ("resemblyzer", ecapa.WEIGHT)
    cost = 0.1
    gpu_share = 0.1

    def load(self) -> Extract:
        resemblyzer = singer.load_encoder()
        encoder, batches = ecapa.load_encoder(), Batches(ecapa.BATCH_WINDOWS)
        identity = model_id(*self.weights)

        def measure(inputs: Inputs) -> Features:
            sung = sung_parts(inputs.audio(VOCALS_16K_MONO), inputs.columns["vocals_energy_share"])
            return {
                "voice_embedding_vocals": _listed(singer.embed(resemblyzer, sung)),
                "ecapa_embedding": _listed(ecapa.embed(encoder, batches, sung.samples[0])),
                "voiced_s": sung.duration_s,
                "singer_vocals_model": identity,
            }

        return lambda batch: [measure(inputs) for inputs in batch]


def sung_parts(audio: Audio, energy_share: float | None) -> Audio:
    """Return the spans of a vocal stem in which somebody sings, end to end; nothing if nobody does.

    ``energy_share`` is the stem's share of the energy of all stems, None if unknown.
    """
    spans = find_vocals(audio, energy_share)
    cuts = [audio.samples[:, round(start_s * audio.rate_hz) : round(end_s * audio.rate_hz)] for start_s, end_s in spans]
    return Audio(np.concatenate([audio.samples[:, :0], *cuts], axis=1), audio.rate_hz)


def _listed(embedding: Floats | None) -> list[float] | None:
    return None if embedding is None else embedding.tolist()
