"""The stream: one order for any number of workers, from any position, in bounded memory."""

import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jobs.packing import shards
from tiny_pack import tiny_pack
from training.batch import Batch
from training.collate import Collator, Rows
from training.errors import SettingError
from training.order import MAX_LANES, Order, mixed, permutation
from training.pack import DamagedShardError, Pack, PackError
from training.pack_format import Statistics, pooled
from training.stream import Group, Stream
from training.workers import Workers

ORDERS = st.builds(
    lambda sizes, seed: Order(np.array(sizes), seed),
    st.lists(st.integers(1, 9), min_size=1, max_size=80),
    st.integers(0, 2**40),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of tokens in several shards of many groups."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "GROUP_BYTES", 2**15)
        pack = tiny_pack(folder, "codec-lm", 24, hop_s=1.0, shard_mib=1)
    assert sum(shard.groups for shard in Pack.open(str(pack)).shards("train")) > 32
    return pack


@pytest.fixture(scope="module")
def pack(made: Path) -> Pack:
    return Pack.open(str(made))


def stream(pack: Pack, rank: int = 0, size: int = 1, **settings: object) -> Stream:
    conditions = {"conditions": ("tempo_bpm", "beats")} | settings
    return Stream([pack], Workers(rank, size), **conditions)  # type: ignore[arg-type]


def taken(batches: Iterator[list[Batch]], steps: int) -> list[list[Batch]]:
    """Some steps, and the end of all threads."""
    found = list(islice(batches, steps))
    batches.close()  # type: ignore[attr-defined]
    return found


def windows(parts: list[Batch]) -> dict[int, tuple[str, bytes]]:
    """Position -> track and payload."""
    return {
        position: (track_id, payload.numpy().tobytes())
        for part in parts
        for position, track_id, payload in zip(part.positions.tolist(), part.track_ids, part.payload, strict=True)
    }


def located(order: Order, positions: np.ndarray) -> list[tuple[int, int]]:
    places = order.locate(positions)
    return list(zip(places.groups.tolist(), places.rows.tolist(), strict=True))


@given(ORDERS, st.integers(0, 5))
def test_an_epoch_has_every_window_once(order: Order, epoch: int) -> None:
    found = located(order, np.arange(order.windows) + epoch * order.windows)
    assert sorted(found) == [(g, row) for g, size in enumerate(order.group_sizes.tolist()) for row in range(size)]


@given(ORDERS, st.integers(0, 1000), st.integers(1, 64))
def test_a_place_depends_on_nothing_but_the_position(order: Order, first: int, count: int) -> None:
    together = located(order, np.arange(first, first + count))
    fresh = Order(order.group_sizes, order.seed)
    assert [located(fresh, np.array([first + i]))[0] for i in range(count)] == together


@given(ORDERS, st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_workers_have_lanes_of_their_own(order: Order, size: int) -> None:
    lanes = [{lane % order.lanes for lane in range(rank, order.lanes * size, size)} for rank in range(size)]
    assert [len(each) for each in lanes] == [order.lanes_of(rank, size) for rank in range(size)]
    if size <= order.lanes:
        assert sum(map(len, lanes)) == order.lanes <= MAX_LANES


@given(ORDERS)
def test_a_worker_holds_few_groups(order: Order) -> None:
    """A block of a lane, which is shuffled, lies in groups that follow each other."""
    groups = order.locate(np.arange(order.windows)).groups
    sequence = {group: place for place, group in enumerate(order._sequence(0)[0].tolist())}
    for lane in range(order.lanes):
        places = [sequence[group] for group in groups[lane :: order.lanes].tolist()]
        highest = np.maximum.accumulate(places)
        assert (highest - places <= order.block).all()


def test_epochs_and_seeds_differ() -> None:
    sizes = np.full(64, 8)
    epochs = [located(Order(sizes, 1), np.arange(512) + 512 * epoch) for epoch in range(2)]
    assert epochs[0] != epochs[1] != located(Order(sizes, 2), np.arange(512))
    neighbours = sum(abs(a[0] - b[0]) <= 1 for a, b in zip(epochs[0], epochs[0][1:], strict=False))
    assert neighbours < 60


def test_the_shuffling_is_the_same_for_ever() -> None:
    published = 0xE220A8397B1DCDAF  # the first number of SplitMix64 from state 0
    assert mixed(np.zeros(1, np.uint64)).tolist() == [published]
    assert permutation(10, 0, 0).tolist() == [4, 8, 0, 1, 7, 6, 2, 5, 3, 9]
    order = Order(np.array([3, 2, 3, 2, 3, 2, 3, 2]), 5)
    assert order.lanes == 2
    end_of_an_epoch = [(4, 0), (6, 0), (4, 2), (6, 1), (2, 0), (6, 2)]
    assert located(order, np.arange(14, 26)) == [*end_of_an_epoch, (4, 2), (0, 0), (4, 0), (0, 1), (4, 1), (0, 2)]


@pytest.mark.parametrize("size", [2, 4, 8])
def test_any_number_of_workers_sees_the_same_batches(pack: Pack, size: int) -> None:
    alone = [windows(parts) for parts in taken(stream(pack).batches("train", 3, 16, 5), 6)]
    shares = [taken(stream(pack, rank, size).batches("train", 3, 16, 5), 6) for rank in range(size)]
    for step, expected in enumerate(alone):
        together = [windows(worker[step]) for worker in shares]
        assert all(len(share) == 16 // size for share in together)
        assert {k: v for share in together for k, v in share.items()} == expected
        assert sorted(expected) == list(range(16 * (step + 3), 16 * (step + 4)))


@pytest.fixture(scope="module")
def undisturbed(pack: Pack) -> list[dict[int, tuple[str, bytes]]]:
    """An epoch and a bit of one worker, in steps of eight."""
    steps = pack.windows("train") // 8 + 6
    return [windows(parts) for parts in taken(stream(pack).batches("train", 0, 8, 8), steps)]


@pytest.mark.parametrize(("share", "size"), [(0.0, 8), (0.1, 2), (0.37, 4), (0.5, 1), (0.99, 2), (1.0, 4)])
def test_it_goes_on_anywhere_with_any_number_of_workers(
    pack: Pack, undisturbed: list[dict[int, tuple[str, bytes]]], share: float, size: int
) -> None:
    start = int(share * (len(undisturbed) - 2))
    resumed = [taken(stream(pack, rank, size).batches("train", start, 8, 8), 2) for rank in range(size)]
    for step in range(2):
        together = {k: v for worker in resumed for k, v in windows(worker[step]).items()}
        assert together == undisturbed[start + step]


def test_epochs_follow_each_other_without_a_gap(pack: Pack) -> None:
    count = pack.windows("train")
    steps = 2 * count // 16 + 1
    seen: dict[int, tuple[str, bytes]] = {}
    for parts in taken(stream(pack).batches("train", 0, 16, 16), steps):
        seen |= windows(parts)
    epochs = [[seen[p] for p in range(e * count, (e + 1) * count)] for e in range(2)]
    assert len(set(epochs[0])) == count
    assert set(epochs[0]) == set(epochs[1])
    assert epochs[0] != epochs[1]


def test_other_splits_come_once_in_one_order(pack: Pack) -> None:
    found = [[windows(parts) for parts in stream(pack, seed=seed).batches("valid", 0, 16, 4)] for seed in (0, 1)]
    assert found[0] == found[1]
    assert len(found[0]) == pack.windows("valid") // 16
    assert next(len(parts) for parts in stream(pack).batches("test", 0, 16, 6)) == 3


def test_each_group_is_read_once_an_epoch_or_nearly(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[tuple[str, int]] = []
    real = Pack.read_group

    def counted(self: Pack, shard, group, columns):
        reads.append((shard.path, group))
        return real(self, shard, group, columns)

    monkeypatch.setattr(Pack, "read_group", counted)
    steps = pack.windows("train") // 16
    taken(stream(pack, ahead_bytes=0).batches("train", 0, 16, 16), steps)
    groups = sum(shard.groups for shard in pack.shards("train"))
    assert groups <= len(set(reads)) + 2
    assert len(reads) < 1.5 * groups
    reads.clear()
    for rank in range(4):
        taken(stream(pack, rank, 4, ahead_bytes=0).batches("train", 0, 16, 16), steps)
    assert len(reads) < 2 * groups, "each worker reads what it serves"


def test_memory_is_that_of_two_groups_a_lane_and_those_being_read(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[weakref.ref[Rows]] = []
    real = Group.read

    def watched(self: Group, collator: Collator) -> Rows:
        rows = real(self, collator)
        read.append(weakref.ref(rows))
        return rows

    monkeypatch.setattr(Group, "read", watched)
    size, ahead = 8, 2
    few = stream(pack, 3, size, ahead_bytes=0)
    lanes = Order(np.array([group.size for group in few.groups("train")]), 0).lanes_of(3, size)
    batches = few.batches("train", 0, size, 1)  # a window a step
    alive = [sum(ref() is not None for ref in list(read)) for _ in islice(batches, 4 * pack.windows("train") // size)]
    batches.close()  # type: ignore[attr-defined]
    bound = 2 * lanes + 2 * few.threads + ahead + 1
    assert len(read) > 3 * bound
    assert max(alive) <= bound


def test_no_thread_outlives_its_batches(pack: Pack) -> None:
    batches = stream(pack).batches("train", 0, 8, 8)
    next(batches)
    names = [thread.name for thread in threading.enumerate()]
    assert any(name.startswith("pack-reader") for name in names)
    batches.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("pack-reader", "batch-maker"))]


def test_only_what_is_asked_for_is_there(pack: Pack) -> None:
    [[batch]] = taken(stream(pack, conditions=("prompt", "chords")).batches("train", 0, 8, 8), 1)
    assert set(batch.conditions) == {"chords", "chords_s"}
    assert set(batch.present) == {"prompt", "chords"}
    assert set(batch.texts) == {"prompt"}
    assert batch.payload.dtype == torch.int64
    with pytest.raises(KeyError):
        next(stream(pack, conditions=("mood",)).batches("train", 0, 8, 8))


def test_workers_have_to_share_evenly(pack: Pack) -> None:
    with pytest.raises(SettingError, match="3 workers cannot share batches of 8"):
        next(stream(pack, 0, 3).batches("train", 0, 8, 8))


def test_an_object_store_gives_the_same(made: Path, pack: Pack) -> None:
    memory = fsspec.filesystem("memory")
    for path in made.iterdir():
        memory.pipe_file(f"/stream/{path.name}", path.read_bytes())
    remote = Pack.open("memory://stream")
    ours, theirs = (taken(stream(each).batches("train", 2, 8, 8), 4) for each in (pack, remote))
    assert [windows(parts) for parts in ours] == [windows(parts) for parts in theirs]
    memory.rm("/stream", recursive=True)


def test_a_corrupt_shard_is_named(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "pack")
    shard = tmp_path / "pack" / "train-00001.parquet"
    data = bytearray(shard.read_bytes())
    data[1000:-30_000] = bytes(len(data) - 31_000)
    shard.write_bytes(data)
    batches = stream(Pack.open(str(tmp_path / "pack"))).batches("train", 0, 16, 16)
    with pytest.raises(DamagedShardError, match=r"shard train-00001\.parquet of .* is damaged"):
        list(islice(batches, 100))


def test_packs_are_joined(tmp_path: Path, pack: Pack) -> None:
    other = Pack.open(str(tiny_pack(tmp_path, "codec-lm", 4)))
    count = pack.windows("train") + other.windows("train")
    joined = Stream([pack, other], conditions=())
    [[batch]] = taken(joined.batches("train", 0, count, count), 1)
    found = Counter(payload.numpy().tobytes() for payload in batch.payload)
    alone = Counter(data for each in (pack, other) for data in payloads(each))
    assert found == alone
    longer = Pack(pack.location, pack.document | {"window_s": 2.0})
    with pytest.raises(PackError, match="differ in their payload"):
        Stream([pack, longer])


def payloads(pack: Pack) -> Iterator[bytes]:
    for shard in pack.shards("train"):
        for group in range(shard.groups):
            for data in pack.read_group(shard, group, ["tokens"])["tokens"].to_pylist():
                yield np.frombuffer(data, "<u2").astype(np.int64).tobytes()


def test_mels_are_normalised(tmp_path: Path) -> None:
    mels = Pack.open(str(tiny_pack(tmp_path, "vae", 6)))
    joined, count = Stream([mels, mels], conditions=()), mels.windows("train")
    [[batch]] = taken(joined.batches("train", 0, 2 * count, 2 * count), 1)
    assert batch.payload.dtype == torch.float32
    assert batch.payload.mean().item() == pytest.approx(0, abs=1e-3)
    assert batch.payload.std().item() == pytest.approx(1, abs=1e-3)
    assert joined.statistics is not None
    again = joined.statistics.normalised(joined.statistics.restored(batch.payload))
    assert torch.allclose(again, batch.payload, atol=1e-5)
    assert mels.statistics is not None
    higher = {"mean": mels.statistics.mean + 2 * mels.statistics.std, "std": mels.statistics.std}
    joined = Stream([mels, Pack(mels.location, mels.document | {"statistics": higher})], conditions=())
    [[batch]] = taken(joined.batches("train", 0, 2 * count, 2 * count), 1)
    assert batch.payload.mean().item() == pytest.approx(-(0.5**0.5), abs=1e-3)  # of both, not of either
    assert batch.payload.std().item() == pytest.approx(0.5**0.5, abs=1e-3)


def test_packs_are_normalised_by_what_their_train_splits_are_together(pack: Pack) -> None:
    def of(mean: float, std: float, train: int, valid: int) -> Pack:
        splits = {"train": {"windows": train}, "valid": {"windows": valid}}
        return Pack(pack.location, pack.document | {"statistics": {"mean": mean, "std": std}, "splits": splits})

    found = Stream([of(0.0, 1.0, 30, 90), of(4.0, 1.0, 10, 0)]).statistics
    assert found is not None
    assert (found.mean, found.std) == (pytest.approx(1), pytest.approx(2))  # 1 of each, and 0.75 * 1 + 0.25 * 9


@given(st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=8), min_size=1, max_size=4))
def test_statistics_of_several_packs_are_those_of_all_their_windows(parts: list[list[float]]) -> None:
    found = pooled([Statistics(float(np.mean(p)), float(np.std(p))) for p in parts], [len(p) for p in parts])
    values = np.concatenate(parts)
    assert found.mean == pytest.approx(values.mean(), abs=1e-6)
    assert found.std == pytest.approx(values.std(), abs=1e-4)


def test_threads_that_make_batches_leave_the_cores_to_the_model(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    batch = Collator.batch

    def counted(*args: Any) -> Any:
        asked.append(torch.get_num_threads())
        return batch(*args)

    monkeypatch.setattr(Collator, "batch", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        taken(stream(pack).batches("train", 0, 8, 8), 2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(asked) == {1}
