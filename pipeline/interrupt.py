"""Ctrl-C and SIGTERM end a build between two commits, never within one."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.errors import InterruptedBuildError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interruption:
    """Turns the first signal into one InterruptedBuildError, held back while shielded; later ones are ignored."""

    _is_heeded: bool = False
    _has_come: bool = False
    _shielded: bool = False
    _pending: bool = False

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Heed signals within this context, which may be within another one of its kind."""
        before: dict[signal.Signals, Any] = {number: signal.signal(number, self._arrived) for number in _SIGNALS}
        is_outermost, self._is_heeded = not self._is_heeded, True
        try:
            yield
        finally:
            self._is_heeded = not is_outermost
            if is_outermost or not self._has_come:  # between the two lie the last commits, and Ray's handler ends us
                for number, handler in before.items():
                    signal.signal(number, handler)

    @contextlib.contextmanager
    def shield(self) -> Iterator[None]:
        """Let a commit finish; a signal that arrives meanwhile is heeded at its end."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if self._pending:
            self._pending = False
            raise InterruptedBuildError

    def _arrived(self, *_: object) -> None:
        if self._has_come:  # people press Ctrl-C again while what is finished is being committed
            return
        self._has_come = True
        if self._shielded:
            self._pending = True
            return
        raise InterruptedBuildError
