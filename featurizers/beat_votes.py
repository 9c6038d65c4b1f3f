"""Chords from frames to seconds, their changes on beats."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.label_chain import Run

FRAMES_PER_S = 10
"""Of every run of frames here."""

MAX_SHIFT_S = 0.2
"""A change further than this from every beat stays where it was heard."""

Times = Sequence[float] | npt.NDArray[np.floating]


class ChordSpan(NamedTuple):
    """A chord in Harte syntax from ``start_s`` to ``end_s``, and how sure it is, 0-1."""

    start_s: float
    end_s: float
    label: str
    confidence: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def spans_of(runs: Sequence[Run], duration_s: float) -> list[ChordSpan]:
    """Runs as spans that tile ``0 .. duration_s``: the last frame reaches past the end and is cut there."""
    ends_s = [*(min(run.end_frame / FRAMES_PER_S, duration_s) for run in runs[:-1]), duration_s]
    return _tiled(ends_s, [run.label for run in runs], [run.confidence for run in runs])


def spans_on_beats(runs: Sequence[Run], duration_s: float, beats_s: Times) -> list[ChordSpan]:
    """The same with every change moved to the nearest beat, where one is within ``MAX_SHIFT_S``.

    Frames lie around their times, so a change is heard half a frame before the first frame of the new chord. What
    has no time left is dropped, and equal neighbours are joined. Without beats it is ``spans_of``.

    A vote of all frames of a beat for one label was measured too, as the sum of posteriors or of their logarithms,
    and with changes at beats alone: it is as good where beats are right, and loses where music breathes or chords
    change within beats.
    """
    beats = np.asarray(beats_s, dtype=np.float64)
    beats = beats[(beats > 0) & (beats < duration_s)]
    if not len(beats):
        return spans_of(runs, duration_s)
    changes_s = [min((run.end_frame - 0.5) / FRAMES_PER_S, duration_s) for run in runs[:-1]]
    ends_s = [*(_on_beat(change_s, beats) for change_s in changes_s), duration_s]
    return _tiled(ends_s, [run.label for run in runs], [run.confidence for run in runs])


def _on_beat(time_s: float, beats_s: npt.NDArray[np.float64]) -> float:
    nearest_s = float(beats_s[np.abs(beats_s - time_s).argmin()])
    return nearest_s if abs(nearest_s - time_s) <= MAX_SHIFT_S else time_s


def _tiled(ends_s: Sequence[float], labels: Sequence[str], confidences: Sequence[float]) -> list[ChordSpan]:
    """Spans from 0 on, each from the end of the one before; what merges has the mean confidence over its time."""
    spans: list[ChordSpan] = []
    start_s = 0.0
    for end_s, label, confidence in zip(ends_s, labels, confidences, strict=True):
        if end_s <= start_s:
            continue
        span = ChordSpan(start_s, end_s, label, confidence)
        if spans and spans[-1].label == label:
            span = _joined(spans.pop(), span)
        spans.append(span)
        start_s = end_s
    return spans


def _joined(first: ChordSpan, second: ChordSpan) -> ChordSpan:
    total = first.confidence * first.duration_s + second.confidence * second.duration_s
    return ChordSpan(first.start_s, second.end_s, first.label, total / (first.duration_s + second.duration_s))
