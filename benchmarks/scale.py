"""Planning, committing, resuming and querying at 1 k, 10 k and 100 k tracks, with a featurizer that costs nothing.

``python benchmarks/scale.py [--tracks 1000,10000,100000] [--json]``. The tracks are WAV files of a few samples.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RECIPE = 'fragments: {tiny: {featurizer: "tiny_featurizer:Tiny"}}\n'
QUERY = "select count(*) as tracks, avg(mean_magnitude) as mean from features"


def write_tracks(folder: Path, count: int) -> None:
    """Files of 64 samples, all different, a thousand a folder."""
    for index in range(count):
        path = folder / f"{index // 1000:04d}" / f"{index:07d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(struct.pack("<64h", *(index >> (bit % 17) & 1 for bit in range(64))))


def muze(*words: object) -> tuple[Any, float]:
    """Run a muze command; return its JSON and its wall time."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "benchmarks")]),
        "PYTHONWARNINGS": "ignore",
    }
    started_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "jobs.main", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        env=env,
        text=True,
    )
    return json.loads(done.stdout), time.monotonic() - started_s


def measure(count: int) -> dict[str, Any]:
    """One size: plan, build, resume the finished dataset, query."""
    folder = Path(tempfile.mkdtemp(prefix="muze-scale-"))
    try:
        write_tracks(folder / "music", count)
        recipe = folder / "recipe.yaml"
        recipe.write_text(RECIPE)
        words = ["build", folder / "music", "--out", folder / "dataset", "--recipe", recipe, "--json"]
        _, plan_s = muze(*words, "--dry-run")
        built, build_s = muze(*words)
        resumed, resume_s = muze(*words)
        answer, query_s = muze("query", folder / "dataset", QUERY, "--format", "json")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert built["new"] == answer[0]["tracks"] == count
    assert resumed["new"] == 0
    return {
        "tracks": count,
        "plan_s": round(plan_s, 2),
        "build_s": round(build_s, 2),
        "tracks_a_second": round(count / build_s, 1),
        "resume_s": round(resume_s, 2),
        "query_s": round(query_s, 2),
        "peak_driver_gib": max(built["peak_driver_gib"], resumed["peak_driver_gib"]),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", default="1000,10000,100000")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sizes = []
    for count in map(int, args.tracks.split(",")):
        sizes.append(measure(count))
        print(sizes[-1], file=sys.stderr)
    if args.json:
        print(json.dumps({"sizes": sizes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
