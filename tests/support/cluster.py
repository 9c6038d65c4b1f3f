"""A Ray cluster for tests: a head on loopback, started as a person would."""

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

import psutil

from harness import environment


@dataclass(frozen=True)
class Cluster:
    """Where a running cluster is, and what a muze process needs in its environment to reach it."""

    address: str
    dashboard: str
    process: psutil.Process
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def started(cls, num_cpus: int) -> Iterator["Cluster"]:
        folder = tempfile.mkdtemp(prefix="muze-test-")
        port, dashboard = free_port(), free_port()
        path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
        env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "t" * 64, "PATH": path}
        words = ["ray", "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}"]
        words += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--num-cpus={num_cpus}"]
        for option in ("dashboard-agent-grpc", "dashboard-agent-listen", "metrics-export", "runtime-env-agent"):
            words.append(f"--{option}-port={free_port()}")  # else the raylet waits for them, and not for long
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        head = subprocess.Popen([*words, f"--temp-dir={folder}"], env=environment(**env), **quiet)
        try:
            wait_for_port(dashboard)
            process = psutil.Process(head.pid)
            yield cls(f"127.0.0.1:{port}", f"http://127.0.0.1:{dashboard}", process, env)
        finally:
            head.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                head.wait(timeout=60)
            head.kill()
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, limit_s: float = 240) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise TimeoutError(f"nothing listens on port {port}")
