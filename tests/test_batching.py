"""Batches: every item once, in order, and halved when a GPU has no memory left."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from featurizers.batching import Batches


@given(st.integers(1, 40), st.integers(1, 16), st.integers(1, 16))
def test_every_item_once_in_order_whatever_fits(count: int, size: int, room: int) -> None:
    ran: list[int] = []

    def double(batch: Sequence[int]) -> list[int]:
        if len(batch) > room:
            raise torch.OutOfMemoryError
        ran.append(len(batch))
        return [2 * item for item in batch]

    batches = Batches(size)
    assert batches.run(double, range(count)) == [2 * item for item in range(count)]
    assert sum(ran) == count
    assert max(ran) <= min(size, room)
    assert batches.size >= min(size, (room + 1) // 2)


def test_what_does_not_fit_alone_is_a_memory_error() -> None:
    def full(batch: Sequence[int]) -> list[int]:
        raise torch.OutOfMemoryError

    with pytest.raises(MemoryError, match="one item"):
        Batches(8).run(full, [1, 2, 3])
