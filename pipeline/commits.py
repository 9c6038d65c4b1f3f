"""The driver's end of a run: shards that workers wrote are committed to the log, without doubles."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset import Dataset
from pipeline.delta import Shard, Table
from pipeline.recipe import Recipe
from pipeline.shards import read_shards, write_arrow, write_plain
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS


@dataclass
class Committer:
    """Collects what workers report, and commits it table by table: fragments, failures, then files.

    In that order a crash between two commits costs at most work done again: what a files row says is known
    has its rows or failures already.
    """

    dataset: Dataset
    recipe: Recipe
    run_id: str
    committed: dict[str, set[str]]
    """Fragment -> tracks the log holds for the recipe's fingerprint."""
    failed: dict[str, set[str]] = field(default_factory=dict)
    _known_shards: dict[str, set[str]] = field(default_factory=dict)
    _shards: dict[str, list[Shard]] = field(default_factory=dict)
    _failures: list[dict[str, Any]] = field(default_factory=list)
    _files: list[dict[str, Any]] = field(default_factory=list)
    _num_commits: int = 0

    def add(self, shards: Mapping[str, Shard], failures: list[dict[str, Any]], files: list[dict[str, Any]]) -> None:
        for fragment, shard in shards.items():
            self._shards.setdefault(fragment, []).append(shard)
        self._failures += failures
        self._files += files

    def flush(self) -> None:
        """Commit what was added since the last flush."""
        self._num_commits += 1
        for fragment in sorted(self._shards, key=lambda name: name == TRACKS.name):
            self._commit_fragment(fragment, self._shards.pop(fragment))
        self._commit_failures()
        if self._files:
            self._commit_plain("files", self._files)
            self._files = []

    def _commit_fragment(self, fragment: str, shards: list[Shard]) -> None:
        table = self.dataset.fragment_table(fragment, self.recipe.fragments[fragment].schema)
        self._learn(fragment, table)
        fresh = [kept for shard in shards if (kept := self._without_doubles(table, shard, self.committed[fragment]))]
        table.commit(fresh, transaction=(f"{self.run_id}/{fragment}", self._num_commits))
        self._known_shards[fragment] |= {shard.path for shard in fresh}

    def _learn(self, fragment: str, table: Table) -> None:
        """Take note of rows that other runs have committed meanwhile."""
        known = self._known_shards.setdefault(fragment, set())
        others = [s for s in table.live(self.recipe.fingerprints[fragment]) if s.path not in known]
        found = read_shards(self.dataset.storage, fragment, others, [TRACK_ID])
        if found is not None:
            self.committed[fragment].update(found[TRACK_ID].to_pylist())
        known.update(shard.path for shard in others)

    def _without_doubles(self, table: Table, shard: Shard, committed: set[str]) -> Shard | None:
        """The shard without rows the log holds already, rewritten if need be; None if nothing is left."""
        fresh = [track_id for track_id in shard.track_ids if track_id not in committed]
        committed.update(fresh)
        if len(fresh) == len(shard.track_ids):
            return shard
        if not fresh:
            return None
        rows = read_shards(self.dataset.storage, table.name, [shard])
        assert rows is not None
        kept = rows.filter(pc.is_in(rows[TRACK_ID], pa.array(fresh)))
        return write_arrow(table, kept, self.recipe.fingerprints[table.name])

    def _commit_failures(self) -> None:
        standing = [f for f in self._failures if f[TRACK_ID] not in self.committed.get(f["fragment"], ())]
        for failure in standing:
            self.failed.setdefault(failure["fragment"], set()).add(failure[TRACK_ID] or failure["uri"])
        if standing:
            self._commit_plain("failures", standing)
        self._failures = []

    def _commit_plain(self, name: str, rows: list[dict[str, Any]]) -> None:
        table = self.dataset.system_table(name)
        table.commit([write_plain(table, rows, uuid.uuid4().hex)])
