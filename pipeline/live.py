"""Which builds are at work on a dataset now: one small object a run, refreshed while it lives."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from pipeline.storage import Storage

_BEAT_S = 10.0
_DEAD_AFTER_S = 90.0


@dataclass
class Presence:
    """Says that a run is live, until closed. On the same host the process itself is asked, elsewhere the beat."""

    storage: Storage
    run_id: str
    _closed: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Presence":
        self._beat()
        threading.Thread(target=self._keep_beating, name="muze-presence", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self.storage.remove(self._path)

    @property
    def _path(self) -> str:
        return f"live/{self.run_id}.json"

    def _beat(self) -> None:
        me = psutil.Process()
        self.storage.write_json(
            self._path,
            {"host": socket.gethostname(), "pid": me.pid, "started": me.create_time(), "beat": time.time()},
        )

    def _keep_beating(self) -> None:
        while not self._closed.wait(_BEAT_S):
            # The store may be back at the next one, and who beats no more is dead to others.
            with contextlib.suppress(Exception):
                self._beat()
        self.storage.remove(self._path)  # a beat may have crossed the close


def live_runs(storage: Storage) -> list[str]:
    """Ids of the runs at work on a dataset; traces of dead ones are removed."""
    found = []
    for path in storage.listing("live"):
        if not path.endswith(".json") or os.path.basename(path).startswith("."):
            continue
        try:
            trace = json.loads(storage.read(path))
        except FileNotFoundError:
            continue
        except ValueError:  # its machine went down before all of it was on the disk
            trace = None
        if trace is not None and _alive(trace):
            found.append(os.path.basename(path).removesuffix(".json"))
        else:
            storage.remove(path)
    return found


def is_dead(run: Mapping[str, Any], at_work: Collection[str]) -> bool:
    """Whether a run of the runs table ended without saying how: it was killed, or could not write that any more."""
    return run["status"] == "running" and run["run_id"] not in at_work


def _alive(trace: dict[str, Any]) -> bool:
    if trace["host"] != socket.gethostname():
        return bool(time.time() - trace["beat"] < _DEAD_AFTER_S)
    try:
        return bool(abs(psutil.Process(int(trace["pid"])).create_time() - trace["started"]) < 1)
    except psutil.NoSuchProcess:
        return False
