"""One of several worker processes that train together over gloo on loopback: run as a program by tests.

Arguments: folder, steps, rank, number of workers, and settings as for --set.
"""

import sys
from pathlib import Path

import torch.distributed as dist

from tiny_task import Denoise, Memory
from training.checkpoint import Checkpoints
from training.config import Looping, Optimizing, Preset, changed
from training.loop import Loop
from training.workers import Workers

PRESET = Preset(
    Denoise(), Optimizing(learning_rate=1e-2), Looping(precision="fp32", batch_windows=8, micro_windows=2, save_every=5)
)


def trained(folder: Path, workers: Workers, preset: Preset) -> Loop:
    """Train a preset in this process, from the folder's last checkpoint."""
    loop = Loop(preset, Memory(workers), Checkpoints(folder / "checkpoints", preset.looping.keep), None, workers)
    loop.start()
    loop.run()
    return loop


def main(folder: str, steps: str, rank: str, size: str, *settings: str) -> None:
    store = f"file://{folder}/rendezvous-{steps}"
    dist.init_process_group("gloo", init_method=store, rank=int(rank), world_size=int(size))
    trained(Path(folder), Workers.found(), changed(PRESET, [f"looping.steps={steps}", *settings]))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
