"""Key, chords and chroma: madmom's networks on one shared spectrogram."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featurizers import madmom_chords, madmom_chroma, madmom_key
from featurizers.audio import MIX_44K_MONO, Audio
from featurizers.featurizer import Extract, Features, Featurizer
from featurizers.madmom_spectrogram import RATE_HZ, Floats, filterbank, is_audible, magnitudes
from featurizers.weights import model_id
from schemas.fragments.harmony import HARMONY

_MAJOR_TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MINOR_TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
KEYS = (*(f"{tonic} major" for tonic in _MAJOR_TONICS), *(f"{tonic} minor" for tonic in _MINOR_TONICS))
"""Names by ``key_index``."""

_FRAME_SAMPLES = 8192
_FRAMES_PER_S = 10  # for chords and chroma
_KEY_STEP = _FRAMES_PER_S // madmom_key.FRAMES_PER_S


@dataclass(frozen=True)
class Harmony(Featurizer):
    """Key (Korzeniowski and Widmer, ISMIR 2018), major and minor chords (MLSP 2016) and deep chroma (ISMIR 2016).

    Chroma is the deep one because overtones and drums fill up a spectral one: on rendered songs its
    cosine similarity to the chord tones is 0.99 where librosa's ``chroma_cqt`` has 0.82 to 0.94.
    """

    writes = HARMONY
    weights = ("madmom-key", "madmom-chords", "madmom-chroma")
    cost = 0.008

    def load(self) -> Extract:
        networks = _Networks()
        model = model_id(*self.weights)
        return lambda batch: [{**networks(inputs.audio(MIX_44K_MONO)), "harmony_model": model} for inputs in batch]


class _Networks:
    """Mono audio at 44.1 kHz to key, chords and chroma."""

    def __init__(self) -> None:
        self._key_bank = filterbank(_FRAME_SAMPLES, *madmom_key.BANDS)
        self._chord_bank = filterbank(_FRAME_SAMPLES, *madmom_chords.BANDS)
        self._key = madmom_key.KeyNetwork()
        self._chords = madmom_chords.ChordNetwork()
        self._decoder = madmom_chords.ChordDecoder()
        self._chroma = madmom_chroma.ChromaNetwork()

    def __call__(self, audio: Audio) -> Features:
        if not is_audible(audio.samples[0]):
            return {"key": None, "key_index": None, "key_confidence": None, "chords": [], "chroma_mean": None}
        key_bands, chord_bands = self._spectrograms(audio.samples[0])
        chords = self._decoder(self._chords(chord_bands))
        chroma = self._chroma(key_bands)
        return {
            **self._key_columns(key_bands[::_KEY_STEP]),
            "chords": _spans(chords, audio.duration_s),
            "chroma_mean": (chroma / chroma.sum()).tolist(),
        }

    def _spectrograms(self, samples: Floats) -> tuple[Floats, Floats]:
        banks = self._key_bank, self._chord_bank
        chunks = magnitudes(samples, _FRAME_SAMPLES, RATE_HZ // _FRAMES_PER_S)
        key_bands, chord_bands = zip(*([bank.log_bands(chunk) for bank in banks] for chunk in chunks), strict=True)
        return np.concatenate(key_bands), np.concatenate(chord_bands)

    def _key_columns(self, bands: Floats) -> Features:
        if len(bands) < madmom_key.MIN_FRAMES:
            return {"key": None, "key_index": None, "key_confidence": None}
        probabilities = self._key(bands)
        index = int(probabilities.argmax())
        return {"key": KEYS[index], "key_index": index, "key_confidence": float(probabilities[index])}


def _spans(chords: Sequence[madmom_chords.Chord], duration_s: float) -> list[dict[str, Any]]:
    """Chords as rows of the column; the last frame reaches past the end and is cut there."""
    return [
        {
            "start_s": chord.start_frame / _FRAMES_PER_S,
            "end_s": min(chord.end_frame / _FRAMES_PER_S, duration_s),
            "label": chord.label,
            "confidence": chord.confidence,
        }
        for chord in chords
    ]
