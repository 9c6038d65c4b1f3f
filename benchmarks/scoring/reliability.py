"""Whether a confidence means what it says: how often labels of a confidence are right."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.scoring.form import judged_sections
from benchmarks.scoring.harmony import judged_chords, score_chords, score_key
from benchmarks.scoring.piece import Found, Truth
from benchmarks.scoring.pulse import score_beats, score_metre, score_tempo

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

Judged = tuple[float, float, float]
"""A confidence, whether the label was right (0-1), and how much it weighs."""

Judge = Callable[[Truth, Found], Iterable[Judged]]


@dataclass(frozen=True)
class Confidence:
    """A column that says how sure a label is, and what makes the label right."""

    column: str
    right_if: str
    truth: str
    judge: Judge
    unit: str = "files"
    is_probability: bool = True
    """Or an order at best."""


class Bin(NamedTuple):
    """Labels of similar confidence: how many, or how many seconds, how sure and how often right on average."""

    low: float
    high: float
    weight: float
    confidence: float
    right: float


def _of_file(column: str, score: Callable[[Truth, Found], dict[str, float]], metric: str) -> Judge:
    """A column of one number a file, and the figure that says how right it was to be sure."""

    def judge(truth: Truth, found: Found) -> Iterator[Judged]:
        right = score(truth, found).get(metric)
        if found.get(column) is not None and right is not None:
            yield found[column], right, 1.0

    return judge


def _tempo(column: str, metric: str, right_if: str, *, is_probability: bool = True) -> Confidence:
    judge = _of_file(column, score_tempo, metric)
    return Confidence(column, right_if, "tempi_bpm", judge, is_probability=is_probability)


CONFIDENCES = (
    _tempo("tempo_confidence", "tempo Acc1", "the tempo is within 4 % (Acc1)"),
    _tempo("tempo_confidence", "tempo Acc2", "it is up to octaves (Acc2)"),
    _tempo("tempo_agreement", "tempo Acc1", "the tempo is within 4 % (Acc1)", is_probability=False),
    Confidence(
        "beat_agreement",
        "beats are (F-measure)",
        "beats_s",
        _of_file("beat_agreement", score_beats, "beats F"),
        is_probability=False,
    ),
    Confidence(
        "time_signature_confidence",
        "as many beats make a bar",
        "time_signature",
        _of_file("time_signature_confidence", score_metre, "beats a bar"),
    ),
    Confidence("key_confidence", "the key is exact", "key", _of_file("key_confidence", score_key, "key exact")),
    Confidence(
        "key_agreement",
        "the key is exact",
        "key",
        _of_file("key_agreement", score_key, "key exact"),
        is_probability=False,
    ),
    Confidence("chords.confidence", "the chord is (majmin)", "chords", judged_chords, "s"),
    Confidence(
        "chord_agreement",
        "chords are (share of time, majmin)",
        "chords",
        _of_file("chord_agreement", score_chords, "chords majmin"),
        is_probability=False,
    ),
    Confidence("sections.confidence", "the type is right", "sections", judged_sections, "s", is_probability=False),
)


def judge(confidence: Confidence, pieces: Iterable[tuple[Truth, Found]]) -> list[Judged]:
    """Every label of a column for which the truth is known."""
    known = ((truth, found) for truth, found in pieces if confidence.truth in truth)
    return [judged for truth, found in known for judged in confidence.judge(truth, found)]


def bins(judged: Sequence[Judged]) -> list[Bin]:
    """Bins a fifth wide, the empty ones left out."""
    if not judged:
        return []
    confidence, right, weight = np.array(judged, float).T
    which = np.clip(np.digitize(confidence, EDGES) - 1, 0, len(EDGES) - 2)
    found = []
    for index in np.unique(which):
        inside = which == index
        means = (float(np.average(values[inside], weights=weight[inside])) for values in (confidence, right))
        found.append(Bin(EDGES[index], EDGES[index + 1], float(weight[inside].sum()), *means))
    return found


def calibration_error(found: Sequence[Bin]) -> float:
    """Mean distance of confidence and correctness over bins by weight (Naeini, Cooper and Hauskrecht, 2015)."""
    weights = np.array([one.weight for one in found])
    return float(np.average([abs(one.confidence - one.right) for one in found], weights=weights))
