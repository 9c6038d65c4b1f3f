"""Which shards a reader sees: those of the current fingerprints, or those that a snapshot pins."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.errors import BadArgumentError
from schemas.fragments.tracks import TRACKS
from schemas.tables import TABLES


@dataclass(frozen=True)
class Contents:
    """A consistent choice of shards: one fingerprint a fragment, and the tables around them."""

    fingerprints: Mapping[str, str]
    """Fragment -> the fingerprint that is read, ``tracks`` first."""
    tables: Mapping[str, list[Shard]]
    """Fragment or system table -> its shards, perhaps none."""

    def shards(self, table: str) -> list[Shard]:
        """The shards of a table. Raises BadArgumentError if there is no such table."""
        if table not in self.tables:
            raise BadArgumentError(f"there is no table {table!r}: expected one of {', '.join(sorted(self.tables))}")
        return self.tables[table]


def current_contents(dataset: Dataset, only: Collection[str] | None = None) -> Contents:
    """What readers see now, of all fragments or of some."""
    current = dataset.current()
    asked = [name for name in current if only is None or name in only]
    names = sorted(asked, key=lambda name: name != TRACKS.name)  # the others stay in the order of their recipe
    fragments = {name: dataset.shards(name, current[name]) for name in names}
    around = {name: dataset.system_table(name).live() for name in TABLES}
    return Contents({name: current[name] for name in names}, fragments | around)


def newest_fingerprints(dataset: Dataset) -> dict[str, str]:
    """Fragment -> its fingerprint in the newest build whose recipe had it; readers may not see it yet."""
    found: dict[str, str] = {}
    for run in dataset.runs():
        found |= dict(run["fingerprints"] or [])
    return found
