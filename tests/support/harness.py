"""What engine tests share: small files of known content, a stub recipe, builds, and dumps to compare."""

import json
import math
import os
import subprocess
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.accounts import standing_failures
from pipeline.dataset import Dataset, open_dataset

SUPPORT = Path(__file__).parent
ROOT = SUPPORT.parent.parent
STUB_RECIPE = """
fragments:
  power: {featurizer: "stubs:Power"%s}
  decibels: {featurizer: "stubs:Decibels"}
  peaks: {featurizer: "stubs:Peaks"}
"""


def write_tone(path: Path, frequency_hz: float = 440.0, duration_s: float = 0.1, rate_hz: int = 8000) -> Path:
    """Write a steady tone as 16-bit mono WAV with the standard library only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    samples = (0.5 * np.sin(2 * np.pi * frequency_hz * time_s) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())
    return path


def write_tones(folder: Path, count: int, duration_s: float = 0.1) -> Path:
    """Write ``count`` files of different tones."""
    for index in range(count):
        write_tone(folder / f"{index:05d}.wav", 200 + 2 * index, duration_s)
    return folder


def write_recipe(folder: Path, text: str = STUB_RECIPE % "", name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def environment(**extra: str) -> dict[str, str]:
    """The environment of a muze process that can load the stub featurizers."""
    paths = os.pathsep.join([str(ROOT), str(SUPPORT)])
    return {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "", **extra}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "jobs.main", *map(str, words)]


def muze(*words: object, code: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    done = subprocess.run(
        command(*words), capture_output=True, text=True, env=environment(**env), timeout=300, check=False
    )
    assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def build(music: object, out: object, recipe: object, *words: object, code: int = 0, **env: str) -> dict[str, Any]:
    """Run ``muze build --json`` and return its report."""
    music = music if isinstance(music, list) else [music]
    done = muze("build", *music, "--out", out, "--recipe", recipe, "--json", *words, code=code, **env)
    return json.loads(done.stdout) if done.stdout else {}


def dump(location: object, fragments: Sequence[str] | None = None) -> dict[str, Any]:
    """Every row of every fragment and every failure, in an order of their own, without what time brings."""
    dataset = open_dataset(str(location))
    found: dict[str, Any] = {}
    for name in fragments or dataset.fragments:
        rows = dataset.table(name).to_pylist()
        ids = [row["track_id"] for row in rows]
        assert len(ids) == len(set(ids)), f"doubled rows in {name}"
        found[name] = sorted(rows, key=lambda row: row["track_id"])
    found["failures"] = sorted(
        (f["track_id"] or "", f["uri"], f["fragment"], f["reason"])
        for f in standing_failures(dataset, dataset.current())
    )
    return found


def assert_same(one: Any, other: Any, tolerance: float = 1e-6) -> None:
    """Equal in every value; floats within a relative and absolute tolerance, NaN equal to NaN."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key], tolerance)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right, tolerance)
    elif isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        assert both_nan or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance), (one, other)
    else:
        assert one == other


def committed_doubles(dataset: Dataset) -> dict[str, int]:
    """Fragment -> rows in the log beyond one a track, for the current fingerprints."""
    doubles = {}
    for name, fingerprint in dataset.current().items():
        num_rows = sum(shard.num_rows for shard in dataset.shards(name, fingerprint))
        doubles[name] = num_rows - len(dataset.track_ids(name, fingerprint))
    return doubles
