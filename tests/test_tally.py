"""The numbers of a run, by known answers."""

from collections import Counter

import pytest

from fakes import track_id
from pipeline.delta import Shard
from pipeline.discover import SourceFile
from pipeline.items import Task
from pipeline.plan import Plan
from pipeline.stage import Outcome
from pipeline.tally import Tally
from pipeline.worker import ItemResult

FILES = [SourceFile(f"/{n}.wav", 1) for n in range(4)]


def failure(number: int | None, fragment: str, reason: str, uri: str = "/") -> dict[str, object]:
    return {
        "track_id": None if number is None else track_id(number),
        "uri": uri,
        "fragment": fragment,
        "reason": reason,
    }


def result(outcome: Outcome, shards: dict[str, Shard], uris: set[str], peak_gib: float, cost_s: float) -> ItemResult:
    return ItemResult(shards, outcome, frozenset(uris), cost_s, peak_gib)


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Tally:
    """A run of two items: tracks 0 and 1 are new, 2 was known, and a file cannot be read."""
    monkeypatch.setattr(Tally, "wall_s", 100.0)
    tasks = [Task(file, None, frozenset({"tracks", "level"}), 10.0) for file in FILES]
    plan = Plan(tasks, num_files=5, num_unchanged=1, known_ids={track_id(2), track_id(9)})
    plan.reasons = {"level": Counter(failed=3)}
    tally = Tally("run", plan, ["tracks", "level"], rows={"tracks": 4})
    tracks = Shard("t.parquet", 1, 2, "t", (track_id(0), track_id(1)))
    files = [{"track_id": track_id(0)}, {"track_id": track_id(1)}]
    one = Outcome(files=files, num_decodes=2, seconds={"level": 1.0}, audio_s={"tracks": 3600.0, "level": 3600.0})
    one.failures = [failure(1, "level", "error", "/1.wav"), failure(1, "rhythm", "upstream", "/copy_of_1.wav")]
    tally.add(result(one, {"tracks": tracks}, {"/0.wav", "/1.wav"}, 2.0, 20.0))
    level = Shard("l.parquet", 1, 1, "l", (track_id(2),))
    two = Outcome(files=[{"track_id": track_id(2)}, {"track_id": None}], num_decodes=1, seconds={"level": 0.5})
    two.failures = [failure(None, "tracks", "unreadable", "/3.wav")]
    again = Shard("a.parquet", 1, 1, "t", (track_id(2),))
    tally.add(result(two, {"tracks": again, "level": level}, {"/2.wav", "/3.wav"}, 1.0, 12.0))
    return tally


def test_the_report_counts_tracks_once_and_what_is_new_of_them(tally: Tally) -> None:
    report = tally.report()
    assert (report["tracks"], report["new"], report["unchanged"], report["failed"]) == (4, 2, 1, 2)
    assert (report["audio_hours"], report["wall_s"], report["realtime_factor"]) == (1.0, 100.0, 36.0)
    assert (report["decodes"], report["peak_actor_gib"]) == (3, 2.0)
    assert report["fragments"] == {
        "tracks": {"rows": 4, "new": 3, "failed": 1, "skipped": 0, "seconds": 0.0},
        "level": {"rows": 0, "new": 1, "failed": 1, "skipped": 3, "seconds": 1.5},
    }


def test_what_is_left_takes_as_long_as_its_estimate_says_compared_with_what_is_done(tally: Tally) -> None:
    assert tally.num_attempted == 4
    assert tally.left_s == pytest.approx(100.0 * 8 / 32)
    assert Tally("run", tally.plan, []).left_s == 40.0
