"""A stage: featurizers that share an actor. A track is read and decoded once, and stays in memory for all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from featurizers.audio import MIX
from featurizers.featurizer import Extract, Features, Featurizer
from pipeline.items import WorkItem
from pipeline.ledger import StruckOut
from pipeline.objects import Objects
from pipeline.recipe import Recipe
from pipeline.track_times import TrackTimes
from pipeline.visit import Visit
from schemas.fragments.tracks import TRACKS


class Watch(Protocol):
    """What a stage tells while it works; see ``pipeline.actor`` for the one that enforces limits."""

    def start(self, item_id: str, uri: str, fragment: str, duration_s: float | None) -> None: ...

    def claim(self, track_id: str, uri: str) -> frozenset[str]: ...


@dataclass
class Outcome:
    """What became of a work item: rows a fragment, failures, files seen, and what it took."""

    rows: dict[str, list[Features]] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    audio_s: dict[str, float] = field(default_factory=dict)
    times: TrackTimes = field(default_factory=TrackTimes)
    num_decodes: int = 0
    decoded: dict[str, str] = field(default_factory=dict)
    """Uri -> track, of files that could be read, and decoded where something hears them."""


@dataclass
class Stage:
    """Turns work items into outcomes. Featurizers load when first needed and stay warm."""

    recipe: Recipe
    max_duration_s: float
    watch: Watch
    read_columns: Callable[[str, str], Mapping[str, Any] | None]
    """(fragment, track_id) -> the columns committed earlier, or None if that fragment failed."""
    objects: Objects
    _extracts: dict[str, Extract] = field(default_factory=dict)

    def process(self, item: WorkItem, struck_out: Mapping[tuple[str, str], StruckOut]) -> Outcome:
        outcome = Outcome()
        for task in item.tasks:
            Visit(self, item.item_id, task, struck_out, outcome, task.track_id, task.fragments, task.file).run()
        return outcome

    def hears_mix(self, fragments: frozenset[str]) -> bool:
        """Whether any of these fragments needs the decoded file."""
        named = (self.recipe.by_fragment[name] for name in fragments if name in self.recipe.by_fragment)
        return TRACKS.name in fragments or any(self.recipe.source_of(f) == MIX.source for f in named)

    def extract(self, featurizer: Featurizer) -> Extract:
        name = featurizer.writes.name
        if name not in self._extracts:
            self._extracts[name] = featurizer.load()
        return self._extracts[name]
