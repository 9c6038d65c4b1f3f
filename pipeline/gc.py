"""Freeing space: rows that no reader, snapshot or newest recipe asks for, and files that no log names.

Only files that muze itself named, below the folders of tables, are ever touched; never a log, never what a snapshot
lists, and nothing at all while a build is at work.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.contents import newest_fingerprints
from pipeline.dataset import OTHER_FOLDERS, Dataset
from pipeline.delta import FINGERPRINT, Shard
from pipeline.errors import BuildFailedError
from pipeline.live import Presence, live_runs
from pipeline.objects import FOLDER
from pipeline.snapshot import load_snapshot, snapshot_names
from schemas.tables import TABLES

_PART = r"\.[a-z0-9_]{8}\.part"  # what a killed writer leaves of a local file
_OF_FRAGMENT = re.compile(rf"{FINGERPRINT}=[0-9a-f]{{16}}/(?:[0-9a-f]{{32}}\.parquet|{_PART})")
_OF_TABLE = re.compile(rf"(?:[0-9a-f]{{32}}|[0-9a-f]{{12}}-(?:start|end))\.parquet|{_PART}")
_OF_OBJECTS = re.compile(rf"(?P<print>[0-9a-f]{{16}})/(?P<track>[0-9a-f]{{32}})/(?:\w+\.flac|{_PART})")
_BUSY_CHECK_FILES = 100


@dataclass
class Garbage:
    """What can go: shards still in a log, and orphan files that are in none. Paths are relative to the dataset."""

    shards: dict[str, list[Shard]] = field(default_factory=dict)
    """Fragment -> shards of fingerprints that nothing asks for."""
    orphans: dict[str, int] = field(default_factory=dict)
    """File -> bytes."""
    objects: dict[str, int] = field(default_factory=dict)
    """Audio objects that no row of a wanted fingerprint is about -> bytes."""

    @property
    def files(self) -> dict[str, int]:
        """Every file that can go, and its bytes."""
        stale = {f"{name}/{shard.path}": shard.num_bytes for name, shards in self.shards.items() for shard in shards}
        return stale | self.orphans | self.objects

    def report(self) -> dict[str, Any]:
        """The document that ``gc --json`` prints."""
        return {
            "files": len(self.files),
            "bytes": sum(self.files.values()),
            "fragments": {
                name: {"files": len(shards), "bytes": sum(shard.num_bytes for shard in shards)}
                for name, shards in self.shards.items()
            },
            "orphans": {"files": len(self.orphans), "bytes": sum(self.orphans.values())},
            "objects": {"files": len(self.objects), "bytes": sum(self.objects.values())},
        }


def find_garbage(dataset: Dataset) -> Garbage:
    """List what can go, without touching it."""
    snapshots = [load_snapshot(dataset, name) for name in snapshot_names(dataset)]
    wanted = {*dataset.current().items(), *newest_fingerprints(dataset).items()}
    pinned: set[str] = set()
    for snapshot in snapshots:
        wanted |= set(snapshot.contents.fingerprints.items())
        pinned |= snapshot.paths
    garbage = Garbage()
    for name in dataset.fragments:
        stale = [s for s in dataset.fragment_table(name).live() if (name, s.fingerprint) not in wanted]
        stale = [shard for shard in stale if f"{name}/{shard.path}" not in pinned]
        if stale:
            garbage.shards[name] = stale
        garbage.objects |= dict(_objects(dataset, name, {print_ for other, print_ in wanted if other == name}))
    for name in dataset.storage.children():  # a build may have been killed before a table had a log
        if name not in OTHER_FOLDERS and name[0] not in "._":
            garbage.orphans |= dict(_orphans(dataset, name, pinned))
    return garbage


def _orphans(dataset: Dataset, name: str, pinned: set[str]) -> Iterator[tuple[str, int]]:
    """Files of ours in a table's folder that neither its log nor a snapshot names."""
    ours = _OF_TABLE if name in TABLES else _OF_FRAGMENT
    listing = dataset.storage.listing(name)  # before the log: what is committed meanwhile is no orphan
    found = {path: size for path, size in listing.items() if ours.fullmatch(path.removeprefix(f"{name}/"))}
    if found:
        table = dataset.system_table(name) if name in TABLES else dataset.fragment_table(name)
        live = {f"{name}/{shard.path}" for shard in table.live()}
        yield from ((path, size) for path, size in found.items() if path not in live and path not in pinned)


def _objects(dataset: Dataset, name: str, fingerprints: set[str]) -> Iterator[tuple[str, int]]:
    """Audio objects of a fragment whose fingerprint nobody asks for, or whose track has no row with it."""
    listing = dataset.storage.listing(f"{name}/{FOLDER}")
    tracks = {print_: dataset.track_ids(name, print_) for print_ in fingerprints} if listing else {}
    for path, size in listing.items():
        found = _OF_OBJECTS.fullmatch(path.removeprefix(f"{name}/{FOLDER}/"))
        if found and found["track"] not in tracks.get(found["print"], ()):
            yield path, size


def collect_garbage(dataset: Dataset, dry_run: bool = False) -> Garbage:
    """Remove what can go, from the logs first, and return what it was; a dry run only looks.

    Raises BuildFailedError if a build is at work: shards it has written but not yet committed look like orphans.
    """
    if dry_run:
        _refuse_if_busy(dataset)
        return find_garbage(dataset)
    me = f"gc-{uuid.uuid4().hex[:12]}"
    with Presence(dataset.storage, me):  # builds leave compaction alone, and a second gc is refused
        _refuse_if_busy(dataset, me)
        garbage = find_garbage(dataset)
        for name, shards in garbage.shards.items():
            dataset.fragment_table(name).commit([], remove=shards)
        for index, path in enumerate(garbage.files):
            if index % _BUSY_CHECK_FILES == 0:
                _refuse_if_busy(dataset, me)
            dataset.storage.remove(path)
    return garbage


def _refuse_if_busy(dataset: Dataset, me: str | None = None) -> None:
    others = [run for run in live_runs(dataset.storage) if run != me]
    if others:
        raise BuildFailedError(
            f"a build is at work on this dataset (run {', '.join(others)}): try again when it is done"
        )
