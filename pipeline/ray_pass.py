"""One pass over the work items on Ray: a ledger, a pool of actors, and results as they come."""

import logging
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.actor import StageActor
from pipeline.errors import BuildFailedError
from pipeline.items import WorkItem
from pipeline.ledger import Ledger
from pipeline.ray_session import last_line
from pipeline.worker import ItemResult, StageSpec

_NO_PROGRESS_LIMIT_S = 24 * 3600


def _live_nodes() -> set[str]:
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def start_ledger(run_id: str, done: Mapping[str, frozenset[str]], fragments: frozenset[str]) -> Any:
    """The run's ledger as a named actor without a core of its own. It ends with the driver."""
    import ray

    remote = ray.remote(num_cpus=0, max_restarts=0)(Ledger)
    return remote.options(name=f"muze-ledger-{run_id}").remote(done, fragments, _live_nodes)


@dataclass(frozen=True)
class Pool:
    """How many actors a pass has, and what each takes besides a core."""

    num_actors: int
    gpu_share: float = 0.0


def run_pass(items: Sequence[WorkItem], spec: StageSpec, ledger: Any, pool: Pool) -> Iterator[ItemResult]:
    """Run work items through a pool of stage actors: one operator, results as they come.

    Ray restarts an actor that dies and gives its item to it again; the ledger then knows what it died of.
    """
    import ray

    _quiet_ray_data(ray)
    rows = [{"item": pickle.dumps(item)} for item in items]
    if not rows:
        return
    actors = ray.data.ActorPoolStrategy(size=max(1, min(pool.num_actors, len(items))))
    results = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        StageActor,
        fn_constructor_args=(spec, ledger, pool.gpu_share > 0),
        batch_size=1,
        compute=actors,
        num_cpus=1,
        num_gpus=pool.gpu_share or None,
    )
    try:
        for row in results.iter_rows():
            yield pickle.loads(row["result"])  # noqa: S301 - our own bytes
    except ray.exceptions.RayError as error:
        raise BuildFailedError(f"a worker could not go on: {last_line(error)}") from error


def _quiet_ray_data(ray: Any) -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = _NO_PROGRESS_LIMIT_S  # a long track is no stall
    context.max_errored_blocks = 0
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
