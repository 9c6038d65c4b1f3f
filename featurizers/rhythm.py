"""Tempo, beats and metre: activations of one of three trackers, madmom's bar model, and a line through the beats."""

from dataclasses import dataclass
from functools import partial
from typing import get_args

import numpy as np

from featurizers.audio import MIX_22K_MONO, MIX_44K_MONO
from featurizers.beat_agreement import agreement, librosa_beats_s
from featurizers.beat_trackers import Checkpoint, Tracker, TrackerName, load_tracker
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.madmom_bars import Bars, Tempi, tempi, track_bars
from featurizers.madmom_spectrogram import Floats, is_audible
from featurizers.onset_beats import FRAMES_PER_S as ONSET_FRAMES_PER_S
from featurizers.onset_beats import OnsetDetector
from featurizers.tempo import Doubles, candidates, sixths, steadiness, strengths_at, tempo_confidence, tempo_line
from featurizers.weights import model_id
from schemas.fragments.rhythm import RHYTHM

MIN_BEATS = 4
"""Fewer are no pulse."""
MODEL_FREE = "spectral-flux"

_LEAST_ONSET = 0.2  # of the median beat's: measured, no beat of a rendered song ends it with less than 0.3
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
    half of what a listener taps remain: correcting them by ``tempo_candidates`` spoiled more than it mended. Raises
    ValueError for settings that cannot be.
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
        activations = tracker.activations(inputs, onsets)
        bars = track_bars(activations, self.beats_per_bar, beat_lengths)
        beats_s = _between_frames(bars.beat_frames, activations) / tracker.frames_per_s + tracker.lead_s
        beats_s = beats_s[: _num_heard(strengths_at(beats_s, onsets.strengths, ONSET_FRAMES_PER_S))]
        if len(beats_s) < MIN_BEATS:
            return {}
        pulses = np.sqrt(
            strengths_at(sixths(beats_s), onsets.strengths, ONSET_FRAMES_PER_S)
            * strengths_at(sixths(beats_s), activations.sum(axis=1), tracker.frames_per_s)
        )
        others_s = librosa_beats_s(inputs.audio(MIX_22K_MONO).samples[0])
        return _tempo_columns(beats_s, pulses, others_s) | _bar_columns(beats_s, bars, tracker.metre_weight)


def _num_heard(strengths: Doubles) -> int:
    """Beats up to the last that something sounds at: the bar model goes on counting while the last notes fade."""
    return int(np.flatnonzero(strengths >= _LEAST_ONSET * np.median(strengths))[-1]) + 1 if len(strengths) else 0


def _between_frames(frames: np.ndarray, activations: Floats) -> Doubles:
    """Peaks of parabolas through the activation at each frame and its neighbours: half of the frames' own scatter.

    Less than half a frame from where they were, and exactly there if the frame is no peak.
    """
    strengths = np.pad(activations.sum(axis=1, dtype=np.float64), 1, mode="edge")
    before, at, after = (strengths[frames + step] for step in range(3))
    curvature = before - 2 * at + after
    is_peak = (at >= before) & (at >= after) & (curvature < 0)
    return frames + np.where(is_peak, (before - after) / 2 / np.where(is_peak, curvature, 1), 0)


def _tempo_columns(beats_s: Doubles, pulses: Doubles, others_s: Doubles) -> Features:
    tempo_bpm = tempo_line(beats_s).tempo_bpm
    found = candidates(tempo_bpm, pulses)
    own = next(candidate for candidate in found if candidate.tempo_bpm == tempo_bpm)
    agreed = agreement(beats_s, tempo_bpm, others_s)
    return {
        "tempo_bpm": tempo_bpm,
        "tempo_confidence": tempo_confidence(steadiness(beats_s), own.salience, agreed.tempo),
        "tempo_candidates": [candidate._asdict() for candidate in found],
        "tempo_agreement": agreed.tempo,
        "beat_agreement": agreed.beats,
    }


def _bar_columns(beats_s: Doubles, bars: Bars, metre_weight: float) -> Features:
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
