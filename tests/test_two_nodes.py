"""A training over two nodes of Ray, one of which dies: it waits for another, and ends as if nothing had been."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import torch

from cluster import Cluster, kill_all
from harness import command, environment
from tiny_pack import tiny_pack
from training.checkpoint import Checkpoints, load_weights
from training.fit import fitted
from training.pack import Pack
from training.presets import preset_of

pytestmark = pytest.mark.soak
STEPS = 40
SETTINGS = ("task.mel=32k", f"looping.steps={STEPS}", "looping.batch_windows=4", "looping.save_every=5")
LIMIT_S = 400


@pytest.fixture(scope="module")
def head() -> Iterator[Cluster]:
    """A head for one worker only: two need another node."""
    with Cluster.started(num_cpus=1, host="127.0.0.2") as running:
        yield running


@pytest.mark.timeout(4 * LIMIT_S)
def test_a_node_dies_and_another_takes_its_place(head: Cluster, tmp_path: Path) -> None:
    pack = tiny_pack(tmp_path, "vae", window_s=0.64, hop_s=0.64)
    with head.joined("127.0.0.3", num_cpus=1) as node:
        with _training(head, pack, tmp_path / "undisturbed") as undisturbed:
            assert undisturbed.wait(LIMIT_S) == 0
        with _training(head, pack, tmp_path / "run") as run:
            checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", 3)
            deadline_s = time.monotonic() + LIMIT_S
            while checkpoints.latest() is None and time.monotonic() < deadline_s:
                time.sleep(0.05)
            kill_all(node)
            assert run.poll() is None, "it ended before its node did"
            with head.joined("127.0.0.4", num_cpus=1):
                assert run.wait(LIMIT_S) == 0
    found, expected = _weights(pack, tmp_path / "run"), _weights(pack, tmp_path / "undisturbed")
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@contextmanager
def _training(head: Cluster, pack: Path, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has begun; nothing of it is left afterwards."""
    settings = [word for assignment in SETTINGS for word in ("--set", assignment)]
    words = command("train", "vae-tiny", "--data", pack, "--out", out, "--workers", "2", *settings)
    words += ["--weights", str(out.parent / "store"), "--address", head.address]
    with subprocess.Popen(words, env=environment(**head.env), stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                kill_all(psutil.Process(process.pid))


def _weights(pack: Path, run: Path) -> dict[str, torch.Tensor]:
    model = fitted(preset_of("vae-tiny", SETTINGS), Pack.open(str(pack)).payload).task.build()
    load_weights(run / "checkpoints" / f"step-{STEPS:08d}", model, averaged=False)
    return model.state_dict()
