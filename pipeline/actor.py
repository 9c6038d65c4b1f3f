"""A worker as a Ray actor: it announces its steps to the ledger, and keeps the limits on time and memory."""

import os
import pickle
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from featurizers.numba_cache import claim_numba_cache
from pipeline.items import WorkItem
from pipeline.ledger import StruckOut
from pipeline.limits import Limits, MemoryGuard, StepTimer
from pipeline.reasons import Reason
from pipeline.worker import ItemResult, StageSpec, Worker

_LAST_WORDS_TIMEOUT_S = 5.0


@dataclass
class LedgerWatch:
    """Tells the ledger, and waits for its answer: an announcement that is still under way names no one."""

    ledger: Any
    limits: Limits
    max_duration_s: float
    timer: StepTimer

    def begin(self, item_id: str) -> Mapping[tuple[str, str], StruckOut]:
        struck_out: Mapping[tuple[str, str], StruckOut] = self._ask("begin", item_id, self.timer.take(item_id))
        return struck_out

    def start(self, item_id: str, uri: str, fragment: str, duration_s: float | None) -> None:
        limit_s = self.limits.step_s(duration_s, self.max_duration_s)
        self._ask("start", item_id, uri, fragment, _node_id(), limit_s)
        self.timer.arm(limit_s)

    def claim(self, track_id: str, uri: str) -> frozenset[str]:
        claimed: frozenset[str] = self._ask("claim", track_id, uri)
        return claimed

    def finish(self, item_id: str) -> None:
        self.timer.release()
        self._ask("finish", item_id)

    def blame(self, item_id: str, reason: Reason) -> None:
        self._ask("blame", item_id, reason, timeout_s=_LAST_WORDS_TIMEOUT_S)

    def _ask(self, method: str, *words: Any, timeout_s: float | None = None) -> Any:
        import ray

        return ray.get(getattr(self.ledger, method).remote(*words), timeout=timeout_s)


def _node_id() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def _session_folder() -> str:
    """Ray's folder for this cluster on this machine; actors that follow each other share it."""
    from ray._private import worker

    return str(worker._global_node.get_session_dir_path())


class StageActor:
    """``map_batches`` class: one pickled work item in, one pickled ``ItemResult`` out."""

    def __init__(self, spec: StageSpec, ledger: Any, on_gpu: bool) -> None:
        if not on_gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides the GPUs from those that asked for some only
        claim_numba_cache()
        folder = os.path.join(_session_folder(), f"muze-{spec.run_id}")
        timer = StepTimer(folder)
        tempfile.tempdir = folder  # what a killed worker leaves there goes with the session
        self._watch = LedgerWatch(ledger, spec.limits, spec.max_duration_s, timer)
        self._worker = Worker(spec, self._watch)
        self._item_id = ""
        self._memory = MemoryGuard(spec.limits.actor_memory_gib, self._blame_memory)
        self._memory.start()

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[bytes]]:
        items = [pickle.loads(item) for item in batch["item"]]  # noqa: S301 - the driver's own bytes
        return {"result": [pickle.dumps(self._do(item)) for item in items]}

    def _do(self, item: WorkItem) -> ItemResult:
        self._item_id = item.item_id
        struck_out = self._watch.begin(item.item_id)
        shards, outcome = self._worker.do(item, struck_out)
        self._watch.finish(item.item_id)
        return ItemResult(shards, outcome, item.uris, item.cost_s, self._memory.peak_gib)

    def _blame_memory(self) -> None:
        self._watch.blame(self._item_id, Reason.MEMORY)
