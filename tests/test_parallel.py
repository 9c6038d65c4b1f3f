"""What sharding does to numbers."""

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import nn

from tiny_task import Denoise
from training.parallel import Losses, _shard


@pytest.fixture
def alone() -> Iterator[None]:
    """A process group of this process."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize(("precision", "computed_in"), [("bf16", torch.bfloat16), ("fp32", None)])
@pytest.mark.usefixtures("alone")
def test_gradients_of_shards_are_added_up_in_float32(precision: str, computed_in: torch.dtype | None) -> None:
    task = Denoise()
    module = task.build()
    losses = Losses(module, task.turns())
    blocks: list[nn.Module] = [next(part for part in module.modules() if isinstance(part, nn.Linear))]
    _shard(losses, blocks, precision)
    for part in (*blocks, losses):
        policy = part._get_fsdp_state()._mp_policy  # type: ignore[operator, union-attr]  # torch has no public way
        assert (policy.param_dtype, policy.reduce_dtype) == (computed_in, torch.float32)
