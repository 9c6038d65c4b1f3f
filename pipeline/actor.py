"""A stage as a Ray actor: announces its steps to the ledger, keeps its limits, and writes the shards."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.items import WorkItem
from pipeline.limits import Limits, MemoryGuard, cancel_end, end_process_in
from pipeline.reasons import Reason
from pipeline.recipe import Recipe
from pipeline.shards import read_shards, write_rows
from pipeline.stage import Outcome, Stage
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID

_LAST_WORDS_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class StageSpec:
    """What an actor needs to know; travels to it once."""

    root: str
    recipe: Recipe
    max_duration_s: float
    limits: Limits


@dataclass(frozen=True)
class ItemResult:
    """What an actor reports of a work item."""

    shards: dict[str, Shard]
    outcome: Outcome
    num_tracks: int
    peak_gib: float


@dataclass
class _LedgerWatch:
    """Tells the ledger, and waits for its answer: an announcement that is still under way names no one."""

    ledger: Any
    node: str
    limits: Limits
    max_duration_s: float

    def start(self, item_id: str, uri: str, fragment: str, duration_s: float | None) -> None:
        import ray

        limit_s = self.limits.step_s(duration_s, self.max_duration_s)
        ray.get(self.ledger.start.remote(item_id, uri, fragment, self.node, limit_s))
        end_process_in(limit_s)

    def claim(self, track_id: str, item_id: str) -> frozenset[str]:
        import ray

        claimed: frozenset[str] = ray.get(self.ledger.claim.remote(track_id, item_id))
        return claimed


@dataclass
class _EarlierColumns:
    """Columns that earlier runs committed, read for a whole item at once."""

    dataset: Dataset
    fingerprints: Mapping[str, str]
    track_ids: list[str] = field(default_factory=list)
    _rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def turn_to(self, item: WorkItem) -> None:
        self.track_ids = [task.track_id for task in item.tasks if task.track_id]
        self._rows = {}

    def __call__(self, fragment: str, track_id: str) -> dict[str, Any] | None:
        if fragment not in self._rows:
            self._rows[fragment] = self._read(fragment, {*self.track_ids, track_id})
        elif track_id not in self._rows[fragment] and track_id not in self.track_ids:
            self._rows[fragment] |= self._read(fragment, {track_id})
        return self._rows[fragment].get(track_id)

    def _read(self, fragment: str, track_ids: set[str]) -> dict[str, dict[str, Any]]:
        shards = self.dataset.shards(fragment, self.fingerprints[fragment])
        found = read_shards(self.dataset.storage, fragment, shards, where=(TRACK_ID, track_ids))
        rows = found.to_pylist() if found is not None else []
        return {row.pop(TRACK_ID): row for row in rows}


class StageActor:
    """``map_batches`` class: one pickled work item in, one pickled ``ItemResult`` out."""

    def __init__(self, spec: StageSpec, ledger: Any) -> None:
        import ray

        self._dataset = Dataset(Storage(spec.root))
        self._recipe = spec.recipe
        self._ledger = ledger
        self._item_id = ""
        self._node = ray.get_runtime_context().get_node_id()
        self._earlier = _EarlierColumns(self._dataset, spec.recipe.fingerprints)
        watch = _LedgerWatch(ledger, self._node, spec.limits, spec.max_duration_s)
        self._stage = Stage(spec.recipe, spec.max_duration_s, watch, self._earlier)
        self._memory = MemoryGuard(spec.limits.actor_memory_gib, self._blame_memory)
        self._memory.start()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[bytes]]:
        return {"result": [pickle.dumps(self._do(pickle.loads(item))) for item in batch["item"]]}  # noqa: S301 - our own bytes

    def _do(self, item: WorkItem) -> ItemResult:
        import ray

        self._item_id = item.item_id
        struck_out = ray.get(self._ledger.begin.remote(item.item_id))
        self._earlier.turn_to(item)
        try:
            outcome = self._stage.process(item, struck_out)
        finally:
            cancel_end()
        shards = {name: self._write(name, rows) for name, rows in outcome.rows.items()}
        outcome.rows = {}
        ray.get(self._ledger.finish.remote(item.item_id))
        return ItemResult(shards, outcome, len(item.tasks), self._memory.peak_gib)

    def _write(self, fragment: str, rows: Sequence[Mapping[str, Any]]) -> Shard:
        table = self._dataset.fragment_table(fragment, self._recipe.fragments[fragment].schema)
        return write_rows(table, rows, self._recipe.fingerprints[fragment])

    def _blame_memory(self) -> None:
        import ray

        ray.get(self._ledger.blame.remote(self._item_id, Reason.MEMORY), timeout=_LAST_WORDS_TIMEOUT_S)
