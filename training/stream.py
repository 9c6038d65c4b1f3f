"""Batches of a pack from any position on: the same windows for any number of workers, read ahead in the background."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count

import numpy as np
import torch

from training.batch import Batch
from training.collate import Collator, Pick, Rows
from training.conditions import BY_NAME
from training.order import Ints, Order
from training.pack import Pack, PackError
from training.pack_format import Shard, Statistics, pooled
from training.workers import Workers

_MIN_AHEAD, _MAX_AHEAD = 2, 8
_GROUPS_A_LANE = 2
"""A block is as large as a group, so that it lies in two."""


@dataclass(frozen=True)
class Stream:
    """The ``Data`` of a loop: one pack, or several of the same payload as one.

    The train split is endless, in an order that follows from the seed (see ``training.order``); the other splits come
    once, in the same order whatever the seed. The position in a run is all that has to be remembered: step times
    windows a step. Memory is that of two groups a lane (``Order.lanes_of``), those being read, and ``ahead_bytes``.
    """

    packs: Sequence[Pack]
    workers: Workers = field(default_factory=Workers)
    seed: int = 0
    conditions: tuple[str, ...] = tuple(BY_NAME)
    """Those that batches have; others are not even read."""
    threads: int = 2
    """That read groups, and as many that make batches of them."""
    ahead_bytes: int = 2**28
    """Of payload in batches that wait for the loop."""

    def __post_init__(self) -> None:
        """Raise PackError for packs that cannot be streamed as one."""
        first = self.packs[0]
        for pack in self.packs[1:]:
            if (pack.payload, pack.window_s) != (first.payload, first.window_s):
                raise PackError(
                    f"the packs at {first.location} and {pack.location} differ in their payload: {first.payload} and"
                    f" {pack.payload}"
                )

    @cached_property
    def statistics(self) -> Statistics | None:
        """What payloads are normalised by: of the train splits of all packs; None for tokens."""
        known = [pack.statistics for pack in self.packs if pack.statistics is not None]
        return pooled(known, [pack.windows("train") for pack in self.packs]) if known else None

    def groups(self, split: str) -> list[Group]:
        """The groups of a split, pack after pack."""
        return [
            Group(pack, shard, index)
            for pack in self.packs
            for shard in pack.shards(split)
            for index in range(shard.groups)
        ]

    def batches(self, split: str, start: int, windows: int, micro: int) -> Iterator[list[Batch]]:
        """Yield, step by step from step ``start`` of batches of ``windows``, this worker's share in parts of ``micro``.

        The train split never ends: an epoch follows the other, even within a batch. Another ends after its last whole
        batch. Raises DamagedShardError naming a shard, SettingError if workers cannot share a batch evenly.
        """
        self.workers.require_shares(windows)
        groups = self.groups(split)
        if not groups:
            if split == "train":
                raise PackError(f"the pack at {self.packs[0].location} has no windows to train on")
            return
        order = Order(np.array([group.size for group in groups]), self.seed if split == "train" else 0)
        steps = count(start) if split == "train" else iter(range(start, order.windows // windows))
        shares = (self._share(step, windows) for step in steps)
        with _Reading(self, groups, order) as reading:
            yield from reading.ahead(shares, self._depth(windows), micro)

    def _share(self, step: int, windows: int) -> Ints:
        """The positions of this worker in a step."""
        return np.arange(step * windows + self.workers.rank, (step + 1) * windows, self.workers.size)

    def _depth(self, windows: int) -> int:
        """Steps that are made ahead."""
        step_bytes = windows // self.workers.size * int(np.prod(self.packs[0].payload.shape)) * 4
        return max(_MIN_AHEAD, min(_MAX_AHEAD, self.ahead_bytes // max(step_bytes, 1)))


@dataclass(frozen=True)
class Group:
    """A group of a shard: what is read at once."""

    pack: Pack
    shard: Shard
    index: int

    @property
    def size(self) -> int:
        """Its windows."""
        return int(self.shard.group_sizes[self.index])

    def read(self, collator: Collator) -> Rows:
        """Read it. Raises DamagedShardError."""
        table = self.pack.read_group(self.shard, self.index, collator.columns)
        try:
            return collator.rows(table)
        except ValueError as error:
            raise self.pack.damaged(self.shard, str(error)) from error


class _Reading:
    """The threads of one walk through a split, and the groups that are in memory."""

    def __init__(self, stream: Stream, groups: Sequence[Group], order: Order) -> None:
        self._places, self._order = groups, order
        self._collator = Collator.of(stream.packs[0], stream.statistics, stream.conditions)
        self._groups: OrderedDict[int, Future[Rows]] = OrderedDict()
        lanes = order.lanes_of(stream.workers.rank, stream.workers.size)
        self._capacity = lanes * _GROUPS_A_LANE + 2 * stream.threads
        self._pin = stream.workers.device.startswith("cuda")
        self._readers = ThreadPoolExecutor(stream.threads, "pack-reader", _work_alone)
        self._makers = ThreadPoolExecutor(stream.threads, "batch-maker", _work_alone)

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self._makers.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)

    def ahead(self, shares: Iterator[Ints], depth: int, micro: int) -> Iterator[list[Batch]]:
        """Yield the batches of shares while those of the next ``depth`` are being made."""
        waiting: deque[Future[list[Batch]]] = deque()
        for share in shares:
            waiting.append(self._begin(share, micro))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _begin(self, share: Ints, micro: int) -> Future[list[Batch]]:
        places = self._order.locate(share)
        groups = {group: self._group(group) for group in np.unique(places.groups).tolist()}

        def made() -> list[Batch]:
            parts = [slice(first, first + micro) for first in range(0, len(share), micro)]
            return [self._batch(share[part], places.groups[part], places.rows[part], groups) for part in parts]

        return self._makers.submit(made)

    def _group(self, group: int) -> Future[Rows]:
        """A group that is in memory or on its way; the one that was not asked for longest makes room."""
        if group not in self._groups:
            self._groups[group] = self._readers.submit(self._places[group].read, self._collator)
        self._groups.move_to_end(group)
        if len(self._groups) > self._capacity:
            self._groups.popitem(last=False)
        return self._groups[group]

    def _batch(self, positions: Ints, groups: Ints, rows: Ints, found: dict[int, Future[Rows]]) -> Batch:
        order = np.argsort(groups, kind="stable")
        runs: Sequence[Ints] = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
        picks = [Pick(found[int(groups[run[0]])].result(), rows[run], run) for run in runs]
        batch = self._collator.batch(picks, positions)
        return _pinned(batch) if self._pin else batch


def _work_alone() -> None:
    """Let this thread share no work with OpenMP teams of its own: they take the cores from the model's.

    PyTorch sets a thread's number when it is first asked for it, so that comes before.
    """
    from threadpoolctl import threadpool_limits

    torch.get_num_threads()
    threadpool_limits(1, "openmp")


def _pinned(batch: Batch) -> Batch:
    """With the payload in memory from which a GPU copies while it computes."""
    return replace(batch, payload=batch.payload.pin_memory())
