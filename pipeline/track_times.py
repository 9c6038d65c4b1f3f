"""How long tracks took in a run, and which took longest."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

NUM_SLOWEST = 20


class TrackTime(NamedTuple):
    """Compute time of one track: all its fragments, and the one of them that took longest."""

    seconds: float
    duration_s: float
    fragment: str
    fragment_s: float

    def joined(self, other: "TrackTime") -> "TrackTime":
        """Both together; of two fragments that took as long, the one whose name comes first."""
        longest = min(self, other, key=lambda time: (-time.fragment_s, time.fragment))
        return longest._replace(seconds=self.seconds + other.seconds)


@dataclass
class TrackTimes:
    """Times by track id. A run holds one for each track, as its plan does; what is recorded are the slowest."""

    by_track: dict[str, TrackTime] = field(default_factory=dict)

    def spend(self, track_id: str, fragment: str, seconds: float, duration_s: float) -> None:
        """Add what one fragment of a track took. A fragment is computed once a track and run."""
        self._add(track_id, TrackTime(seconds, duration_s, fragment, seconds))

    def update(self, others: "TrackTimes") -> None:
        """Add the times of another actor, or of a later pass."""
        for track_id, time in others.by_track.items():
            self._add(track_id, time)

    def slowest(self) -> list[dict[str, Any]]:
        """The ``NUM_SLOWEST`` tracks that took longest, the slowest first, equal ones by id, as JSON holds them."""
        ranked = sorted(self.by_track.items(), key=lambda pair: (-pair[1].seconds, pair[0]))[:NUM_SLOWEST]
        return [
            {
                "track_id": track_id,
                "seconds": round(time.seconds, 3),
                "audio_s": round(time.duration_s, 3),
                "slowest_fragment": time.fragment,
                "slowest_fragment_s": round(time.fragment_s, 3),
            }
            for track_id, time in ranked
        ]

    def _add(self, track_id: str, time: TrackTime) -> None:
        known = self.by_track.get(track_id)
        self.by_track[track_id] = known.joined(time) if known else time
