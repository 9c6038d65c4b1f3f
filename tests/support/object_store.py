"""An object store for tests: moto's S3 in a process of its own, on loopback."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import free_port, listens

BUCKET = "bucket"
START_LIMIT_S = 60


@dataclass(frozen=True)
class ObjectStore:
    """Where a running store is, as the environment of whatever uses it says."""

    env: dict[str, str]

    def url(self, path: str) -> str:
        return f"s3://{BUCKET}/{path}"

    def upload(self, folder: Path, path: str) -> str:
        """Copy every file of a folder there, and return its URL."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.files.pipe_file(f"{self.url(path)}/{file.relative_to(folder).as_posix()}", file.read_bytes())
        return self.url(path)

    @property
    def files(self) -> Any:
        """The file system of the bucket; the environment must be set."""
        import fsspec

        return fsspec.filesystem("s3", skip_instance_cache=True)

    @classmethod
    @contextlib.contextmanager
    def started(cls, log: Path) -> Iterator["ObjectStore"]:
        """Start a store with an empty bucket, and end it afterwards."""
        port = free_port()
        words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with log.open("wb") as out:
            server = subprocess.Popen(words, stdout=out, stderr=out)
        try:
            _wait_for(server, port, log)
            yield cls(_environment(port))
        finally:
            server.kill()
            server.wait()


def _environment(port: int) -> dict[str, str]:
    """What s3fs and Delta's own client ask the environment for."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while server.poll() is None and time.monotonic() < deadline:
        if listens("127.0.0.1", port):
            return
        time.sleep(0.1)
    raise RuntimeError(f"no object store: {log.read_text()[-2000:]}")
