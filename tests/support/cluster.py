"""A Ray cluster for tests: a head on loopback, and nodes that join it, started as a person would."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness import environment

START_ATTEMPTS = 3


@dataclass(frozen=True)
class Cluster:
    """Where a running cluster is, and what a muze process needs in its environment to reach it."""

    address: str
    dashboard: str
    process: psutil.Process
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def started(cls, num_cpus: int, host: str = "127.0.0.1") -> Iterator["Cluster"]:
        """Start a head, see that it runs a task, and end it afterwards; a start that fails is tried again.

        It says that it has a GPU: featurizers that want one then run in passes of their own. Nodes can join it at
        another ``host`` than the default, which Ray takes for the address of their own machine.
        """
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "t" * 64, "PATH": path, "RAY_ADDRESS": ""}
        env["RAY_agent_register_timeout_ms"] = "300000"  # 15 s otherwise, which a busy machine may miss
        with contextlib.ExitStack() as stack:
            for _ in range(START_ATTEMPTS):
                address, dashboard, head, log = stack.enter_context(_head(num_cpus, env, host))
                if _runs_a_task(address, env):
                    break
            else:
                raise RuntimeError(f"no Ray head: {log.read_text()[-2000:]}")
            yield cls(address, dashboard, psutil.Process(head.pid), env)

    @contextlib.contextmanager
    def joined(self, host: str, num_cpus: int) -> Iterator[psutil.Process]:
        """Start a node at an address of loopback, and end it with all its processes afterwards."""
        words = ["ray", "start", "--block", f"--address={self.address}", f"--node-ip-address={host}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        node = subprocess.Popen([*words, f"--num-cpus={num_cpus}"], env=environment(**self.env), **quiet)
        try:
            yield psutil.Process(node.pid)
        finally:
            kill_all(psutil.Process(node.pid))
            node.wait()


@contextlib.contextmanager
def _head(num_cpus: int, env: dict[str, str], host: str) -> Iterator[tuple[str, str, subprocess.Popen[bytes], Path]]:
    folder = Path(tempfile.mkdtemp(prefix="muze-test-"))
    port, dashboard = _free_ports(2)
    words = ["ray", "start", "--head", "--block", f"--node-ip-address={host}", f"--port={port}"]
    words += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--num-cpus={num_cpus}", "--num-gpus=1"]
    with (folder / "start.log").open("wb") as log:
        head = subprocess.Popen([*words, f"--temp-dir={folder}"], env=environment(**env), stdout=log, stderr=log)
    try:
        yield f"{host}:{port}", f"http://127.0.0.1:{dashboard}", head, folder / "start.log"
    finally:
        head.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            head.wait(timeout=60)
        head.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _runs_a_task(address: str, env: dict[str, str], limit_s: float = 120) -> bool:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and not listens(host, int(port)):
        time.sleep(0.2)
    code = (
        f"import ray; ray.init({address!r}, log_to_driver=False); assert ray.get(ray.remote(lambda: 1).remote()) == 1"
    )
    try:
        words = [sys.executable, "-c", code]
        return subprocess.run(words, env=environment(**env), capture_output=True, timeout=limit_s).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def kill_all(process: psutil.Process) -> None:
    """Kill a process and all that it has started, as a machine does that loses its power."""
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


def listens(host: str, port: int) -> bool:
    """Whether somebody does there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def free_port() -> int:
    return _free_ports(1)[0]


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
