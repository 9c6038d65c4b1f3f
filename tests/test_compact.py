"""Compaction: fewer shards, and every row that counts."""

from pathlib import Path
from typing import Any

import pytest

import pipeline.compact
from fakes import Fake, fingerprint, track, track_id
from pipeline.accounts import files_by_uri, standing_failures
from pipeline.compact import compact
from pipeline.dataset import Dataset

NOW = {"tracks": fingerprint("tracks"), "level": fingerprint("now")}
NEXT = NOW | {"level": fingerprint("next")}


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    made = Fake(tmp_path / "dataset")
    made.run(NOW)
    return made


def num_shards(fake: Fake, name: str) -> int:
    return len(fake.dataset.system_table(name).live())


@pytest.mark.parametrize(("num_small", "merged"), [(10, [1, 3, 3, 3]), (11, [2, 3, 3, 3])])
def test_shards_are_merged_up_to_a_size_and_large_ones_stay(
    fake: Fake, num_small: int, merged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(num_small):
        fake.rows("tracks", [track(n)], NOW["tracks"])
    large = fake.rows("tracks", [track(n) for n in range(100, 500)], NOW["tracks"])
    monkeypatch.setattr(pipeline.compact, "_TARGET_BYTES", 2 * large.num_bytes)  # and those of a track are 0.8 of large
    compact(fake.dataset, NOW)
    shards = fake.dataset.shards("tracks")
    assert large.path in {shard.path for shard in shards}
    assert sorted(shard.num_rows for shard in shards) == [*merged, 400]
    assert fake.dataset.table("tracks").num_rows == num_small + 400


def test_merging_keeps_one_row_of_a_track_that_was_committed_twice(fake: Fake) -> None:
    for n in range(8):
        fake.rows("level", [{"track_id": track_id(0), "energy": 0.5}, {"track_id": track_id(n)}], NOW["level"])
    compact(fake.dataset, NOW)
    [shard] = fake.dataset.shards("level")
    assert shard.num_rows == 8


def test_files_and_failures_are_reduced_to_the_rows_that_count(fake: Fake) -> None:
    for n in range(8):
        fake.file("/music/moved.wav", track_id(n))
        fake.failure(track_id(0), "/music/bad.wav", "level", NOW["level"])
    fake.rows("level", [{"track_id": track_id(1)}], NOW["level"])
    fake.failure(track_id(1), "/music/once_bad.wav", "level", NOW["level"])
    compact(fake.dataset, NOW)
    assert (num_shards(fake, "files"), num_shards(fake, "failures")) == (1, 1)
    [file] = fake.dataset.system_rows("files").to_pylist()
    assert file["track_id"] == track_id(7)
    [failure] = fake.dataset.system_rows("failures").to_pylist()
    assert failure["track_id"] == track_id(0)


def test_failures_that_no_longer_count_go_altogether(fake: Fake) -> None:
    for n in range(8):
        fake.failure(track_id(n), f"/music/{n}.wav", "level", NOW["level"])
        fake.rows("level", [{"track_id": track_id(n)}], NOW["level"])
    compact(fake.dataset, NOW)
    assert num_shards(fake, "failures") == 0


@pytest.mark.parametrize("order", [(NOW, NEXT), (NEXT, NOW)])
def test_failures_with_the_fingerprint_that_readers_see_outlive_builds_with_another(
    fake: Fake, order: tuple[dict[str, str], ...]
) -> None:
    for prints in order:
        for n in range(5):
            fake.failure(track_id(n), f"/music/{n}.wav", "level", prints["level"])
    compact(fake.dataset, NEXT)
    assert len(standing_failures(fake.dataset, NOW)) == len(standing_failures(fake.dataset, NEXT)) == 5


def test_what_is_committed_while_files_are_reduced_stays(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(8):
        fake.file(f"/music/{n}.wav", track_id(n))

    def overtaken(dataset: Dataset) -> dict[str, dict[str, Any]]:
        rows = files_by_uri(dataset)
        fake.file("/music/of_another_build.wav", track_id(9))
        return rows

    monkeypatch.setattr(pipeline.compact, "files_by_uri", overtaken)
    compact(fake.dataset, NOW)
    assert len(files_by_uri(fake.dataset)) == 9
