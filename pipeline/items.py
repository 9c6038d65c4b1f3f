"""Work items: small references that Ray schedules, each worth about a minute of compute."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.discover import SourceFile

MAX_TASKS = 64
_MAX_COST_S = 60.0
_MIN_COST_S = 2.0
_ITEMS_AN_ACTOR = 6


@dataclass(frozen=True)
class Task:
    """One file to read, and which fragments its track still lacks."""

    file: SourceFile
    track_id: str | None
    """Identity from an earlier run; None for a file never read, whose fragments the ledger then tells."""
    fragments: frozenset[str]
    cost_s: float
    attempts: Mapping[str, int] = field(default_factory=dict)
    """Fragment -> failed attempts of earlier runs."""


@dataclass(frozen=True)
class WorkItem:
    """A group of tasks that one actor does in one go and writes as one shard a fragment."""

    item_id: str
    tasks: tuple[Task, ...]

    @property
    def uris(self) -> frozenset[str]:
        return frozenset(task.file.uri for task in self.tasks)

    @property
    def cost_s(self) -> float:
        return sum(task.cost_s for task in self.tasks)


def item_cost_s(total_s: float, num_actors: int) -> float:
    """Compute an item should be worth: a minute, less where that would leave actors idle at the end."""
    return min(_MAX_COST_S, max(_MIN_COST_S, total_s / (num_actors * _ITEMS_AN_ACTOR)))


def group(tasks: Iterable[Task], cost_s: float) -> Iterator[WorkItem]:
    """Group tasks in order into items of about ``cost_s`` seconds of compute, at most 64 tasks each."""
    waiting: list[Task] = []
    for task in tasks:
        if waiting and (len(waiting) == MAX_TASKS or sum(t.cost_s for t in waiting) + task.cost_s > cost_s):
            yield _item(waiting)
            waiting = []
        waiting.append(task)
    if waiting:
        yield _item(waiting)


def _item(tasks: list[Task]) -> WorkItem:
    names = [f"{task.file.uri}\0{','.join(sorted(task.fragments))}" for task in tasks]
    return WorkItem(hashlib.sha256("\n".join(names).encode()).hexdigest()[:16], tuple(tasks))
