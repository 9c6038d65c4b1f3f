"""Beats and bars from activations: the dynamic Bayesian network of madmom's ``DBNDownBeatTrackingProcessor``.

A state is a beat of the bar, a beat length and a position in the beat; the length changes only where a
beat begins. Krebs, Böck and Widmer, "An Efficient State Space Model for Joint Tempo and Meter
Tracking", ISMIR 2015; Böck, Krebs and Widmer, ISMIR 2016. madmom decodes it state by state and keeps a
pointer for every state and frame, 10 MB a second of music. But inside a beat a path has no choice: it is
enough to decide how each beat begins, which finds the same path in 42 kB a second.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.madmom_compat import madmom_names

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MIN_BPM, MAX_BPM = 55, 215
_NUM_TEMPI = 60
_TEMPO_RIGIDITY = 100
_ONSET_SHARE = 16  # a sixteenth of a beat, its onset, is where its activation should be
_MIN_ACTIVATION = 0.05
_MIN_PROBABILITY = 1e-10  # keeps logarithms finite
_NEAR = np.log(1.1)


class Bars(NamedTuple):
    """Beats as frame numbers, the position of each in its bar (1 = downbeat), and the beats a bar has.

    ``log_odds`` is by how much the best path in bars of that length is more probable than the best one in bars of
    any other length, as a difference of logarithms; None if there was nothing to choose from. ``log_probability`` is
    that of the path and the activations together.
    """

    beat_frames: Ints
    beat_numbers: Ints
    beats_per_bar: int
    log_odds: float | None
    log_probability: float


class Tempi(NamedTuple):
    """Beat lengths in frames, ascending, log probabilities ``(from, to)`` of a change, and what each can change to."""

    lengths: Ints
    log_changes: Doubles
    reach: list[slice]
    num_positions: int
    """In beats of all lengths that are modelled, of which ``lengths`` may be some: a track may begin at any."""


class _Beats(NamedTuple):
    """The beats of the bars to choose from: number in the bar, index of the beat before, beats in the bar."""

    numbers: Ints
    previous: Ints
    per_bar: Ints


class _Start(NamedTuple):
    """Where a path begins a beat: first frame (negative if before the track), index of beat and of tempo."""

    frame: int
    beat: int
    tempo: int


def tempi(frames_per_s: float) -> Tempi:
    """The tempi that madmom models by default."""
    with madmom_names():
        from madmom.features.beats_hmm import BeatStateSpace, exponential_transition

        shortest, longest = 60 * frames_per_s / MAX_BPM, 60 * frames_per_s / MIN_BPM
        lengths = BeatStateSpace(shortest, longest, _NUM_TEMPI).intervals
        changes = exponential_transition(lengths, lengths, _TEMPO_RIGIDITY)
    with np.errstate(divide="ignore"):
        return Tempi(lengths, np.log(changes), _reach(changes > 0), int(lengths.sum()))


def tempi_near(bpm: float, tempi: Tempi, frames_per_s: float) -> Tempi | None:
    """Those of some tempi that are no more than a tenth faster or slower; None if there are fewer than two."""
    near = np.flatnonzero(np.abs(np.log(60 * frames_per_s / tempi.lengths / bpm)) <= _NEAR)
    if len(near) < 2:
        return None
    log_changes = tempi.log_changes[np.ix_(near, near)]
    return Tempi(tempi.lengths[near], log_changes, _reach(np.isfinite(log_changes)), tempi.num_positions)


def _reach(possible: npt.NDArray[np.bool_]) -> list[slice]:
    """From the first to the last change that is possible, for each row of ``(from, to)``."""
    return [slice(reached[0], reached[-1] + 1) for reached in map(np.flatnonzero, possible)]


def track_bars(activations: Floats, beats_per_bar: Sequence[int], tempi: Tempi, slack_frames: int = 0) -> Bars:
    """The most probable beats given activations ``(frames, 2)``, in bars of the length that explains them best.

    What lies before the first and after the last activation of 0.05 is left out, as madmom does. But with
    ``slack_frames`` after the last: that may be of a beat which, by the beats before, begins a little later.
    """
    active = np.flatnonzero((activations >= _MIN_ACTIVATION).any(axis=1))
    if not len(active):
        return Bars(np.empty(0, np.int64), np.empty(0, np.int64), beats_per_bar[0], None, 0.0)
    activations = activations[active[0] : active[-1] + 1 + slack_frames]
    beats = _beats(beats_per_bar)
    path, log_odds, log_probability = _best_path(_Evidence(activations), beats, tempi)
    frames, numbers = _peaks(path, activations, beats, tempi)
    return Bars(frames + active[0], numbers, int(beats.per_bar[path[0].beat]), log_odds, log_probability)


def _beats(beats_per_bar: Sequence[int]) -> _Beats:
    numbers = np.concatenate([np.arange(1, num_beats + 1) for num_beats in beats_per_bar])
    per_bar = np.repeat(beats_per_bar, beats_per_bar)
    before = np.arange(len(numbers)) - 1
    return _Beats(numbers, np.where(numbers == 1, before + per_bar, before), per_bar)


def _onset_frames(lengths: Ints) -> Ints:
    return -(-lengths // _ONSET_SHARE)


class _Evidence:
    """Log densities of no beat, beat and downbeat, summed over frames so that a beat's score is a few look-ups."""

    def __init__(self, activations: Floats) -> None:
        beat, downbeat = activations.astype(np.float64).T
        none = (1 - beat - downbeat) / (_ONSET_SHARE - 1)
        densities = np.log(np.maximum((none, beat, downbeat), _MIN_PROBABILITY))
        self.num_frames = len(activations)
        self._sums = np.pad(np.cumsum(densities, axis=1), ((0, 0), (1, 0)))

    def scores(self, starts: Ints, lengths: Ints, beats: _Beats) -> Doubles:
        """Log densities ``(..., beats)`` from each start for a length, as far as that lies in the track."""
        bounds = starts, starts + _onset_frames(lengths), starts + lengths
        start, onset_end, end = (np.take(self._sums, bound, axis=1, mode="clip") for bound in bounds)
        rest = end[0] - onset_end[0]
        _, beat, downbeat = onset_end - start + rest
        scores: Doubles = np.where(beats.numbers == 1, downbeat[..., None], beat[..., None])
        return scores


def _best_path(evidence: _Evidence, beats: _Beats, tempi: Tempi) -> tuple[list[_Start], float | None, float]:
    """Viterbi decoding; the path from its last beat back to the one that is under way when the track begins.

    Beside it, the log odds of its bars against those of other lengths, and its log probability.
    ``scores`` is a ring over frames, ``(frames, tempi, beats)``: the best log probability of a path
    that begins a beat there. No beat is shorter than ``block`` frames: so many are decided at once.
    """
    lengths, tempo = tempi.lengths, np.arange(len(tempi.lengths))[:, None]
    block, ring = int(lengths[0]), int(lengths[0] + lengths[-1])
    # before the track begins, all states of a bar are equally likely
    scores = np.tile(-np.log(beats.per_bar * tempi.num_positions), (ring, len(lengths), 1))
    origins = np.empty((evidence.num_frames, len(lengths), len(beats.numbers)), dtype=np.uint8)
    for first in range(0, evidence.num_frames, block):
        frames = np.arange(first, min(first + block, evidence.num_frames))
        starts = frames - lengths[:, None]
        ends = scores[starts % ring, tempo] + evidence.scores(starts, lengths[:, None], beats)
        before = np.take(ends, beats.previous, axis=2)
        best, origin = _best_changes(before.reshape(len(lengths), -1), tempi)
        scores[frames % ring] = best.reshape(before.shape).swapaxes(0, 1)
        origins[frames] = origin.reshape(before.shape).swapaxes(0, 1)
    ends = _best_ends(scores, evidence, beats, lengths)
    score, end = max(ends, key=lambda scored: scored[0])
    others = [other for other, start in ends if beats.per_bar[start.beat] != beats.per_bar[end.beat]]
    return _traced(end, origins, beats, lengths), score - max(others) if others else None, score


def _best_changes(scores: Doubles, tempi: Tempi) -> tuple[Doubles, npt.NDArray[np.uint8]]:
    """For each new tempo and column, ``(tempi, columns)``, the best score over former tempi, and which it was."""
    best, origin = np.full(scores.shape, -np.inf), np.zeros(scores.shape, dtype=np.uint8)
    for former, to in enumerate(tempi.reach):
        candidate = scores[former] + tempi.log_changes[former, to, None]
        better = (candidate > best[to]).view(np.uint8)
        np.maximum(best[to], candidate, out=best[to])
        np.maximum(origin[to], better * np.uint8(former), out=origin[to])  # ascending: the latest is the greatest
    return best, origin


def _best_ends(scores: Doubles, evidence: _Evidence, beats: _Beats, lengths: Ints) -> list[tuple[float, _Start]]:
    """The most probable last beat, complete or not, of each number in each bar, with its log probability."""
    ends: list[list[tuple[float, _Start]]] = [[] for _ in beats.numbers]
    for tempo, length in enumerate(lengths):
        starts = evidence.num_frames - 1 - np.arange(length)
        candidates = scores[starts % len(scores), tempo] + evidence.scores(starts, length, beats)
        for beat, position in enumerate(candidates.argmax(axis=0)):
            ends[beat].append((float(candidates[position, beat]), _Start(int(starts[position]), beat, tempo)))
    return [max(of_beat, key=lambda scored: scored[0]) for of_beat in ends]


def _traced(end: _Start, origins: npt.NDArray[np.uint8], beats: _Beats, lengths: Ints) -> list[_Start]:
    path = [end]
    while path[-1].frame >= 0:
        frame, beat, tempo = path[-1]
        origin = int(origins[frame, tempo, beat])
        path.append(_Start(frame - int(lengths[origin]), int(beats.previous[beat]), origin))
    return path


def _peaks(path: list[_Start], activations: Floats, beats: _Beats, tempi: Tempi) -> tuple[Ints, Ints]:
    """Place each beat of a path at the strongest activation during its onset; frames and beat numbers."""
    onset_frames, peaks = _onset_frames(tempi.lengths), []
    for start in reversed(path):
        onset = activations[max(start.frame, 0) : max(start.frame + onset_frames[start.tempo], 0)]
        if len(onset):
            peaks.append((max(start.frame, 0) + onset.argmax() // 2, beats.numbers[start.beat]))
    frames, numbers = np.array(peaks, dtype=np.int64).reshape(-1, 2).T
    return frames, numbers
