"""Limits on what a featurizer may take: time a step, memory an actor. Both end the process, and say why first."""

import contextlib
import faulthandler
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

_CHECK_INTERVAL_S = 0.1


@dataclass(frozen=True)
class Limits:
    """How long a step may take, and how much memory an actor."""

    time_limit_s: float = 60.0
    """Shortest time limit a track."""
    time_factor: float = 20.0
    """Time limit a second of audio."""
    actor_memory_gib: float = 3.0

    def step_s(self, duration_s: float | None, max_duration_s: float) -> float:
        """Limit of a step; decoding, whose duration is not known yet, gets the longest one divided by the factor."""
        if duration_s is None:
            return max(self.time_limit_s, max_duration_s / self.time_factor)
        return max(self.time_limit_s, self.time_factor * duration_s)


class StepTimer:
    """Ends this process when a step runs over, hangs in C code included, and leaves a note on this machine.

    The note is where the process was; whoever gets the work item next on the same machine finds it.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        self._folder = folder
        self._note: IO[str] | None = None

    def take(self, item_id: str) -> bool:
        """Start on an item; whether an earlier process on this machine ran over in it."""
        path = os.path.join(self._folder, f"step-{item_id}.txt")
        ran_over = os.path.exists(path) and os.path.getsize(path) > 0
        self._note = open(path, "w")  # noqa: SIM115 - faulthandler writes to it when nothing else can
        return ran_over

    def arm(self, limit_s: float) -> None:
        """The step that starts now must end, or be followed by another, within the limit."""
        assert self._note is not None, "take an item first"
        faulthandler.dump_traceback_later(limit_s, exit=True, file=self._note)

    def release(self) -> None:
        """The item is done: cancel the timer and remove the note."""
        faulthandler.cancel_dump_traceback_later()
        if self._note is not None:
            self._note.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._note.name)
            self._note = None


def resident_gib() -> float:
    """Memory of this process that is its own: resident, without what it shares with others."""
    with open("/proc/self/statm") as statm:
        _, resident, shared, *_ = statm.read().split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") / 2**30


class MemoryGuard(threading.Thread):
    """Ends the process when its memory passes the limit, before the node suffers."""

    def __init__(self, limit_gib: float, last_words: Callable[[], None]) -> None:
        super().__init__(name="muze-memory-guard", daemon=True)
        self._limit_gib = limit_gib
        self._last_words = last_words
        self.peak_gib = 0.0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_CHECK_INTERVAL_S):
            self.peak_gib = max(self.peak_gib, resident_gib())
            if self.peak_gib > self._limit_gib:
                self._end()

    def _end(self) -> None:
        try:
            self._last_words()
        finally:
            os._exit(1)
