"""A pack of noise for any task, of which only a prompt is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.packing.shards import sha256, write_table
from training.pack_format import Payload, Shard, group_sizes, shard_schema


def payload_of(task: Any) -> Any:
    """What a pack for the task holds."""
    if task.payload == "mel":
        shape = (1, task.spec.num_bins, task.window_frames)
        return Payload("mel", "<f2", shape, task.spec.frames_a_second, task.spec.to_dict())
    if task.payload == "latents":
        return Payload("latents", "<f2", task.latent_shape, 12.5, {"encoder": "none"})
    spec = {"codec": "encodec-32khz", "codebook_size": task.codebook_size}
    return Payload("tokens", "<u2", (task.codebooks, task.window_frames), task.frames_a_s, spec)


def write_pack(folder: Path, payload: Any, windows: int) -> None:
    """Write windows of noise of which only a prompt is known."""
    random = np.random.default_rng(0)
    is_tokens = payload.name == "tokens"
    arrays = (
        random.integers(0, payload.spec["codebook_size"], payload.shape).astype(payload.dtype)
        if is_tokens
        else random.normal(size=payload.shape).astype(payload.dtype)
        for _ in range(windows)
    )
    rows = [
        {"track_id": str(n), "prompt": f"Song number {n}.", payload.name: array.tobytes()}
        for n, array in enumerate(arrays)
    ]
    file = folder / "train-00000.parquet"
    write_table(file, pa.Table.from_pylist(rows, shard_schema(payload.name)), payload.name, group_sizes(windows, 1))
    shard = vars(Shard(file.name, windows, 1, file.stat().st_size, sha256(file)))
    document = {"format": 1, "task": "", "payload": vars(payload), "window_s": payload.shape[-1] / payload.rate_hz}
    statistics = None if is_tokens else {"mean": 0.0, "std": 1.0}
    splits = {"train": {"windows": windows, "shards": [shard]}, "valid": {"windows": 0, "shards": []}}
    document |= {"splits": splits, "statistics": statistics}
    (folder / "pack.json").write_text(json.dumps(document))
