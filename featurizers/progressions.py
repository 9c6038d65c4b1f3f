"""Progressions that have a name, found in a row of Roman numerals.

The patterns are those of Kostka and Payne, "Tonal Harmony" (fifths, ii-V-I), of de Clercq and Temperley, "A corpus
analysis of rock harmony" (Popular Music 30, 2011) and Richards, "Tonal ambiguity in popular music's axis progressions"
(Music Theory Online 23(3), 2017), and the common twelve bars of the blues.

A chord matches a numeral by root and third alone: sevenths, and fifths that an analyser of major and minor chords
cannot hear, make no difference, and a chord without a third matches both. A major key may play minor patterns.
A loop may begin at any of its chords and keeps its name. Among all readings of a stretch of harmony between rests the
shortest is taken: the one with the fewest spans plus chords without a name; then the one whose patterns come first.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from featurizers.progression_table import BLUES, PATTERNS, Token
from featurizers.roman_numerals import Reading

_THIRDS = {"maj": 4, "aug": 4, "min": 3, "dim": 3}
_BLUES_BARS = 12


@dataclass(frozen=True)
class Progression:
    """A named progression; ``repetitions`` are its complete rounds in a row."""

    name: str
    start_s: float
    end_s: float
    repetitions: int


class _Step(NamedTuple):
    """Chords in a row that match the same numerals. ``third`` is None where none of them has one."""

    root: int
    third: int | None
    start_s: float
    end_s: float

    def matches(self, token: Token) -> bool:
        return self.root == token[0] and self.third in (token[1], None)


class _Match(NamedTuple):
    """A progression and its first and last step."""

    first: int
    last: int
    rank: int
    progression: Progression


class _Plan(NamedTuple):
    """How to read the steps from somewhere to the end: a match, if there is one, then the rest."""

    cost: int
    rank: int
    match: _Match | None = None
    rest: "_Plan | None" = None


def find_progressions(readings: Sequence[Reading], downbeats_s: Sequence[float]) -> list[Progression]:
    """Return every named progression in order of time. Neighbours may share a chord; the blues needs downbeats."""
    found: list[Progression] = []
    for steps in _stretches(readings):
        found += _shortest(len(steps), [*_blues(steps, downbeats_s), *_patterns(steps)])
    return found


def names_by_time(progressions: Sequence[Progression]) -> list[str]:
    """Return the names, the one that covers most time first, equal ones in order of time."""
    covered_s: dict[str, float] = defaultdict(float)
    for one in progressions:
        covered_s[one.name] += one.end_s - one.start_s
    return sorted(covered_s, key=lambda name: -covered_s[name])


def _stretches(readings: Sequence[Reading]) -> list[list[_Step]]:
    """The steps between rests."""
    stretches: list[list[_Step]] = []
    for before, now in zip([None, *readings], readings, strict=False):
        step = _Step(now.interval, _THIRDS.get(now.chord.triad), now.span.start_s, now.span.end_s)
        if before is None or not before.span.leads_to(now.span):
            stretches.append([step])
        elif (joined := _joined(stretches[-1][-1], step)) is not None:
            stretches[-1][-1] = joined
        else:
            stretches[-1].append(step)
    return stretches


def _joined(first: _Step, second: _Step) -> _Step | None:
    if first.root != second.root or (first.third != second.third and first.third and second.third):
        return None
    return first._replace(third=first.third or second.third, end_s=second.end_s)


def _patterns(steps: Sequence[_Step]) -> Iterator[_Match]:
    """Every pattern at every step it may begin at, with as many rounds as follow."""
    roots = {step.root for step in steps}
    for rank, pattern in enumerate(PATTERNS, start=1):
        if not {root for root, _ in pattern.tokens} <= roots:
            continue
        for tokens in pattern.rotations:
            for first, repetitions in enumerate(_rounds(steps, tokens, pattern.period)):
                if repetitions >= pattern.min_repetitions:
                    last = first + (repetitions - 1) * pattern.period + len(tokens) - 1
                    times_s = steps[first].start_s, steps[last].end_s
                    yield _Match(first, last, rank, Progression(pattern.name, *times_s, repetitions))


def _rounds(steps: Sequence[_Step], tokens: Sequence[Token], period: int) -> list[int]:
    """How many rounds follow each other from each step on."""
    rounds = [0] * (len(steps) + period)
    for first in range(len(steps) - len(tokens), -1, -1):
        if all(steps[first + i].matches(token) for i, token in enumerate(tokens)):
            rounds[first] = 1 + rounds[first + period]
    return rounds


def _blues(steps: Sequence[_Step], downbeats_s: Sequence[float]) -> Iterator[_Match]:
    """Choruses of twelve bars, compared bar by bar with the chord that fills most of each."""
    if len(downbeats_s) < _BLUES_BARS:
        return
    edges_s = [*downbeats_s, downbeats_s[-1] + median(b - a for a, b in pairwise(downbeats_s))]
    inside = slice(max(0, bisect_right(edges_s, steps[0].start_s) - 1), bisect_right(edges_s, steps[-1].end_s) + 1)
    bars = [(start_s, end_s, _fullest(steps, start_s, end_s)) for start_s, end_s in pairwise(edges_s[inside])]
    for name, form in BLUES.items():
        starts = range(len(bars) - _BLUES_BARS + 1)
        fits = {i for i in starts if all(_plays(steps, bars[i + k][2], form[k]) for k in range(_BLUES_BARS))}
        for first in fits:
            repetitions = next(n for n in range(1, len(bars)) if first + n * _BLUES_BARS not in fits)
            last = first + repetitions * _BLUES_BARS - 1
            (start_s, _, first_step), (_, end_s, last_step) = bars[first], bars[last]
            if first_step is not None and last_step is not None:
                times_s = max(start_s, steps[first_step].start_s), min(end_s, steps[last_step].end_s)
                yield _Match(first_step, last_step, 0, Progression(name, *times_s, repetitions))


def _fullest(steps: Sequence[_Step], start_s: float, end_s: float) -> int | None:
    """The step that fills most of a bar; None where there is none."""
    first = max(0, bisect_right(steps, start_s, key=lambda step: step.start_s) - 1)
    overlaps_s: dict[int, float] = {}
    for i in range(first, len(steps)):
        if steps[i].start_s >= end_s:
            break
        overlaps_s[i] = min(end_s, steps[i].end_s) - max(start_s, steps[i].start_s)
    fullest = max(overlaps_s, key=lambda i: overlaps_s[i], default=None)
    return fullest if fullest is not None and overlaps_s[fullest] > 0 else None


def _plays(steps: Sequence[_Step], step: int | None, allowed: frozenset[Token]) -> bool:
    return step is not None and any(steps[step].matches(token) for token in allowed)


def _shortest(num_steps: int, matches: Sequence[_Match]) -> list[Progression]:
    """The progressions of the shortest reading, by dynamic programming from the end."""
    starting: dict[int, list[_Match]] = defaultdict(list)
    for match in matches:
        starting[match.first].append(match)
    end = _Plan(0, 0)
    uncovered = [end] * (num_steps + 1)  # the best plan from a step on
    covered = [end] * (num_steps + 1)  # the same where the step is the last of a span already
    for i in range(num_steps - 1, -1, -1):
        later = uncovered[i + 1]
        plans = [_then(match, covered[match.last]) for match in starting[i] if match.last > i]
        uncovered[i] = min([*plans, later._replace(cost=later.cost + 1)], key=lambda plan: plan[:2])
        covered[i] = min([later, *plans], key=lambda plan: plan[:2])
    return _told(uncovered[0])


def _then(match: _Match, rest: _Plan) -> _Plan:
    return _Plan(1 + rest.cost, match.rank + rest.rank, match, rest)


def _told(plan: _Plan | None) -> list[Progression]:
    found = []
    while plan is not None:
        if plan.match:
            found.append(plan.match.progression)
        plan = plan.rest
    return found
