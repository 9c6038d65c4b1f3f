"""The order of a run's windows: a function of the seed and a position, the same for any number of workers.

Shards hold windows that were shuffled as a whole when they were packed; a run reads them group by group (a group is a
row group of a shard), the groups in another order every epoch. Were all workers to walk through one sequence of
groups, each would read everything. So the sequence is cut into lanes of equal length, which are walked through at the
same time: position ``p`` of an epoch is in lane ``p % lanes``. Worker ``rank`` of ``size`` takes the positions that
leave ``rank`` when divided by ``size``; if that number divides the number of lanes, it has lanes of its own. Within a
lane, windows are shuffled in blocks as large as a group. So a worker reads one group after the other, holds about two
for each of its lanes, and can begin at any position.

The shuffling is arithmetic of our own (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", 2014), because a library's generator may change from version to version, and a run must go on after one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

MAX_LANES = 32
_GROUPS_A_LANE = 4


def mixed(values: Keys) -> Keys:
    """SplitMix64 of each value: a bijection whose results look random."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def permutation(count: int, *key: int) -> Ints:
    """The numbers below ``count`` in an order that follows from the key: whole numbers from 0 up."""
    state: Keys = np.zeros(1, np.uint64)
    for number in key:
        state = mixed(state ^ np.array([number], np.uint64))
    offsets: Keys = np.arange(count, dtype=np.uint64)
    order: Ints = np.argsort(mixed(state + offsets), kind="stable")
    return order


@dataclass(frozen=True)
class Places:
    """Where windows are: the group of each, and its row in that group."""

    groups: Ints
    rows: Ints


@dataclass(frozen=True, eq=False)
class Order:
    """The endless order of a split's windows, epoch after epoch; every epoch has each window once."""

    group_sizes: Ints
    """Windows of each group, in the order of the shards."""
    seed: int

    @cached_property
    def windows(self) -> int:
        """Windows of an epoch."""
        return int(self.group_sizes.sum())

    @cached_property
    def lanes(self) -> int:
        """A power of two, so that the usual numbers of workers divide it; few for a small pack."""
        fitting = max(1, min(MAX_LANES, len(self.group_sizes) // _GROUPS_A_LANE))
        return 1 << (fitting.bit_length() - 1)

    @cached_property
    def block(self) -> int:
        """Windows that are shuffled among themselves."""
        return int(self.group_sizes.max())

    def lanes_of(self, rank: int, size: int) -> int:
        """How many lanes a worker reads from."""
        return len({(rank + size * turn) % self.lanes for turn in range(self.lanes)})

    def locate(self, positions: Ints) -> Places:
        """Where the windows of positions are; positions count on over epochs."""
        groups, rows = np.empty_like(positions), np.empty_like(positions)
        epochs = positions // self.windows
        for epoch in np.unique(epochs).tolist():
            chosen = np.flatnonzero(epochs == epoch)
            sequence, starts = self._sequence(epoch)
            places = self._shuffled(positions[chosen] - epoch * self.windows, epoch)
            slots = np.searchsorted(starts, places, side="right") - 1
            groups[chosen], rows[chosen] = sequence[slots], places - starts[slots]
        return Places(groups, rows)

    def _shuffled(self, positions: Ints, epoch: int) -> Ints:
        """Places in the epoch's sequence of groups, of positions in the epoch."""
        short, longer = divmod(self.windows, self.lanes)  # the first lanes are longer by one
        lanes, steps = positions % self.lanes, positions // self.lanes
        starts, lengths = lanes * short + np.minimum(lanes, longer), short + (lanes < longer)
        late = lanes * self.block // self.lanes  # so that lanes come to a new block one after the other
        blocks = (steps + late) // self.block
        firsts = np.maximum(blocks * self.block - late, 0)
        counts = np.minimum((blocks + 1) * self.block - late, lengths) - firsts
        offsets = steps - firsts
        for lane, block, chosen in _runs(lanes, blocks):
            table = _table(int(counts[chosen[0]]), self.seed, epoch, lane, block)
            offsets[chosen] = table[offsets[chosen]]
        places: Ints = starts + firsts + offsets
        return places

    def _sequence(self, epoch: int) -> tuple[Ints, Ints]:
        """The groups in the order of an epoch, and the place where each begins."""
        return _sequence(self, epoch)


def _runs(lanes: Ints, blocks: Ints) -> Iterator[tuple[int, int, Ints]]:
    """Lane, block, and the indices of what is in them."""
    keys = blocks * MAX_LANES + lanes
    order = np.argsort(keys, kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        yield int(lanes[chosen[0]]), int(blocks[chosen[0]]), chosen


@lru_cache(maxsize=4 * MAX_LANES)
def _table(count: int, seed: int, epoch: int, lane: int, block: int) -> Ints:
    return permutation(count, seed, epoch, lane, block)


@lru_cache(maxsize=8)
def _sequence(order: Order, epoch: int) -> tuple[Ints, Ints]:
    sequence = permutation(len(order.group_sizes), order.seed, epoch)
    sizes = order.group_sizes[sequence]
    starts: Ints = np.cumsum(sizes) - sizes
    return sequence, starts
