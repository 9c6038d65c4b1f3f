"""Limits on what a featurizer may take: time a step, memory an actor. Both end the process, and say why first."""

import faulthandler
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

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
        """Limit of a step; decoding, whose duration is not known yet, gets what the longest track would get."""
        if duration_s is None:
            return max(self.time_limit_s, max_duration_s / self.time_factor)
        return max(self.time_limit_s, self.time_factor * duration_s)


def end_process_in(limit_s: float) -> None:
    """Arm the timer that ends this process, hangs in C code included, unless armed again or cancelled."""
    faulthandler.dump_traceback_later(limit_s, exit=True, file=sys.__stderr__ or sys.stderr)


def cancel_end() -> None:
    faulthandler.cancel_dump_traceback_later()


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
