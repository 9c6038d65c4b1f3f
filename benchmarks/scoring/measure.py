"""Scores of every estimator on every piece, the libraries called here and now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.scoring.direct import Call, Load
from benchmarks.scoring.features import Feature
from benchmarks.scoring.piece import Found, Piece

MUZE = "muze"
CLEAN = "muze, licence-clean"

Rows = Mapping[str, Found]
"""Track id -> the columns that a dataset has of it."""


class Score(NamedTuple):
    """One figure: of one piece, or of ``num_files`` together."""

    feature: str
    metric: str
    corpus: str
    piece: str
    estimator: str
    value: float
    num_files: int = 1


@dataclass
class Measurement:
    """Figures as they come, of muze's rows by estimator and of the libraries; and what is left out, with the reason."""

    rows: Mapping[str, Rows]
    scores: list[Score] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    _calls: dict[Load, Call] = field(default_factory=dict)
    _answers: dict[tuple[Load, Piece], Found] = field(default_factory=dict)

    def add(self, feature: Feature, pieces: Iterable[Piece]) -> int:
        """Score a feature on the pieces of which it is known, if muze has it; return how many they are.

        A piece that a library cannot read is left out for all, so that means are of the same files.
        """
        rows = {name: found for name, found in self.rows.items() if has(found, feature.column)}
        if MUZE not in rows:
            return 0
        found = {piece: one for piece in known(feature, pieces) if (one := self._found(feature, piece, rows))}
        self.scores += alone(feature, found) if feature.score else together(feature, found)
        return len(found)

    def _found(self, feature: Feature, piece: Piece, rows: Mapping[str, Rows]) -> dict[str, Found]:
        """What every estimator finds in a piece; nothing if it has to be left out."""
        if any(piece.track_id not in found for found in rows.values()):
            self.left_out.append((piece.name, "not in the dataset"))
            return {}
        ours = {name: found[piece.track_id] for name, found in rows.items()}
        try:
            return {**ours, **{name: self._ask(load, piece) for name, load in feature.direct.items()}}
        except Exception as error:  # noqa: BLE001 - libraries raise what they like at files that they cannot read
            self.left_out.append((piece.name, f"{feature.title}: {type(error).__name__} in a library"))
            return {}

    def _ask(self, load: Load, piece: Piece) -> Found:
        """Call a library, once a file: several metrics read one answer."""
        if load not in self._calls:
            self._calls[load] = load()
        if (load, piece) not in self._answers:
            self._answers[load, piece] = self._calls[load](str(piece.path))
        return self._answers[load, piece]


def known(feature: Feature, pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces that a feature can be scored on."""
    return [piece for piece in pieces if feature.truth in piece.truth and feature.applies(piece.truth)]


def has(rows: Rows, column: str) -> bool:
    """Whether a dataset has a column at all; a track may still lack it."""
    return any(column in row for row in rows.values())


def alone(feature: Feature, found: Mapping[Piece, Mapping[str, Found]]) -> list[Score]:
    """Figures a piece, metric and estimator."""
    assert feature.score is not None
    return [
        Score(feature.title, metric, piece.corpus, piece.name, name, value)
        for piece, by_name in found.items()
        for name, one in by_name.items()
        for metric, value in feature.score(piece.truth, one).items()
    ]


def together(feature: Feature, found: Mapping[Piece, Mapping[str, Found]]) -> list[Score]:
    """Figures a corpus, metric and estimator."""
    assert feature.score_all is not None
    scores: list[Score] = []
    for corpus in sorted({piece.corpus for piece in found}):
        pieces = [piece for piece in found if piece.corpus == corpus]
        for name in found[pieces[0]]:
            figures = feature.score_all([(piece.truth, found[piece][name]) for piece in pieces])
            scores += [_shared(feature, metric, pieces, name, value) for metric, value in figures.items()]
    return scores


def _shared(feature: Feature, metric: str, pieces: Sequence[Piece], name: str, value: float) -> Score:
    return Score(feature.title, metric, pieces[0].corpus, "", name, value, len(pieces))
