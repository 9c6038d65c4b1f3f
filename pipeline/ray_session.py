"""The Ray of a run: a private cluster on this machine, or one that is there already."""

import contextlib
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from pipeline.errors import BuildFailedError

_TEMP_PREFIX = "muze-ray-"
_OBJECT_STORE_BYTES = 200 * 2**20  # only references and small rows travel
_CONNECT_TIMEOUT_S = 10.0
_AGENTS_LIMIT_MS = 300_000  # a raylet gives its agents 15 s to start and dies otherwise: too short on a busy machine
_START_ATTEMPTS = 3  # Ray gives a node 30 seconds to start, which a busy machine may miss


@dataclass(frozen=True)
class Room:
    """What a cluster has for actors."""

    num_cores: int
    num_gpus: float = 0.0


@contextlib.contextmanager
def ray_session(address: str | None, actor_memory_gib: float) -> Iterator[Room]:
    """Start or join a cluster for the time of a run, and yield what it has room for.

    Without an address the cluster is private: its own temporary folder, a token nobody else has, no dashboard.
    A bare ``ray.init()`` would join whatever cluster it finds on the machine.
    """
    if address is not None:
        _check_reachable(address)
    _set_ray_environment(private=address is None)
    import ray

    if ray.is_initialized():  # a program that has Ray running already goes on with it
        yield _room(ray)
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
            yield _room(ray)
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
                raise BuildFailedError(f"no Ray cluster at {address!r}: {last_line(error)}") from error


def _check_reachable(address: str) -> None:
    """Say at once that nobody listens at HOST:PORT; Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
        except OSError as error:
            raise BuildFailedError(f"no Ray cluster at {address!r}: {error}") from error


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
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None


def _set_ray_environment(private: bool) -> None:
    """Ray reads these when it is first imported; of a program that has imported it already they are its own."""
    if "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_agent_register_timeout_ms", str(_AGENTS_LIMIT_MS))
    if private:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        os.environ.update(RAY_prestart_worker_first_driver="0", RAY_enable_metrics_collection="0")  # starts faster


def _room(ray: Any) -> Room:
    resources = ray.cluster_resources()
    return Room(max(1, int(resources.get("CPU", 1))), resources.get("GPU", 0.0))


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


def last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
