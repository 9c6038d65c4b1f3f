"""Tempo, beats and metre: activations of one of three trackers, madmom's bar model, and a line through the beats."""

from dataclasses import dataclass
from functools import partial
from typing import get_args

import numpy as np

from featurizers.audio import MIX_22K_MONO, MIX_44K_MONO
from featurizers.beat_agreement import agreement, librosa_beats_s
from featurizers.beat_trackers import Checkpoint, Tracker, TrackerName, load_tracker
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.madmom_bars import Tempi, tempi
from featurizers.madmom_spectrogram import is_audible
from featurizers.metrical_level import Count, Listener
from featurizers.onset_beats import OnsetDetector
from featurizers.tempo import Doubles, steadiness, tempo_confidence
from featurizers.weights import model_id
from schemas.fragments.rhythm import RHYTHM

MODEL_FREE = "spectral-flux"

_COSTS = {"madmom": 0.04, "beat_this": 0.1, "onsets": 0.02}


@dataclass(frozen=True)
class Rhythm(Featurizer):
    """Beats by ``tracker``, in bars of one of the lengths in ``beats_per_bar``.

    ``madmom``: its recurrent networks (Böck, Krebs and Widmer, ISMIR 2016), which must not be used commercially.
    ``beat_this``: the transformer of Foscarin, Schlüter and Widmer (ISMIR 2024), ``checkpoint`` final0 or, a tenth of
    its size, small0; MIT. ``onsets``: the rise of spectra, and no model.

    Whichever it is, beats and bars are the most probable path through madmom's bar model, whose code is BSD. For
    Beat This! its authors measured that picking peaks instead gives single beats and downbeats a little better
    (F-measure on GTZAN 89.1 against 88.1, and 78.3 against 77.4), but bars that go on as they began much worse
    (CMLt of downbeats, which asks for the right neighbours too, 67.3 against 73.3), and bars are what sections,
    theory and the time signature are read from.

    Where nothing is audible, or fewer than four beats are found, there is no pulse: null and empty. Tempi twice or
    half of what a listener taps remain, where the tracker is sure of them: trusting ``tempo_candidates`` more than
    ``metrical_level`` does spoiled more than it mended. Raises ValueError for settings that cannot be.
    """

    beats_per_bar: tuple[int, ...] = (3, 4)
    tracker: TrackerName = "madmom"
    checkpoint: Checkpoint = "final0"
    writes = RHYTHM

    def __post_init__(self) -> None:
        for name, choices in (("tracker", get_args(TrackerName)), ("checkpoint", get_args(Checkpoint))):
            if getattr(self, name) not in choices:
                expected = ", ".join(choices)
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {expected}: choose one of them")
        if not self.beats_per_bar or min(self.beats_per_bar) < 1:
            raise ValueError(f"beats_per_bar is {self.beats_per_bar}, expected numbers from 1 on: 3 and 4 is usual")

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which one depends on a setting
        """What the tracker loads; nothing for onsets."""
        return {"madmom": ("madmom-downbeats",), "beat_this": (f"beat-this-{self.checkpoint}",)}.get(self.tracker, ())

    @property
    def cost(self) -> float:  # type: ignore[override]  # depends on a setting
        """CPU seconds a second of audio."""
        return _COSTS[self.tracker]

    @property
    def gpu_share(self) -> float:  # type: ignore[override]  # depends on a setting
        """Only the transformer gains by a GPU."""
        return 0.1 if self.tracker == "beat_this" else 0.0

    def load(self) -> Extract:
        import librosa  # noqa: F401 - paid for here, not by the first track

        tracker = load_tracker(self.tracker, self.checkpoint)
        measure = partial(self._measure, tracker, tempi(tracker.frames_per_s), OnsetDetector())
        model = {"rhythm_model": model_id(*self.weights) or MODEL_FREE}
        return lambda batch: [{**_no_pulse(), **measure(inputs), **model} for inputs in batch]

    def _measure(self, tracker: Tracker, beat_lengths: Tempi, detect: OnsetDetector, inputs: Inputs) -> Features:
        """The columns of a track with a pulse; nothing if there is none."""
        samples = inputs.audio(MIX_44K_MONO).samples[0]
        if not is_audible(samples):
            return {}
        onsets = detect(samples)
        listener = Listener(tracker, onsets, tracker.activations(inputs, onsets))
        count = listener.count(self.beats_per_bar, beat_lengths)
        if count is None:
            return {}
        others_s = librosa_beats_s(inputs.audio(MIX_22K_MONO).samples[0])
        return _tempo_columns(count, others_s) | _bar_columns(count, tracker.metre_weight)


def _tempo_columns(count: Count, others_s: Doubles) -> Features:
    agreed = agreement(count.beats_s, count.tempo_bpm, others_s)
    return {
        "tempo_bpm": count.tempo_bpm,
        "tempo_confidence": tempo_confidence(steadiness(count.beats_s), count.salience(), agreed.tempo),
        "tempo_candidates": [candidate._asdict() for candidate in count.candidates],
        "tempo_agreement": agreed.tempo,
        "beat_agreement": agreed.beats,
    }


def _bar_columns(count: Count, metre_weight: float) -> Features:
    beats_s, bars = count.beats_s, count.bars
    numbers = bars.beat_numbers[: len(beats_s)]
    evidence = None if bars.log_odds is None else metre_weight * bars.log_odds / np.sqrt(len(bars.beat_numbers))
    return {
        "beats_s": beats_s.tolist(),
        "beat_numbers": numbers.tolist(),
        "downbeats_s": beats_s[numbers == 1].tolist(),
        "time_signature": f"{bars.beats_per_bar}/4",
        "time_signature_confidence": None if evidence is None else 1 / (1 + float(np.exp(-evidence))),
    }


def _no_pulse() -> Features:
    lists = ("tempo_candidates", "beats_s", "beat_numbers", "downbeats_s")
    return {name: [] if name in lists else None for name in RHYTHM.names}
