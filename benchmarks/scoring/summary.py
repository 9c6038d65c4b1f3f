"""Means over files, how sure they are, and how muze compares with the libraries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.scoring.measure import CLEAN, MUZE, Score
from benchmarks.scoring.piece import ALL, CORPORA

MIN_FILES = 5
"""Fewer give no interval."""

_RESAMPLINGS = 2000
_EQUAL = 0.0005  # figures are shown with three decimals
_LOWER_IS_BETTER = ("error", "EER", "VFA")
_NO_MATTER_OF_QUALITY = ("covers",)


@dataclass(frozen=True)
class Mean:
    """Mean over files, and between what bounds 95 % of resampled means lie; None of few files."""

    value: float
    interval: tuple[float, float] | None

    def __str__(self) -> str:
        text = f"{self.value:.3f}"
        return text if self.interval is None else f"{text} [{self.interval[0]:.2f}, {self.interval[1]:.2f}]"


@dataclass(frozen=True)
class Line:
    """One metric on one corpus by every estimator that has it."""

    metric: str
    corpus: str
    num_files: int
    means: dict[str, Mean]

    @property
    def gain(self) -> float | None:
        """By how much muze is better than the best direct call; None where nothing compares."""
        direct = [mean.value for name, mean in self.means.items() if name not in (MUZE, CLEAN)]
        if not direct or MUZE not in self.means or self.metric.endswith(_NO_MATTER_OF_QUALITY):
            return None
        sign = -1 if any(word in self.metric for word in _LOWER_IS_BETTER) else 1
        gain = sign * self.means[MUZE].value - max(sign * value for value in direct)
        return 0.0 if abs(gain) < _EQUAL else gain

    @property
    def is_worse(self) -> bool:
        return self.gain is not None and self.gain < 0

    @property
    def verdict(self) -> str:
        """The same in words, in bold where muze is worse."""
        if not self.gain:
            return "" if self.gain is None else "equal"
        return f"**worse by {-self.gain:.3f}**" if self.is_worse else f"better by {self.gain:.3f}"


def summarise(scores: Iterable[Score]) -> list[Line]:
    """A line a metric of all its files, then one a corpus; metrics in the order in which they came.

    Means are over the files that every estimator of the metric has a figure for. Figures that many files have together
    have no mean over corpora.
    """
    scores = list(scores)
    metrics = dict.fromkeys(score.metric for score in scores)
    return [line for metric in metrics for line in _lines(metric, [s for s in scores if s.metric == metric])]


def _lines(metric: str, scores: Sequence[Score]) -> list[Line]:
    by_corpus: dict[str, Sequence[Score]] = {
        corpus: found for corpus in CORPORA if (found := [s for s in scores if s.corpus == corpus])
    }
    if len(by_corpus) > 1 and all(score.piece for score in scores):
        by_corpus = {ALL: scores, **by_corpus}
    return [_line(metric, corpus, found) for corpus, found in by_corpus.items()]


def _line(metric: str, corpus: str, scores: Sequence[Score]) -> Line:
    names = list(dict.fromkeys(score.estimator for score in scores))
    by_name = {name: {score.piece: score.value for score in scores if score.estimator == name} for name in names}
    shared = sorted(set.intersection(*(set(values) for values in by_name.values())))
    means = {name: mean([values[piece] for piece in shared]) for name, values in by_name.items()} if shared else {}
    num_files = scores[0].num_files if shared == [""] else len(shared)
    return Line(metric, corpus, num_files, means)


def mean(values: Sequence[float]) -> Mean:
    """Mean with its bootstrap interval (Efron, 1979), from five values on."""
    if len(values) < MIN_FILES:
        return Mean(float(np.mean(values)), None)
    drawn = np.random.default_rng(0).choice(values, (_RESAMPLINGS, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return Mean(float(np.mean(values)), (float(low), float(high)))
