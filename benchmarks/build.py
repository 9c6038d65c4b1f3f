"""The same features of the same files through muze and through the obvious script, one after the other.

``python benchmarks/build.py --music FOLDER [--json]``. Wall times include starting up. Outputs are compared.
"""

import argparse
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np

from pipeline.dataset import open_dataset
from pipeline.discover import discover
from pipeline.uris import path_of_uri

FRAGMENTS = ("tracks", "level", "timbre", "rhythm", "harmony", "pitch", "singer")
ROOT = Path(__file__).parent.parent
Row = Mapping[str, Any]


def timed(command: list[str]) -> tuple[subprocess.CompletedProcess[str], float, float]:
    """Run a command; return it, its wall time, and how many cores it kept busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started_s = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=_environment())
    wall_s = time.monotonic() - started_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done, wall_s, cpu_s / wall_s


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def agreement(theirs: Mapping[str, Row], ours: Mapping[str, Row]) -> dict[str, float]:
    """Mean over the files of how far the two agree; 1 is the same."""
    pairs = [(theirs[path], ours[path]) for path in theirs]
    return {name: round(float(np.nanmean([same(*pair) for pair in pairs])), 4) for name, same in AGREEMENTS.items()}


def _beats(one: Row, other: Row) -> float:
    return float(mir_eval.beat.f_measure(np.asarray(one["beats"])[:, 0], np.asarray(other["beats_s"])))


def _chords(one: Row, other: Row) -> float:
    spans = [[(c["start_s"], c["end_s"]), c["label"]] for c in other["chords"]]
    theirs, labels = np.array([c[:2] for c in one["chords"]]), [c[2] for c in one["chords"]]
    ours, found = mir_eval.util.adjust_intervals(
        np.array([s[0] for s in spans]), [s[1] for s in spans], theirs.min(), theirs.max(), "N", "N"
    )
    intervals, left, right = mir_eval.util.merge_labeled_intervals(theirs, labels, ours, found)
    same = [a == b for a, b in zip(left, right, strict=True)]
    return float(np.average(same, weights=np.diff(intervals).ravel() + 1e-9))


def _f0(one: Row, other: Row) -> float:
    """Share of the frames that muze calls voiced where both are within 50 cents."""
    count = min(len(one["f0_hz"]), len(other["f0_hz"]))
    found = np.array(other["f0_hz"][:count], dtype=float)
    voiced = np.isfinite(found)
    cents = 1200 * np.abs(np.log2(one["f0_hz"][:count][voiced] / found[voiced]))
    return float(np.mean(cents <= 50)) if voiced.any() else np.nan


def _cosine(column: str) -> Callable[[Row, Row], float]:
    def cosine(one: Row, other: Row) -> float:
        left, right = np.asarray(one[column], float), np.asarray(other[column], float)
        return float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))

    return cosine


def _near(column: str, tolerance: float) -> Callable[[Row, Row], float]:
    return lambda one, other: float(abs(one[column] - other[column]) <= tolerance)


AGREEMENTS: dict[str, Callable[[Row, Row], float]] = {
    "loudness_within_0.1_lu": _near("loudness_lufs", 0.1),
    "mfcc_mean_cosine": _cosine("mfcc_mean"),
    "centroid_within_20_hz": _near("spectral_centroid_hz_mean", 20.0),
    "beats_f_measure": _beats,
    "key_equal": lambda one, other: float(one["key"] == other["key"]),
    "chords_equal_time_share": _chords,
    "chroma_mean_cosine": _cosine("chroma_mean"),
    "f0_within_50_cents": _f0,
    "voice_embedding_cosine": _cosine("voice_embedding"),
}


def music_files(folder: str) -> list[str]:
    """The files of a folder that libraries called directly can read by name."""
    return [path_of_uri(file.uri) for file in discover([folder]).files]


def rows_by_path(dataset: Path) -> dict[str, dict[str, Any]]:
    opened = open_dataset(str(dataset))
    uris = {row["track_id"]: row["uri"] for row in opened.system_rows("files").to_pylist()}
    rows: dict[str, dict[str, Any]] = {}
    for fragment in FRAGMENTS:
        for row in opened.table(fragment).to_pylist():
            rows.setdefault(path_of_uri(uris[row["track_id"]]), {}).update(row)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", required=True)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    files = music_files(args.music)
    folder = Path(tempfile.mkdtemp(prefix="muze-benchmark-"))
    try:
        script = [sys.executable, str(ROOT / "benchmarks/obvious.py"), str(folder / "script.pickle"), *files]
        _, script_s, script_cores = timed(script)
        build = [sys.executable, "-m", "jobs.main", "build", *files, "--out", str(folder / "dataset")]
        done, muze_s, muze_cores = timed([*build, "--recipe", "bundled", "--json"])
        report = json.loads(done.stdout)
        theirs = pickle.loads((folder / "script.pickle").read_bytes())
        compared = agreement(theirs, rows_by_path(folder / "dataset"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures = {
        "ratio": round(script_s / muze_s, 3),
        "script_s": round(script_s, 1),
        "muze_s": round(muze_s, 1),
        "script_cores": round(script_cores, 2),
        "muze_cores": round(muze_cores, 2),
        "files": len(files),
        "audio_s": round(sum(row["duration_s"] for row in theirs.values()), 1),
        "decodes_per_track": report["decodes"] / report["tracks"],
        "peak_actor_gib": report["peak_actor_gib"],
        "realtime_factor": report["realtime_factor"],
        "agreement": compared,
        "seconds": {name: fragment["seconds"] for name, fragment in report["fragments"].items()},
    }
    print(json.dumps(figures) if args.json else _table(figures))
    return 0


def _table(figures: dict[str, Any]) -> str:
    return "\n".join(f"{name:>20}  {value}" for name, value in figures.items())


if __name__ == "__main__":
    sys.exit(main())
