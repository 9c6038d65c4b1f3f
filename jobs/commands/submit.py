"""Run a muze command as a Ray job on a cluster, follow its log, and pass its exit code on.

The cluster's machines need muze installed (see docker/), and paths that mean the same on all of them.
"""

import argparse
import asyncio
import os
import shlex
import sys
from typing import Any

from pipeline.errors import BadArgumentError, BuildFailedError

EXAMPLE = "muze submit --address http://127.0.0.1:8265 -- build /data/music --out /data/dataset"
_DEFAULT_ADDRESS = "http://127.0.0.1:8265"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    address = os.environ.get("RAY_API_SERVER_ADDRESS", _DEFAULT_ADDRESS)
    parser.add_argument("--address", default=address, metavar="URL", help=f"dashboard of the cluster ({address})")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="a muze command line")


def run(args: argparse.Namespace) -> int:
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise BadArgumentError("no command given: write it after --, e.g. muze submit -- build MUSIC --out DATASET")
    client = _client(args.address)
    job_id = client.submit_job(entrypoint=entrypoint(words))
    print(f"job {job_id}", file=sys.stderr)
    asyncio.run(_follow(client, job_id))
    return _exit_code(client, job_id)


def entrypoint(words: list[str]) -> str:
    """The shell line of the job: in the folder we are in, where the cluster's head has it."""
    return f"cd {shlex.quote(os.getcwd())} 2>/dev/null; exec muze {shlex.join(words)}"


def _client(address: str) -> Any:
    from ray.job_submission import JobSubmissionClient

    try:
        return JobSubmissionClient(address)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BuildFailedError(f"no Ray dashboard at {address}: {error}; give --address URL") from error


async def _follow(client: Any, job_id: str) -> None:
    async for lines in client.tail_job_logs(job_id):
        print(lines, end="", flush=True)


def _exit_code(client: Any, job_id: str) -> int:
    info = client.get_job_info(job_id)
    if info.driver_exit_code is None:
        raise BuildFailedError(f"job {job_id} ended as {info.status.value}: {info.message}")
    return int(info.driver_exit_code)
