"""One of several worker processes that train together over gloo on loopback: run as a program by tests.

Arguments: folder, steps, rank, number of workers, and settings as for --set.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from tiny_task import Denoise, Memory
from training.checkpoint import Checkpoints
from training.config import Looping, Optimizing, Preset, changed
from training.loop import Loop
from training.workers import Workers

SUPPORT = Path(__file__).parent
PRESET = Preset(
    Denoise(), Optimizing(learning_rate=1e-2), Looping(precision="fp32", batch_windows=8, micro_windows=2, save_every=5)
)


def trained(folder: Path, workers: Workers, preset: Preset) -> Loop:
    """Train a preset in this process, from the folder's last checkpoint."""
    loop = Loop(preset, Memory(workers), Checkpoints(folder / "checkpoints", preset.looping.keep), None, workers)
    if workers.first:
        loop.listener = Keeper(folder / "heard.pt")
    loop.start()
    loop.run()
    return loop


@dataclass
class Keeper:
    """In place of a listener: keeps the weights that it is given."""

    path: Path

    def entries(self, weights: dict[str, Tensor], encode: object, step: int) -> dict[str, str]:
        torch.save(weights, self.path)
        return {}


def worker_processes(folder: Path, size: int, steps: int, *settings: str) -> list["subprocess.Popen[str]"]:
    """Start processes that train together in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"rendezvous-{steps}").unlink(missing_ok=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SUPPORT.parent.parent), str(SUPPORT)])}
    environment |= {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, __file__, str(folder), str(steps)]
    return [
        subprocess.Popen(
            [*command, str(rank), str(size), *settings], env=environment, stderr=subprocess.PIPE, text=True
        )
        for rank in range(size)
    ]


def main(folder: str, steps: str, rank: str, size: str, *settings: str) -> None:
    store = f"file://{folder}/rendezvous-{steps}"
    dist.init_process_group("gloo", init_method=store, rank=int(rank), world_size=int(size))
    trained(Path(folder), Workers.found(), changed(PRESET, [f"looping.steps={steps}", *settings]))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
