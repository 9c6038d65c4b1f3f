"""Datasets for tests of the reading side: rows written straight through shards and commits, with the real schemas."""

import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.shards import write_plain, write_rows
from pipeline.storage import Storage
from schemas.fragment import Fragment
from schemas.fragments.harmony import HARMONY
from schemas.fragments.level import LEVEL
from schemas.fragments.pitch import PITCH
from schemas.fragments.rhythm import RHYTHM
from schemas.fragments.singer import SINGER
from schemas.fragments.timbre import TIMBRE
from schemas.fragments.tracks import TRACKS
from schemas.tables import TABLES

FRAGMENTS = {f.name: f for f in (TRACKS, LEVEL, TIMBRE, RHYTHM, HARMONY, PITCH, SINGER)}
START = datetime(2026, 1, 1, tzinfo=UTC)


def fingerprint(word: str) -> str:
    """A fingerprint of the form muze gives."""
    return uuid.uuid5(uuid.NAMESPACE_URL, word).hex[:16]


class Fake:
    """A dataset in the making; every row written later is a second younger."""

    def __init__(self, folder: Path) -> None:
        self.storage = Storage.at(str(folder))
        self._clock = START

    def copy(self, folder: Path) -> "Fake":
        """The same rows in another folder; writing goes on later on the clock."""
        shutil.copytree(self.storage.root, folder)
        copied = Fake(folder)
        copied._clock = self._clock
        return copied

    @property
    def dataset(self) -> Dataset:
        return Dataset(self.storage)

    @property
    def location(self) -> str:
        return self.storage.root

    def now(self) -> datetime:
        self._clock += timedelta(seconds=1)
        return self._clock

    def run(self, prints: Mapping[str, str], promoted: Mapping[str, str] | None = None, status: str = "done") -> str:
        """Write the row of a build whose recipe had these fingerprints."""
        run_id = uuid.uuid4().hex[:12]
        row = {
            "run_id": run_id,
            "status": status,
            "started_at": self.now(),
            "finished_at": self.now() if status == "done" else None,
            "recipe": json.dumps({"name": "fake", "fragments": {}}),
            "fingerprints": list(prints.items()),
            "promoted": list((prints if promoted is None else promoted).items()),
            "muze_version": "0",
            "machine": "{}",
            "counts": json.dumps({"new": 1, "failed": 0, "wall_s": 2.5}) if status == "done" else None,
        }
        self.plain("runs", [row], f"{run_id}-end")
        return run_id

    def rows(
        self, name: str, rows: Sequence[Mapping[str, Any]], print_: str, fragment: Fragment | None = None
    ) -> Shard:
        """Commit one shard of a fragment; columns that a row does not give are null."""
        table = self.dataset.fragment_table(name, (fragment or FRAGMENTS[name]).schema)
        shard = write_rows(table, rows, print_)
        table.commit([shard])
        return shard

    def plain(self, name: str, rows: Sequence[Mapping[str, Any]], shard: str | None = None) -> Shard:
        table = self.dataset.system_table(name)
        written = write_plain(table, rows, shard or uuid.uuid4().hex)
        table.commit([written])
        return written

    def file(self, uri: str, track_id: str | None, missing: bool = False, metadata: Any = None) -> None:
        self.plain("files", [self.file_row(uri, track_id, missing, metadata)])

    def file_row(self, uri: str, track_id: str | None, missing: bool = False, metadata: Any = None) -> dict[str, Any]:
        row = dict.fromkeys(TABLES["files"].names) | {"uri": uri, "track_id": track_id, "num_bytes": 1}
        seen_at = self.now()
        sidecar = None if metadata is None else json.dumps(metadata)
        return row | {"missing_since": seen_at if missing else None, "metadata": sidecar, "seen_at": seen_at}

    def failure(self, track_id: str | None, uri: str, fragment: str, print_: str, reason: str = "error") -> None:
        self.plain("failures", [self.failure_row(track_id, uri, fragment, print_, reason)])

    def failure_row(
        self, track_id: str | None, uri: str, fragment: str, print_: str, reason: str = "error"
    ) -> dict[str, Any]:
        return {
            "track_id": track_id,
            "uri": uri,
            "fragment": fragment,
            "fingerprint": print_,
            "stage": "extract",
            "reason": reason,
            "message": f"no luck with {fragment}",
            "attempts": 1,
            "failed_at": self.now(),
        }


def track_id(number: int) -> str:
    return f"{number:032x}"


def track(number: int, **columns: Any) -> dict[str, Any]:
    """A row of ``tracks``."""
    facts = {"title": f"Song {number}", "artist": f"Artist {number}", "duration_s": 60.0 + number, "num_bytes": 1000}
    return {"track_id": track_id(number), **facts, **columns}
