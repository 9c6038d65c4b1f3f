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

    _shielded: bool = False
    _pending: bool = False

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Heed signals within this context."""
        before: dict[signal.Signals, Any] = {number: signal.signal(number, self._arrived) for number in _SIGNALS}
        try:
            yield
        finally:
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
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if self._shielded:
            self._pending = True
            return
        raise InterruptedBuildError
