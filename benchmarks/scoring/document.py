"""The document of a measurement, in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from benchmarks.scoring.features import Feature
from benchmarks.scoring.measure import CLEAN, MUZE, Score
from benchmarks.scoring.reliability import Bin, Confidence, calibration_error
from benchmarks.scoring.summary import Line, summarise

READING = """Figures are means over files; a bracket is the 95 % bootstrap interval over them, from five files on.
**Few files give wide intervals**: where they overlap, a difference says little about other music. The last column
compares muze with the best of the direct calls; in bold it is worse. Every library was called in the same run on the
same files, as its documentation shows. Rendered songs have exact truth and are easy: they show that a feature works,
annotated recordings how well. The mean over all audio weighs files alike, of which most are rendered."""
RELIABILITY = """If a confidence is a probability, labels of confidence 0.7 are right 7 times in 10; agreements with a
second estimator promise an order only. `files` and `s` (seconds) say how much a line rests on."""


@dataclass(frozen=True)
class Calibration:
    """The bins of one confidence on one corpus."""

    confidence: Confidence
    corpus: str
    bins: Sequence[Bin]


@dataclass(frozen=True)
class Report:
    """All that the document says."""

    facts: Sequence[str]
    """What was run, when, and on what: a paragraph each."""
    features: Sequence[Feature]
    scores: Sequence[Score]
    calibrations: Sequence[Calibration]
    not_measured: Mapping[str, str]
    left_out: Sequence[tuple[str, str]]

    def markdown(self) -> str:
        scores = {f.title: [score for score in self.scores if score.feature == f.title] for f in self.features}
        lines = {title: summarise(found) for title, found in scores.items()}
        parts = ["# Accuracy", *self.facts, READING, _below(list(chain.from_iterable(lines.values())))]
        for feature in self.features:
            if scores[feature.title]:
                parts += _section(feature, scores[feature.title], lines[feature.title])
        if self.calibrations:
            parts += ["## Reliability of confidences", RELIABILITY, *_reliability(self.calibrations)]
        if self.not_measured:
            parts += ["## Not measured", _bullets(f"{title}: {reason}." for title, reason in self.not_measured.items())]
        if self.left_out:
            parts += ["## Left out", _bullets(_by_reason(self.left_out))]
        return "\n\n".join(parts) + "\n"


def _below(lines: Sequence[Line]) -> str:
    """Where muze is worse than a direct call, all in one place."""
    comparable = [line for line in lines if line.gain is not None]
    whole: dict[str, Line] = {}
    for line in comparable:
        whole.setdefault(line.metric, line)  # the first of a metric is that of all its files
    below = [metric for metric, line in whole.items() if line.is_worse]
    parts = [line for line in comparable if line.is_worse and line.metric not in below]
    corpora = [f"{line.metric} ({line.corpus}, {_files(line.num_files)})" for line in parts]
    return (
        f"Of {len(whole)} metrics that a library has too, muze is below the best direct call, in the mean over all"
        f" files, in {', '.join(below) or 'none'}; of the others, in the mean over one kind of audio, in"
        f" {', '.join(corpora) or 'none'}."
    )


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _section(feature: Feature, scores: Sequence[Score], lines: Sequence[Line]) -> list[str]:
    names = _in_order(score.estimator for score in scores)
    about = [_sentence((feature.score or feature.score_all).__doc__), feature.difference]
    calls = [f"{name} directly: {_sentence(load.__doc__)}" for name, load in feature.direct.items() if name in names]
    parts = [f"## {feature.title}", " ".join(filter(None, about)), _bullets(calls)]
    return [*filter(None, parts), _summary(lines, names), _per_file(scores, names)]


def _summary(lines: Iterable[Line], names: Sequence[str]) -> str:
    header = ["metric", "audio", "files", *map(_column, names), "muze against the best library"]
    rows = [
        [
            line.metric,
            line.corpus,
            str(line.num_files),
            *(str(line.means.get(name, "-")) for name in names),
            line.verdict,
        ]
        for line in lines
        if line.means
    ]
    return table(header, rows)


def _per_file(scores: Sequence[Score], names: Sequence[str]) -> str:
    """Every figure, folded away: a line a file, in a cell the estimators in the order of the columns above."""
    alone = [score for score in scores if score.piece]
    if not alone:
        return "These figures are of all files together."
    metrics = list(dict.fromkeys(score.metric for score in alone))
    values = {(score.piece, score.metric, score.estimator): f"{score.value:.3f}" for score in alone}
    rows = [
        [piece, *(" / ".join(values.get((piece, metric, name), "-") for name in names) for metric in metrics)]
        for piece in dict.fromkeys(score.piece for score in alone)
    ]
    body = table(["file", *metrics], rows)
    order = " / ".join(map(_column, names))
    return f"<details><summary>Per file: {order}</summary>\n\n{body}\n\n</details>"


def _reliability(calibrations: Iterable[Calibration]) -> list[str]:
    """A table for every confidence, over all audio."""
    by_confidence: dict[Confidence, list[Calibration]] = {}
    for calibration in calibrations:
        by_confidence.setdefault(calibration.confidence, []).append(calibration)
    return [_calibrated(confidence, found) for confidence, found in by_confidence.items()]


def _calibrated(confidence: Confidence, calibrations: Sequence[Calibration]) -> str:
    title = f"`{confidence.column}`: right if {confidence.right_if}."
    if confidence.is_probability:
        errors = (f"{one.corpus} {calibration_error(one.bins):.2f}" for one in calibrations)
        title += f" Mean distance of confidence and share: {', '.join(errors)}."
    rows = [
        [
            one.corpus,
            f"{group.low:g} to {group.high:g}",
            f"{group.weight:.3g}",
            f"{group.confidence:.2f}",
            f"{group.right:.2f}",
        ]
        for one in calibrations
        for group in one.bins
    ]
    return f"{title}\n\n" + table(["audio", "confidence", confidence.unit, "mean confidence", "right"], rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _in_order(names: Iterable[str]) -> list[str]:
    """muze, the libraries, and what is licence-clean last."""
    found = list(dict.fromkeys(names))
    return [name for name in (MUZE, *(n for n in found if n not in (MUZE, CLEAN)), CLEAN) if name in found]


def _column(name: str) -> str:
    return name if name in (MUZE, CLEAN) else f"{name} directly"


def _sentence(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def _by_reason(left_out: Iterable[tuple[str, str]]) -> list[str]:
    """The pieces of every reason."""
    pieces: dict[str, list[str]] = {}
    for piece, reason in dict.fromkeys(left_out):
        pieces.setdefault(reason, []).append(piece)
    return [f"{reason[0].upper()}{reason[1:]}: {', '.join(names)}." for reason, names in pieces.items()]


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
