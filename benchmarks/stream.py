"""Windows a second out of packs, and out of what others keep training data in: same data, same batches, one run.

``python benchmarks/stream.py [--windows N] [--only muze,webdataset] [--json]``. Every contender yields shuffled batches
as float32 tensors, in its own process or from DataLoader workers; what is faster counts. Before it is timed, over three
epochs, each has to yield every window once, unchanged. They take turns, three times, and the best turn of each counts.
muze's windows come normalised, those of the others as they are stored. Each rival is installed into an environment of
its own in a temporary folder, as they cannot agree on a huggingface-hub; they share torch, numpy and pyarrow with ours.
Ray Data runs here, as we depend on it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parent.parent
SHARED = ("torch", "torchvision", "numpy", "pyarrow")
_LINKED = (*SHARED, "functorch", "torchgen", "triton", "nvidia", "cuda")
_NEEDED_BY_SHARED = (
    "filelock",
    "fsspec",
    "jinja2",
    "networkx",
    "pillow",
    "setuptools<81",
    "sympy",
    "typing-extensions",
)
OURS = ("muze", "muze_first_epoch")
RIVALS = {
    "webdataset": "webdataset",
    "litdata": "litdata",
    "datasets": "datasets",
    "streaming": "mosaicml-streaming",
    "ray": None,
}
"""Contender -> the package it is in; None if it is in ours."""
BATCH = 32
_SHARD_WINDOWS = 512
_LIMIT_S = 600
_TURNS = 3


def write_windows(folder: Path, windows: int, frames: int) -> None:
    """Write ``windows.npy``, float16 ``(windows, 1, 128, frames)``, and the same as a pack."""
    from jobs.packing.shards import GROUP_BYTES, sha256, write_table
    from training.pack_format import Shard, group_sizes, shard_schema

    random = np.random.default_rng(0)
    shape = (windows, 1, 128, frames)
    data = np.lib.format.open_memmap(folder / "windows.npy", "w+", np.float16, shape)
    shards = []
    (folder / "pack").mkdir()
    for index, first in enumerate(range(0, windows, _SHARD_WINDOWS)):
        part = random.normal(size=(min(_SHARD_WINDOWS, windows - first), *shape[1:])).astype(np.float16)
        data[first : first + len(part)] = part
        rows = [{"track_id": f"{first + n}", "mel": window.tobytes()} for n, window in enumerate(part)]
        groups = max(1, part.nbytes // GROUP_BYTES)
        file = folder / "pack" / f"train-{index:05d}.parquet"
        write_table(file, pa.Table.from_pylist(rows, shard_schema("mel")), "mel", group_sizes(len(part), groups))
        shards.append(vars(Shard(file.name, len(part), groups, file.stat().st_size, sha256(file))))
    payload = {"name": "mel", "dtype": "<f2", "shape": shape[1:], "rate_hz": 100.0, "spec": {}}
    document = {"format": 1, "task": "vae", "payload": payload, "window_s": frames / 100}
    splits = {"splits": {"train": {"windows": windows, "shards": shards}}, "statistics": {"mean": 0.0, "std": 1.0}}
    (folder / "pack" / "pack.json").write_text(json.dumps(document | splits))


def environment(folder: Path, package: str) -> str:
    """Install a package where it disturbs nothing; return the Python. Raises CalledProcessError if it cannot be had."""
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = str(folder / "bin" / "python")
    overrides = folder / "overrides.txt"
    overrides.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in SHARED))
    install = [uv, "pip", "install", "--quiet", "--python", python, "--overrides", str(overrides)]
    subprocess.run([*install, *_NEEDED_BY_SHARED, package], check=True)
    [site] = folder.glob("lib/*/site-packages")
    for path in Path(np.__file__).parent.parent.iterdir():
        if path.name.startswith(_LINKED) and not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    return python


def python_of(contender: str, folder: Path) -> str:
    """The Python that can import a contender."""
    package = RIVALS.get(contender)
    return environment(folder / f"{contender}-environment", package) if package else sys.executable


def measured(python: str, contender: str, folder: Path) -> dict[str, Any]:
    """Run a contender in a process of its own; its figures. Raises CalledProcessError if it has none."""
    script = ROOT / "benchmarks" / "stream_rivals.py"
    done = subprocess.run(
        [python, str(script), contender, str(folder), str(BATCH)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_LIMIT_S,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=4096, help="of a mel of 128 bins (default: 4096)")
    parser.add_argument("--frames", type=int, default=512, help="of a window (default: 512, 128 KiB)")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="some of " + ", ".join((*OURS, *RIVALS)))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    chosen = args.only.split(",") if args.only else [*OURS, *RIVALS]
    with tempfile.TemporaryDirectory(prefix="muze-stream-") as name:
        folder = Path(name)
        write_windows(folder, args.windows, args.frames)
        pythons = {contender: python_of(contender, folder) for contender in chosen}
        turns = [{name: measured(python, name, folder) for name, python in pythons.items()} for _ in range(_TURNS)]
    figures = {name: max((turn[name] for turn in turns), key=lambda found: found["windows_a_s"]) for name in chosen}
    print(json.dumps(figures) if args.json else _table(figures))
    return 0


def _table(figures: dict[str, dict[str, Any]]) -> str:
    rows = [
        f"| {name.replace('_', ' ')} | {found['windows_a_s']} | {found['cpu_us_a_window']} | {found['workers']} |"
        for name, found in figures.items()
    ]
    head = ("| | windows a second | processor time a window (us) | DataLoader workers |", "|---|---|---|---|")
    return "\n".join([*head, *rows])


if __name__ == "__main__":
    sys.exit(main())
