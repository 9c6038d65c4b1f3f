"""muze's own answers: a dataset built by the command line, or one that is there."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scoring.features import Feature
from benchmarks.scoring.measure import Rows
from featurizers.registry import FEATURIZERS, featurizer_class
from featurizers.weights import is_there
from pipeline.dataset import open_dataset

ROOT = Path(__file__).parent.parent.parent
CLEAN_RECIPE = "fragments:\n  rhythm: {tracker: onsets}\n  harmony: {method: templates}\n  structure: {}\n"
"""Rhythm, harmony and what reads them, without any weights."""


class BuildError(Exception):
    """``muze build`` ended with an error."""


def build(paths: Sequence[Path], out: Path, recipe: str) -> Path:
    """Run ``muze build`` over files, which says on stderr what it does. BuildError if it fails."""
    command = [sys.executable, "-m", "jobs.main", "build", *map(str, paths), "--out", str(out), "--recipe", recipe]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, stdout=sys.stderr, env=env, check=False)
    if done.returncode:
        raise BuildError(f"muze build with recipe {recipe} ended with exit code {done.returncode}")
    return out


def read_rows(dataset: Path) -> Rows:
    """Every column of every track, None where its fragment failed. BadArgumentError if there is no dataset."""
    opened = open_dataset(str(dataset))
    rows: dict[str, dict[str, Any]] = {}
    for fragment in opened.fragments:
        for row in opened.table(fragment).to_pylist():
            rows.setdefault(row["track_id"], {}).update(row)
    columns = dict.fromkeys(column for row in rows.values() for column in row)
    return {track_id: {**columns, **row} for track_id, row in rows.items()}


def why_missing(feature: Feature) -> str:
    """Why a dataset may lack the fragment of a feature."""
    if feature.fragment not in FEATURIZERS:
        return f"there is no fragment {feature.fragment} yet"
    missing = [name for name in _weights(feature.fragment) if not is_there(name)]
    if missing:
        return (
            f"fragment {feature.fragment} needs weights {', '.join(missing)} (`muze models pull {' '.join(missing)}`)"
        )
    return f"the dataset has no fragment {feature.fragment}"


def _weights(fragment: str) -> list[str]:
    """Weights of a fragment and of what it reads or hears."""
    featurizer = featurizer_class(FEATURIZERS[fragment])()
    read = {*featurizer.reads, *(["stems"] if featurizer.hears[:1] == ("vocals",) else [])} & {*FEATURIZERS}
    return list(dict.fromkeys([*(name for other in sorted(read) for name in _weights(other)), *featurizer.weights]))
