"""Workers on Ray: what ends a run for good ends it for all of them, at once and with its own words."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness import muze
from jobs.packing import shards
from tiny_pack import tiny_pack
from training import ray_train
from training.errors import DivergedError, SettingError
from training.order import Order
from training.pack import DamagedShardError, Pack
from training.ray_train import FAILED, Shown
from training.run_folder import Run
from training.stream import Stream
from training.workers import Workers

SETTINGS = ("task.mel=32k", "looping.steps=4", "looping.batch_windows=2", "looping.save_every=9")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "GROUP_BYTES", 1)  # a group a window
        return tiny_pack(tmp_path_factory.mktemp("pack"), "vae", num_tracks=8)


def damaged(pack: Path, folder: Path, position: int) -> Path:
    """A copy of a pack, in which the window at a position of the train split cannot be read."""
    shutil.copytree(pack, folder)
    groups = Stream([Pack.open(str(folder))]).groups("train")
    assert {group.size for group in groups} == {1}, "no other worker should meet the damage"
    place = Order(np.array([group.size for group in groups]), 0).locate(np.array([position])).groups[0]
    shard = folder / groups[place].shard.path
    columns = pq.read_metadata(shard).row_group(groups[place].index)
    mel = next(column for n in range(columns.num_columns) if (column := columns.column(n)).path_in_schema == "mel")
    data = bytearray(shard.read_bytes())
    middle = mel.data_page_offset + mel.total_compressed_size // 2
    data[middle : middle + 100] = bytes(byte ^ 255 for byte in data[middle : middle + 100])
    shard.write_bytes(data)
    return folder


@pytest.mark.soak
def test_a_shard_that_is_damaged_for_one_worker_ends_the_run(pack: Path, tmp_path: Path) -> None:
    broken = damaged(pack, tmp_path / "pack", position=1)
    settings = [word for assignment in SETTINGS for word in ("--set", assignment)]
    words = ["train", "vae-tiny", "--data", broken, "--out", tmp_path / "run", *settings, "--workers", "2"]
    done = muze(*words, "--weights", tmp_path / "store", code=1)
    assert f"muze train: shard train-00000.parquet of {broken} is damaged" in done.stderr
    assert (tmp_path / "run" / FAILED).read_text() in done.stderr


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    run = Run(tmp_path, "vae-tiny", (), ())
    return {"run": run, "threads": 1, "shown": Shown(), "text_encoder": ""}


@pytest.mark.parametrize(
    ("workers", "error", "is_raised", "is_written"),
    [
        (Workers(0, 1), DamagedShardError("torn"), False, True),
        (Workers(1, 2), DamagedShardError("torn"), True, True),
        (Workers(1, 2), SettingError("torn"), True, True),
        (Workers(0, 2), DivergedError("torn"), False, True),
        (Workers(1, 2), DivergedError("torn"), False, False),
        (Workers(0, 1), OSError("torn"), True, False),
    ],
)
def test_a_worker_fails_where_others_would_wait_for_it(
    workers: Workers,
    error: Exception,
    is_raised: bool,
    is_written: bool,
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts: list[Workers] = []

    def train(config: dict[str, Any], workers: Workers) -> None:
        starts.append(workers)
        raise error

    monkeypatch.setattr(ray_train, "_train", train)
    monkeypatch.setattr(Workers, "found", lambda: workers)
    with pytest.raises(type(error), match="torn") if is_raised else nullcontext():
        ray_train._work(config)
    assert (tmp_path / FAILED).exists() is is_written
    if is_written:
        assert (tmp_path / FAILED).read_text() == "torn"
        ray_train._work(config)  # Ray starts it again
        assert len(starts) == 1


def test_workers_share_batches_evenly() -> None:
    Workers(size=4).require_shares(16)
    with pytest.raises(SettingError, match="3 workers cannot share batches of 16 windows evenly"):
        Workers(size=3).require_shares(16)
