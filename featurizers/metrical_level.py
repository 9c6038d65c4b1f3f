"""Beats counted at the metrical level at which one taps: that of the bar model, unless it hardly tells them apart.

A bar model weighs activations, but not how readily one taps so fast: where drums play, activations decide, and by
far; under a voice alone a beat and half of one explain them nearly as well, and it takes the slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.beat_trackers import Tracker
from featurizers.madmom_bars import Bars, Tempi, tempi_near, track_bars
from featurizers.madmom_spectrogram import Floats
from featurizers.onset_beats import FRAMES_PER_S as ONSET_FRAMES_PER_S
from featurizers.onset_beats import OnsetCurves
from featurizers.tempo import Candidate, Doubles, candidates, sixths, strengths_at, tempo_line

MIN_BEATS = 4
"""Fewer are no pulse."""

_SAME_S = 0.07  # within which beats are the same one (Dixon, JNMR 2007)
_LEAST_SHARED = 0.9  # of the beats of two levels: else they are no levels of the same metre
_LEAST_ONSET = 0.1  # of the median beat's: measured, the last finger snap under a voice has 0.19, a note's end 0.00


class Count(NamedTuple):
    """Beat times ``(beats,)``, the bars they are in, their tempo, and at which others one may tap as well."""

    beats_s: Doubles
    bars: Bars
    tempo_bpm: float
    candidates: list[Candidate]

    def salience(self) -> float:
        """That of its own tempo."""
        return next(candidate.salience for candidate in self.candidates if candidate.tempo_bpm == self.tempo_bpm)


@dataclass(frozen=True)
class Listener:
    """What there is to hear of a track: its onsets, and what a tracker makes of them."""

    tracker: Tracker
    onsets: OnsetCurves
    activations: Floats

    def count(self, beats_per_bar: Sequence[int], tempi: Tempi) -> Count | None:
        """Beats at the level of the best odds; None if there are fewer than four.

        Those of a candidate against the tempo of the bar model are the odds of the most probable paths at both,
        scaled as those of metres are, since neighbouring frames say the same twice, times those of their saliences,
        in which how readily one taps is included. The bars stay where they are. Of 70 rendered songs, half of them
        without drums, the bar model had 17 at half of their tempo with madmom's networks: this mended three, and
        spoiled none of the others.
        """
        found = self._count_near(beats_per_bar, tempi)
        if found is None:
            return None
        for candidate in found.candidates:  # the most salient first: those after its own have no better odds
            if candidate.tempo_bpm == found.tempo_bpm:
                return found
            near = tempi_near(candidate.tempo_bpm, tempi, self.tracker.frames_per_s)
            other = self._count_near([found.bars.beats_per_bar], near) if near else None
            if other is None or not _share_beats(found.beats_s, other.beats_s):
                continue
            if candidate.salience * np.exp(-self._log_odds(found, other)) > found.salience():
                return other._replace(bars=_in_bars_of(found, other))
        return found

    def _log_odds(self, count: Count, other: Count) -> float:
        """What the activations say for one against the other."""
        log_odds = count.bars.log_probability - other.bars.log_probability
        return float(self.tracker.metre_weight * log_odds / np.sqrt(len(count.bars.beat_numbers)))

    def _count_near(self, beats_per_bar: Sequence[int], tempi: Tempi) -> Count | None:
        """The most probable beats at these tempi."""
        slack_frames = round(_SAME_S * self.tracker.frames_per_s)
        bars = track_bars(self.activations, beats_per_bar, tempi, slack_frames)
        beats_s = _between_frames(bars.beat_frames, self.activations) / self.tracker.frames_per_s + self.tracker.lead_s
        beats_s = beats_s[: _num_heard(self._onsets_at(beats_s))]
        if len(beats_s) < MIN_BEATS:
            return None
        activations = strengths_at(sixths(beats_s), self.activations.sum(axis=1), self.tracker.frames_per_s)
        pulses = np.sqrt(self._onsets_at(sixths(beats_s)) * activations)
        tempo_bpm = tempo_line(beats_s).tempo_bpm
        return Count(beats_s, bars, tempo_bpm, candidates(tempo_bpm, pulses))

    def _onsets_at(self, times_s: Doubles) -> Doubles:
        return strengths_at(times_s, self.onsets.strengths, ONSET_FRAMES_PER_S)


def _num_heard(strengths: Doubles) -> int:
    """Beats up to the last that something begins at: the bar model goes on counting while the last notes fade."""
    return int(np.flatnonzero(strengths >= _LEAST_ONSET * np.median(strengths))[-1]) + 1 if len(strengths) else 0


def _share_beats(beats_s: Doubles, others_s: Doubles) -> bool:
    """Whether most beats of the slower count are beats of the faster one, too."""
    fewer_s, more_s = sorted((beats_s, others_s), key=len)
    return bool(np.mean(np.abs(more_s[_nearest(fewer_s, more_s)] - fewer_s) <= _SAME_S) >= _LEAST_SHARED)


def _nearest(times_s: Doubles, among_s: Doubles) -> npt.NDArray[np.intp]:
    """Indices ``(times,)`` of what is nearest to each time; both ascend."""
    return np.searchsorted((among_s[:-1] + among_s[1:]) / 2, times_s)


def _in_bars_of(count: Count, other: Count) -> Bars:
    """The bars of another count, which has as many beats a bar, moved to begin where those of the first do.

    Halves of beats are twice as many, and so make two bars of one. What is known of the metre is what was.
    """
    begin_s = count.beats_s[count.bars.beat_numbers[: len(count.beats_s)] == 1]
    beginning = _nearest(begin_s, other.beats_s) % other.bars.beats_per_bar
    first = np.bincount(beginning).argmax() if len(beginning) else 0
    numbers = (np.arange(len(other.bars.beat_numbers)) - first) % other.bars.beats_per_bar + 1
    return other.bars._replace(beat_numbers=numbers, log_odds=count.bars.log_odds)


def _between_frames(frames: np.ndarray, activations: Floats) -> Doubles:
    """Peaks of parabolas through the activation at each frame and its neighbours: half of the frames' own scatter.

    Less than half a frame from where they were, and exactly there if the frame is no peak.
    """
    strengths = np.pad(activations.sum(axis=1, dtype=np.float64), 1, mode="edge")
    before, at, after = (strengths[frames + step] for step in range(3))
    curvature = before - 2 * at + after
    is_peak = (at >= before) & (at >= after) & (curvature < 0)
    return frames + np.where(is_peak, (before - after) / 2 / np.where(is_peak, curvature, 1), 0)
