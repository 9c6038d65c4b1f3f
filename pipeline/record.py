"""A run's row of the runs table: written as running, replaced by how it ended."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pipeline.dataset import Dataset
from pipeline.promotion import promotable
from pipeline.recipe import Recipe
from pipeline.shards import write_plain
from pipeline.tally import Tally


@dataclass
class RunRow:
    """The row of one run. Its ``promoted`` fingerprints are what readers see from then on."""

    dataset: Dataset
    run_id: str
    started_at: datetime
    _row: dict[str, Any] = field(default_factory=dict)

    def open(self, recipe: str, fingerprints: Mapping[str, str], promoted: Mapping[str, str]) -> None:
        """Write the row as running: from here on there is a dataset. ``recipe`` is JSON."""
        self._row = {
            "run_id": self.run_id,
            "status": "running",
            "started_at": self.started_at,
            "recipe": recipe,
            "fingerprints": list(fingerprints.items()),
            "promoted": list(promoted.items()),
            "muze_version": version("muze"),
            "machine": json.dumps(_machine()),
        }
        self._replace([], self._row, "start")

    def close(self, status: str, promoted: Mapping[str, str], counts: Mapping[str, Any], **sums: Any) -> None:
        """Replace the row by its final one; ``sums`` are its columns ``seconds`` and ``audio_s``."""
        final = self._row | {
            "status": status,
            "finished_at": datetime.now(UTC),
            "promoted": list((dict(self._row["promoted"]) | dict(promoted)).items()),
            "counts": json.dumps(counts),
            **{name: list(sum_.items()) for name, sum_ in sums.items()},
        }
        self._replace([f"{self.run_id}-start.parquet"], final, "end")

    def _replace(self, paths: list[str], row: dict[str, Any], suffix: str) -> None:
        table = self.dataset.system_table("runs")
        old = [shard for shard in table.live() if shard.path in paths]
        table.commit([write_plain(table, [row], f"{self.run_id}-{suffix}")], remove=old)


@dataclass
class Record:
    """What a build says of itself."""

    dataset: Dataset
    recipe: Recipe
    fragments: frozenset[str]
    """Those it brings up to date."""
    run_id: str
    started_at: datetime

    def __post_init__(self) -> None:
        self._row = RunRow(self.dataset, self.run_id, self.started_at)

    def open(self) -> None:
        """Write the row as running; readers of a first build see its rows from here on."""
        current = self.dataset.current()
        first = {name: print_ for name, print_ in self._fingerprints.items() if name not in current}
        self._row.open(self.recipe.to_json(), self.recipe.fingerprints, first)

    def close(self, status: str, tally: Tally) -> None:
        """Replace the row by its final one. Fingerprints that now cover what readers see take over."""
        promoted = promotable(self.dataset, self._fingerprints)
        self._row.close(status, promoted, tally.report(), seconds=tally.seconds, audio_s=tally.audio_s)

    @property
    def _fingerprints(self) -> dict[str, str]:
        return {name: print_ for name, print_ in self.recipe.fingerprints.items() if name in self.fragments}


def _machine() -> dict[str, Any]:
    return {"host": platform.node(), "cores": os.cpu_count(), "python": platform.python_version()}
