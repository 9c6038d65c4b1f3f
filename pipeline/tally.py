"""The numbers of a run: what was done, what failed, what it took."""

import resource
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.plan import Plan
from pipeline.track_times import TrackTimes
from pipeline.worker import ItemResult
from schemas.fragments.tracks import TRACKS


@dataclass
class Tally:
    """Counts of one run. ``failed`` is the number of tracks with at least one failure."""

    run_id: str
    plan: Plan
    fragments: list[str]
    started_s: float = field(default_factory=time.monotonic)
    num_decodes: int = 0
    peak_actor_gib: float = 0.0
    audio_decoded_s: float = 0.0
    new_rows: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(fragment, reason) -> number of tracks."""
    seconds: Counter[str] = field(default_factory=Counter)
    audio_s: Counter[str] = field(default_factory=Counter)
    times: TrackTimes = field(default_factory=TrackTimes)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows of the recipe's fingerprint at the end."""
    _done_cost_s: float = 0.0
    _attempted: set[str] = field(default_factory=set)
    _new_ids: set[str] = field(default_factory=set)
    _seen_ids: set[str] = field(default_factory=set)
    _failed_keys: set[str] = field(default_factory=set)

    def add(self, result: ItemResult) -> None:
        """Count what an actor reports of a work item."""
        outcome = result.outcome
        self._attempted |= result.uris
        self._done_cost_s += result.cost_s
        self.num_decodes += outcome.num_decodes
        self.peak_actor_gib = max(self.peak_actor_gib, result.peak_gib)
        self.audio_decoded_s += outcome.audio_s.get(TRACKS.name, 0.0)
        for name, shard in result.shards.items():
            self.new_rows[name] += shard.num_rows
        if TRACKS.name in result.shards:
            self._new_ids.update(result.shards[TRACKS.name].track_ids)
        for failure in outcome.failures:
            self.failures[failure["fragment"], failure["reason"]] += 1
            self._failed_keys.add(failure["track_id"] or failure["uri"])
        self._seen_ids.update(row["track_id"] for row in outcome.files if row["track_id"])
        self.seconds.update(outcome.seconds)
        self.audio_s.update(outcome.audio_s)
        self.times.update(outcome.times)

    @property
    def num_attempted(self) -> int:
        """Files that were worked on; in several passes a file counts once."""
        return len(self._attempted)

    @property
    def num_failed(self) -> int:
        return len(self._failed_keys)

    @property
    def wall_s(self) -> float:
        return time.monotonic() - self.started_s

    @property
    def left_s(self) -> float:
        """Wall time to go, if the rest takes as long as its estimate says compared with what is done."""
        done_s = self._done_cost_s
        return max(0.0, self.wall_s * (self.plan.cost_s / done_s - 1)) if done_s else self.plan.cost_s

    @property
    def num_tracks(self) -> int:
        """Distinct contents among the files of this build, as far as they could be read."""
        return len(self.plan.known_ids | self._seen_ids)

    def report(self) -> dict[str, Any]:
        """The document that ``build --json`` prints."""
        wall_s = self.wall_s
        return {
            "run_id": self.run_id,
            "tracks": self.num_tracks,
            "new": len(self._new_ids - self.plan.known_ids),
            "unchanged": self.plan.num_unchanged,
            "failed": self.num_failed,
            "audio_hours": round(self.audio_decoded_s / 3600, 6),
            "wall_s": round(wall_s, 3),
            "realtime_factor": round(self.audio_decoded_s / wall_s, 3),
            "fragments": {name: self._fragment(name) for name in self.fragments},
            "slowest_tracks": self.times.slowest(),
            "decodes": self.num_decodes,
            "peak_actor_gib": round(self.peak_actor_gib, 3),
            "peak_driver_gib": round(_peak_gib(), 3),
        }

    def _fragment(self, name: str) -> dict[str, Any]:
        failed = sum(count for (fragment, _), count in self.failures.items() if fragment == name)
        reasons: Mapping[str, int] = self.plan.reasons.get(name, {})
        return {
            "rows": self.rows.get(name, 0),
            "new": self.new_rows[name],
            "failed": failed,
            "skipped": reasons.get("failed", 0),
            "seconds": round(self.seconds[name], 3),
        }


def _peak_gib() -> float:
    """The most memory that this process had."""
    unit = 1 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
