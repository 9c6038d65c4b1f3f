"""A worker does a work item from files to shards. It knows nothing of Ray; ``pipeline.actor`` puts it into one."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from featurizers.weights_store import LOCATION
from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.items import WorkItem
from pipeline.ledger import StruckOut
from pipeline.limits import Limits
from pipeline.objects import Objects
from pipeline.recipe import Recipe
from pipeline.shards import read_shards, write_rows
from pipeline.stage import Outcome, Stage, Watch
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID


@dataclass(frozen=True)
class StageSpec:
    """What a worker needs to know; travels to it once."""

    run_id: str
    root: str
    recipe: Recipe
    max_duration_s: float
    limits: Limits
    weights: str
    """Where the weights store is."""


@dataclass(frozen=True)
class ItemResult:
    """What a worker reports of a work item: shards that are written but not committed yet."""

    shards: dict[str, Shard]
    outcome: Outcome
    uris: frozenset[str]
    """The files of the item."""
    cost_s: float
    """What it was expected to take."""
    peak_gib: float


@dataclass
class EarlierColumns:
    """Columns that earlier runs committed, read for a whole item at once."""

    dataset: Dataset
    fingerprints: Mapping[str, str]
    track_ids: frozenset[str] = frozenset()
    _rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def turn_to(self, item: WorkItem) -> None:
        self.track_ids = frozenset(task.track_id for task in item.tasks if task.track_id)
        self._rows = {}

    def __call__(self, fragment: str, track_id: str) -> dict[str, Any] | None:
        rows = self._rows.setdefault(fragment, {})
        if not rows or track_id not in self.track_ids | rows.keys():
            rows |= self._read(fragment, self.track_ids | {track_id})
        return rows.get(track_id)

    def _read(self, fragment: str, track_ids: frozenset[str]) -> dict[str, dict[str, Any]]:
        shards = self.dataset.shards(fragment, self.fingerprints[fragment])
        found = read_shards(self.dataset.storage, fragment, shards, where=(TRACK_ID, track_ids))
        rows = found.to_pylist() if found is not None else []
        return {row.pop(TRACK_ID): row for row in rows}


class Worker:
    """Holds a stage, warm from its first item on."""

    def __init__(self, spec: StageSpec, watch: Watch) -> None:
        os.environ[LOCATION] = spec.weights
        self._dataset = Dataset(Storage(spec.root))
        self._recipe = spec.recipe
        self._earlier = EarlierColumns(self._dataset, spec.recipe.fingerprints)
        objects = Objects(self._dataset.storage)
        self._stage = Stage(spec.recipe, spec.max_duration_s, watch, self._earlier, objects)

    def do(self, item: WorkItem, struck_out: Mapping[tuple[str, str], StruckOut]) -> tuple[dict[str, Shard], Outcome]:
        """Process an item and write its rows, one shard a fragment. Rows leave the outcome once they are written."""
        self._earlier.turn_to(item)
        outcome = self._stage.process(item, struck_out)
        shards = {name: self._write(name, rows) for name, rows in outcome.rows.items()}
        outcome.rows = {}
        return shards, outcome

    def _write(self, fragment: str, rows: Sequence[Mapping[str, Any]]) -> Shard:
        table = self._dataset.fragment_table(fragment, self._recipe.fragments[fragment].schema)
        return write_rows(table, rows, self._recipe.fingerprints[fragment])
