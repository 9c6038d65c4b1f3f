"""Which tracks took longest: merged over actors and passes, bounded, and on record with the run."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import inline
from harness import write_recipe, write_tone
from inline import inline_build, without_ray
from pipeline.dataset import open_dataset
from pipeline.ray_session import Room
from pipeline.track_times import NUM_SLOWEST, TrackTimes

RECIPE = """
fragments:
  slow: {featurizer: "stubs:Slow"}
  slow_on_gpu: {featurizer: "stubs:SlowOnGpu", seconds_a_s: 2.0}
"""
DURATIONS_S = (0.2, 0.8, 0.1, 0.4)
STEPS = st.dictionaries(
    st.tuples(st.integers(0, 60).map(str), st.sampled_from("abc")), st.integers(1, 5).map(float), max_size=80
)


def times_of(steps: dict[tuple[str, str], float]) -> TrackTimes:
    times = TrackTimes()
    for (track_id, fragment), seconds in steps.items():
        times.spend(track_id, fragment, seconds, 100.0)
    return times


@given(STEPS, st.randoms(use_true_random=False))
def test_the_slowest_are_the_same_however_the_work_was_shared(steps: dict[tuple[str, str], float], dice: Any) -> None:
    parts: list[dict[tuple[str, str], float]] = [{}, {}, {}]
    for step in dice.sample(sorted(steps), len(steps)):
        dice.choice(parts)[step] = steps[step]
    merged = TrackTimes()
    for part in parts:
        merged.update(times_of(part))
    assert merged.slowest() == times_of(steps).slowest()


@given(STEPS)
def test_the_slowest_are_ranked_by_the_sum_of_their_fragments(steps: dict[tuple[str, str], float]) -> None:
    by_track: dict[str, dict[str, float]] = {}
    for (track_id, fragment), seconds in steps.items():
        by_track.setdefault(track_id, {})[fragment] = seconds
    ranked = sorted(by_track, key=lambda track_id: (-sum(by_track[track_id].values()), track_id))
    found = times_of(steps).slowest()
    assert [row["track_id"] for row in found] == ranked[:NUM_SLOWEST]
    for row in found:
        spent = by_track[row["track_id"]]
        longest_s = max(spent.values())
        assert (row["seconds"], row["audio_s"]) == (sum(spent.values()), 100.0)
        first = min(name for name, seconds in spent.items() if seconds == longest_s)
        assert (row["slowest_fragment"], row["slowest_fragment_s"]) == (first, longest_s)


class Clock:
    """Stands in for the module ``time``: only sleeping takes time, and none of ours."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


@pytest.mark.parametrize("num_gpus", [0, 1])
def test_a_run_has_its_slowest_tracks_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_gpus: int) -> None:
    without_ray(monkeypatch)
    monkeypatch.setattr(inline, "ROOM", Room(2, num_gpus))
    clock = Clock()
    monkeypatch.setattr("pipeline.visit.time", clock)
    monkeypatch.setattr("stubs.time", clock)
    for number, duration_s in enumerate(DURATIONS_S):
        write_tone(tmp_path / f"music/{number}.wav", 300 + 10 * number, duration_s)
    (tmp_path / "music/copy.wav").write_bytes((tmp_path / "music/1.wav").read_bytes())
    recipe, out = write_recipe(tmp_path, RECIPE), tmp_path / "dataset"
    found = inline_build(tmp_path / "music", out, recipe).report()["slowest_tracks"]
    dataset = open_dataset(str(out))
    tracks = {row["duration_s"]: row["track_id"] for row in dataset.table("tracks").to_pylist()}
    assert found == [
        {
            "track_id": tracks[duration_s],
            "seconds": pytest.approx(3 * duration_s),
            "audio_s": duration_s,
            "slowest_fragment": "slow_on_gpu",
            "slowest_fragment_s": pytest.approx(2 * duration_s),
        }
        for duration_s in sorted(DURATIONS_S, reverse=True)
    ]
    assert json.loads(dataset.runs()[-1]["counts"])["slowest_tracks"] == found
    assert inline_build(tmp_path / "music", out, recipe).report()["slowest_tracks"] == []
