"""madmom's networks for key, chords and chroma on one shared spectrogram, tuned to the recording."""

from typing import NamedTuple

import numpy as np

from featurizers import madmom_chords, madmom_chroma, madmom_key
from featurizers.beat_votes import FRAMES_PER_S
from featurizers.label_chain import Run
from featurizers.madmom_spectrogram import RATE_HZ, Floats, filterbank, magnitudes
from featurizers.tuning import retuned

_FRAME_SAMPLES = 8192
_KEY_STEP = FRAMES_PER_S // madmom_key.FRAMES_PER_S
_IN_TUNE_CENTS = 5


class NetworkHarmony(NamedTuple):
    """Chords, mean chroma ``(12,)``, and the probabilities of keys ``(24,)``, None where it is too short for one."""

    chords: list[Run]
    chroma: Floats
    keys: Floats | None


class HarmonyNetworks:
    """Key (Korzeniowski and Widmer, ISMIR 2018), major and minor chords (MLSP 2016) and deep chroma (ISMIR 2016).

    Chroma is the deep one because overtones and drums fill up a spectral one: on rendered songs its cosine
    similarity to the chord tones is 0.99 where librosa's ``chroma_cqt`` has 0.82 to 0.94.

    The networks know music tuned to 440 Hz. Where a recording is more than 5 cents away their filterbanks follow it:
    chords of songs rendered 20 to 40 cents off are then as good as in tune, and without it up to 39 points worse.
    """

    def __init__(self) -> None:
        self._key_bank = filterbank(_FRAME_SAMPLES, *madmom_key.BANDS)
        self._chord_bank = filterbank(_FRAME_SAMPLES, *madmom_chords.BANDS)
        self._key = madmom_key.KeyNetwork()
        self._chords = madmom_chords.ChordNetwork()
        self._decoder = madmom_chords.ChordDecoder()
        self._chroma = madmom_chroma.ChromaNetwork()

    def __call__(self, samples: Floats, tuning_cents: float) -> NetworkHarmony:
        """Hear mono samples ``(samples,)`` at 44.1 kHz."""
        key_bands, chord_bands = self._spectrograms(samples, tuning_cents)
        keys = key_bands[::_KEY_STEP]
        return NetworkHarmony(
            self._decoder(self._chords(chord_bands)),
            self._chroma(key_bands),
            self._key(keys) if len(keys) >= madmom_key.MIN_FRAMES else None,
        )

    def _spectrograms(self, samples: Floats, tuning_cents: float) -> tuple[Floats, Floats]:
        banks = [self._key_bank, self._chord_bank]
        if abs(tuning_cents) > _IN_TUNE_CENTS:
            banks = [retuned(bank, tuning_cents) for bank in banks]
        chunks = magnitudes(samples, _FRAME_SAMPLES, RATE_HZ // FRAMES_PER_S)
        key_bands, chord_bands = zip(*([bank.log_bands(chunk) for bank in banks] for chunk in chunks), strict=True)
        return np.concatenate(key_bands), np.concatenate(chord_bands)
