"""The attempt ledger: who is doing what, so that a worker's death is laid at the right track's door.

It is a plain class; a run wraps it in a named Ray actor that lives and dies with the run. Ray alone retries a
row that kills its process without end, and cannot say which of 64 tracks in an item it was.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.reasons import Reason

MAX_STRIKES = 2


@dataclass(frozen=True)
class Step:
    """What an actor is doing: one fragment of one file, until a deadline."""

    uri: str
    fragment: str
    node: str
    deadline_s: float
    """On the ledger's monotonic clock."""


@dataclass(frozen=True)
class StruckOut:
    """A step that killed its worker too often to be tried again in this run."""

    reason: Reason
    attempts: int


class Ledger:
    """Steps under way, strikes, and claims on contents seen for the first time."""

    def __init__(
        self,
        done: Mapping[str, frozenset[str]],
        fragments: frozenset[str],
        live_nodes: Callable[[], set[str]],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._done = done
        self._fragments = fragments
        self._live_nodes = live_nodes
        self._clock_s = clock_s
        self._under_way: dict[str, Step] = {}
        self._blamed: dict[str, Reason] = {}
        self._strikes: dict[tuple[str, str], int] = {}
        self._struck_out: dict[tuple[str, str], StruckOut] = {}
        self._claims: dict[str, str] = {}

    def begin(self, item_id: str, ran_over: bool = False) -> dict[tuple[str, str], StruckOut]:
        """An actor takes an item. Return the (uri, fragment) steps that it must not try.

        If the item was under way, whoever had it died: that is a strike, unless the node died with it.
        ``ran_over`` says that the actor found a note of the time limit having ended its predecessor.
        """
        died_at = self._under_way.pop(item_id, None)
        reason = self._blamed.pop(item_id, None)
        if died_at is not None and died_at.node in self._live_nodes():
            self._strike(died_at, reason or (Reason.TIMEOUT if ran_over else Reason.CRASHED))
        return dict(self._struck_out)

    def _strike(self, step: Step, reason: Reason) -> None:
        key = (step.uri, step.fragment)
        self._strikes[key] = self._strikes.get(key, 0) + 1
        if self._strikes[key] >= MAX_STRIKES:
            self._struck_out[key] = StruckOut(reason, self._strikes[key])

    def start(self, item_id: str, uri: str, fragment: str, node: str, limit_s: float) -> None:
        """An actor starts a step; it must end within ``limit_s``."""
        self._under_way[item_id] = Step(uri, fragment, node, self._clock_s() + limit_s)

    def blame(self, item_id: str, reason: Reason) -> None:
        """An actor is about to end itself, and says why."""
        self._blamed[item_id] = reason

    def finish(self, item_id: str) -> None:
        """An actor has written the item's shards."""
        self._under_way.pop(item_id, None)

    def claim(self, track_id: str, uri: str) -> frozenset[str]:
        """Return which fragments of a newly identified content shall be computed from this file.

        None if another file of the run has the same content; a file that is tried again keeps its claim.
        """
        if self._claims.setdefault(track_id, uri) != uri:
            return frozenset()
        return self._fragments - self._done.get(track_id, frozenset())

    def under_way(self) -> list[tuple[str, str, float]]:
        """The (uri, fragment, seconds left) of the steps going on now, for the progress view."""
        now_s = self._clock_s()
        return [(step.uri, step.fragment, step.deadline_s - now_s) for step in self._under_way.values()]
