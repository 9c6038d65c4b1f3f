"""One contender of ``benchmarks/stream.py``, started by it: ``stream_rivals.py NAME FOLDER BATCH``.

Each is used as its documentation shows, with the shuffling that it is known for.
"""

import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Generator, Iterator
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

WORKERS = (0, 2)
"""Processes of a DataLoader; the better counts."""
_OTHERWISE = ("muze", "muze_first_epoch", "ray")
"""Have threads, or actors, instead."""
_SHUFFLED_WINDOWS = 1000
_CHUNK_BYTES = 2**26
_EPOCHS = 3
"""That are timed together, one after the other, as in training."""

Epochs = Callable[[Path, int, int], Iterator[Tensor]]
"""A folder, windows a batch and workers, to the batches of an epoch."""


def muze(folder: Path, batch: int, _: int) -> Iterator[Tensor]:
    yield from islice(_endless(folder, batch), len(windows(folder)) // batch)


def muze_first_epoch(folder: Path, batch: int, _: int) -> Iterator[Tensor]:
    """The epoch of a run with which it starts, and in which every checksum is compared."""
    batches = _batches(folder, batch)
    yield from islice(batches, len(windows(folder)) // batch)
    batches.close()


def _batches(folder: Path, batch: int) -> Generator[Tensor, None, None]:
    """Those of epoch after epoch, without end."""
    from training.pack import Pack
    from training.stream import Stream

    pack = Pack.open(str(folder / "pack"))
    stream = Stream([pack], seed=time.monotonic_ns() % 2**31, conditions=())
    for [part] in stream.batches("train", 0, batch, batch):
        yield part.payload


_endless = cache(_batches)


def webdataset(folder: Path, batch: int, workers: int) -> Iterator[Tensor]:
    import webdataset as wds

    shards = folder / "webdataset"
    if not shards.exists():
        shards.mkdir()
        with wds.ShardWriter(str(shards / "%05d.tar"), maxsize=_CHUNK_BYTES, verbose=0) as sink:
            for number, window in enumerate(windows(folder)):
                sink.write({"__key__": f"{number:08d}", "mel": window.tobytes()})
    urls = sorted(map(str, shards.iterdir()))
    data = wds.WebDataset(urls, shardshuffle=len(urls), empty_check=False).shuffle(_SHUFFLED_WINDOWS)
    decoded = data.map(lambda item: _window(item["mel"], folder))
    yield from _loaded(decoded, batch, workers)


def litdata(folder: Path, batch: int, workers: int) -> Iterator[Tensor]:
    from litdata import StreamingDataLoader, StreamingDataset, optimize

    out = folder / "litdata"
    if not out.exists():
        rows = list(range(len(windows(folder))))
        optimize(_Row(folder), rows, str(out), chunk_bytes=_CHUNK_BYTES, num_workers=1)
    data = StreamingDataset(str(out), shuffle=True, seed=time.monotonic_ns() % 2**31)
    for found in StreamingDataLoader(data, batch_size=batch, num_workers=workers):
        yield found.float()


class _Row:
    """What litdata calls for each row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, row: int) -> Tensor:
        return torch.from_numpy(np.array(windows(self.folder)[row]))


def streaming(folder: Path, batch: int, workers: int) -> Iterator[Tensor]:
    from streaming import MDSWriter, StreamingDataset
    from torch.utils.data import DataLoader

    out = folder / "streaming"
    if not out.exists():
        shape = ",".join(map(str, windows(folder).shape[1:]))
        with MDSWriter(out=str(out), columns={"mel": f"ndarray:float16:{shape}"}, size_limit=_CHUNK_BYTES) as sink:
            for window in windows(folder):
                sink.write({"mel": np.array(window)})
    data = StreamingDataset(local=str(out), shuffle=True, batch_size=batch)
    for found in DataLoader(data, batch_size=batch, num_workers=workers):
        yield found["mel"].float()


def datasets(folder: Path, batch: int, workers: int) -> Iterator[Tensor]:
    from datasets import load_dataset

    shards = sorted(map(str, (folder / "pack").glob("*.parquet")))
    data = load_dataset("parquet", data_files=shards, split="train", columns=["mel"], cache_dir=str(folder / "cache"))
    iterable = data.to_iterable_dataset(num_shards=len(shards)).shuffle(buffer_size=_SHUFFLED_WINDOWS)
    yield from _loaded(iterable.map(lambda row: {"mel": _window(row["mel"], folder)}), batch, workers, "mel")


def ray(folder: Path, batch: int, _: int) -> Iterator[Tensor]:
    import ray.data

    data = ray.data.read_parquet(str(folder / "pack"), shuffle="files").select_columns(["mel"])
    shape = windows(folder).shape[1:]
    for found in data.iter_batches(
        batch_size=batch, batch_format="numpy", local_shuffle_buffer_size=_SHUFFLED_WINDOWS, prefetch_batches=2
    ):
        arrays = [np.frombuffer(data, np.float16).reshape(shape) for data in found["mel"]]
        yield torch.from_numpy(np.stack(arrays)).float()


def _window(data: bytes, folder: Path) -> Any:
    return np.frombuffer(data, np.float16).reshape(windows(folder).shape[1:])


def _loaded(data: Any, batch: int, workers: int, column: str | None = None) -> Iterator[Tensor]:
    from torch.utils.data import DataLoader

    def collated(items: list[Any]) -> Tensor:
        return torch.from_numpy(np.stack([item[column] if column else item for item in items])).float()

    yield from DataLoader(data, batch_size=batch, num_workers=workers, collate_fn=collated)


@cache
def windows(folder: Path) -> Any:
    """All windows, float16, mapped into memory."""
    return np.load(folder / "windows.npy", mmap_mode="r")


def checksums(batches: Iterator[Tensor]) -> list[int]:
    """One a window, sorted."""
    return sorted(zlib.crc32(window.half().numpy().tobytes()) for batch in batches for window in batch)


def timed(batches: Iterator[Tensor]) -> dict[str, float]:
    """Windows a second, and processor time a window, of this process and its workers that have ended."""
    started_s, busy_s = time.perf_counter(), _busy_s()
    count = sum(len(found) for found in batches)
    wall_s = time.perf_counter() - started_s
    return {"windows_a_s": round(count / wall_s), "cpu_us_a_window": round(1e6 * (_busy_s() - busy_s) / count)}


def _busy_s() -> float:
    return sum(os.times()[:4])


def main(name: str, folder: Path, batch: int) -> None:
    epoch: Epochs = globals()[name]
    expected = sorted(zlib.crc32(np.ascontiguousarray(window).tobytes()) for window in windows(folder))
    figures = {}
    for workers in WORKERS if name not in _OTHERWISE else (0,):
        seen = checksums(epoch(folder, batch, workers))
        if seen != expected:
            raise SystemExit(
                f"{name} with {workers} workers yields {len(seen)} windows, not {len(expected)} as they are"
            )
        epochs = (epoch(folder, batch, workers) for _ in range(_EPOCHS))
        figures[str(workers)] = timed(chain.from_iterable(epochs))
    best = max(figures, key=lambda workers: figures[workers]["windows_a_s"])
    print(json.dumps({**figures[best], "workers": int(best)}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
