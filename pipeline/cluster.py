"""The Ray side of a run: a private local cluster, or one that is there already; the ledger; the pass."""

import contextlib
import logging
import os
import pickle
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psutil

from pipeline.actor import StageActor
from pipeline.errors import BuildFailedError
from pipeline.items import WorkItem
from pipeline.ledger import Ledger
from pipeline.worker import ItemResult, StageSpec

_TEMP_PREFIX = "muze-ray-"
_OBJECT_STORE_BYTES = 200 * 2**20  # only references and small rows travel
_NO_PROGRESS_LIMIT_S = 24 * 3600
_START_ATTEMPTS = 3  # Ray gives a node 30 seconds to start, which a busy machine may miss


@contextlib.contextmanager
def ray_session(address: str | None, actor_memory_gib: float) -> Iterator[int]:
    """Start or join a cluster for the time of a run, and yield the number of actors it has room for.

    Without an address the cluster is private: its own temporary folder, a token nobody else has, no dashboard.
    A bare ``ray.init()`` would join whatever cluster it finds on the machine.
    """
    _set_ray_environment(private=address is None)
    import ray

    if ray.is_initialized():  # a program that has Ray running already goes on with it
        yield _num_cores(ray)
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with _temporary_folder() as folder:
        if address is None:
            options |= {
                "_temp_dir": folder,
                "include_dashboard": False,
                "num_cpus": _num_local_actors(actor_memory_gib),
            }
            options |= {"object_store_memory": _OBJECT_STORE_BYTES}
        _init(ray, address or "local", options)
        _silence_ray_prints()
        try:
            yield _num_cores(ray)
        finally:
            ray.shutdown()


def _init(ray: Any, address: str, options: Mapping[str, Any]) -> None:
    for attempt in range(_START_ATTEMPTS):
        try:
            with _quiet_start():
                ray.init(address=address, **options)
            return
        except Exception as error:
            ray.shutdown()
            if attempt + 1 == _START_ATTEMPTS or "timed out during startup" not in str(error):
                raise BuildFailedError(f"no Ray cluster at {address!r}: {_last_line(error)}") from error


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Ray's C++ side announces its log level on the terminal; what goes wrong comes as an exception."""
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _silence_ray_prints() -> None:
    """Ray prints the deaths of workers on stdout, where our JSON goes; the ledger reports them as failures."""
    from ray._private.ray_logging import global_worker_stdstream_dispatcher

    global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")


def _set_ray_environment(private: bool) -> None:
    """Ray reads these when it is first imported; of a program that has imported it already they are its own."""
    if "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if private:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        os.environ.update(RAY_prestart_worker_first_driver="0", RAY_enable_metrics_collection="0")  # starts faster


def _num_cores(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _num_local_actors(actor_memory_gib: float) -> int:
    room = int(psutil.virtual_memory().total / 2**30 * 0.9 / actor_memory_gib)
    return max(1, min(len(os.sched_getaffinity(0)), room))


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
    """A folder named after this process, so that a later run can clear what a killed one left."""
    parent = tempfile.gettempdir()
    for name in os.listdir(parent):
        owner = name.removeprefix(_TEMP_PREFIX).partition("-")[0]
        if name.startswith(_TEMP_PREFIX) and owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"{_TEMP_PREFIX}{os.getpid()}-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _live_nodes() -> set[str]:
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def start_ledger(run_id: str, done: Mapping[str, frozenset[str]], fragments: frozenset[str]) -> Any:
    """The run's ledger as a named actor without a core of its own. It ends with the driver."""
    import ray

    remote = ray.remote(num_cpus=0, max_restarts=0)(Ledger)
    return remote.options(name=f"muze-ledger-{run_id}").remote(done, fragments, _live_nodes)


def run_pass(items: Sequence[WorkItem], spec: StageSpec, ledger: Any, num_actors: int) -> Iterator[ItemResult]:
    """Run work items through a pool of stage actors: one operator, results as they come.

    Ray restarts an actor that dies and gives its item to it again; the ledger then knows what it died of.
    """
    import ray

    _quiet_ray_data(ray)
    rows = [{"item": pickle.dumps(item)} for item in items]
    pool = ray.data.ActorPoolStrategy(size=max(1, min(num_actors, len(items))))
    results = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        StageActor, fn_constructor_args=(spec, ledger), batch_size=1, compute=pool, num_cpus=1
    )
    try:
        for row in results.iter_rows():
            yield pickle.loads(row["result"])  # noqa: S301 - our own bytes
    except ray.exceptions.RayError as error:
        raise BuildFailedError(f"a worker could not go on: {_last_line(error)}") from error


def _quiet_ray_data(ray: Any) -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = _NO_PROGRESS_LIMIT_S  # a long track is no stall
    context.max_errored_blocks = 0
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
