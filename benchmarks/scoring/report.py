"""A whole measurement: pieces, rows, scores, and what the document says about them."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.scoring import ours
from benchmarks.scoring.annotations import read_folder
from benchmarks.scoring.document import Calibration, Report
from benchmarks.scoring.features import FEATURES, Feature
from benchmarks.scoring.measure import CLEAN, MUZE, Measurement, Rows, has, known
from benchmarks.scoring.piece import CORPORA, Piece
from benchmarks.scoring.reliability import CONFIDENCES, bins, judge
from benchmarks.scoring.rendered import render_pieces
from jobs.named_recipes import load_recipe
from pipeline.errors import BadArgumentError

LIBRARIES = ("madmom", "librosa", "torchcrepe", "torch", "Resemblyzer", "mir_eval", "numpy")


def report(args: argparse.Namespace, folder: Path) -> Report:
    """Measure what the arguments of ``benchmarks/accuracy.py`` ask for; files are written under ``folder``."""
    started_s = time.monotonic()
    features = [feature for feature in FEATURES if not args.only or feature.title in args.only.split(",")]
    pieces = read_folder(args.data) if args.data else []
    pieces += render_pieces(folder / "songs", args.songs) if args.songs else []
    rows, missing = muze_rows(args, features, pieces, folder)
    measured = Measurement(rows)
    for feature in features:
        print(f"{feature.title}: {measured.add(feature, pieces)} files", file=sys.stderr, flush=True)
    not_measured = {f.title: ours.why_missing(f) for f in features if not has(rows[MUZE], f.column)}
    unknown = {f.title: "no file has truth for it" for f in features if not known(f, pieces)}
    return Report(
        facts=[_run(args, started_s), _machine()],
        features=features,
        scores=measured.scores,
        calibrations=calibrate(pieces, rows[MUZE]),
        not_measured={**not_measured, **unknown, **missing},
        left_out=measured.left_out,
    )


def muze_rows(
    args: argparse.Namespace, features: Sequence[Feature], pieces: Sequence[Piece], folder: Path
) -> tuple[dict[str, Rows], dict[str, str]]:
    """Rows by estimator, and why there are none that are licence-clean."""
    dataset = args.dataset or ours.build(_paths(features, pieces, args.recipe), folder / "dataset", args.recipe)
    rows = {MUZE: ours.read_rows(dataset)}
    if args.clean_dataset:
        return {**rows, CLEAN: ours.read_rows(args.clean_dataset)}, {}
    if args.dataset:
        return rows, {CLEAN: "no dataset was given"}
    recipe = folder / "clean.yaml"
    recipe.write_text(ours.CLEAN_RECIPE)
    try:
        clean = ours.build(_paths(features, pieces, str(recipe)), folder / "clean", str(recipe))
    except (ours.BuildError, BadArgumentError) as error:
        return rows, {CLEAN: str(error)}
    return {**rows, CLEAN: ours.read_rows(clean)}, {}


def _paths(features: Sequence[Feature], pieces: Sequence[Piece], recipe: str) -> list[Path]:
    """The files that a build with the recipe gives something to score of."""
    fragments = load_recipe(recipe).fragments
    wanted = [feature for feature in features if feature.fragment in fragments]
    return [piece.path for piece in pieces if any(known(feature, [piece]) for feature in wanted)]


def calibrate(pieces: Sequence[Piece], rows: Rows) -> list[Calibration]:
    """The reliability of every confidence that says something, by corpus."""
    found = []
    for confidence in CONFIDENCES:
        for corpus in CORPORA:
            inside = [piece for piece in pieces if piece.corpus == corpus and piece.track_id in rows]
            judged = judge(confidence, [(piece.truth, rows[piece.track_id]) for piece in inside])
            found += [Calibration(confidence, corpus, bins(judged))] if judged else []
    return found


def _run(args: argparse.Namespace, started_s: float) -> str:
    """The command without the names of folders, when, and how long."""
    words = ["python benchmarks/accuracy.py", *(["--data FOLDER"] if args.data else []), f"--songs {args.songs}"]
    words += [f"--recipe {args.recipe}"] if args.recipe != "bundled" else []
    words += [f"--only {args.only}"] if args.only else []
    words += [f"--{name.replace('_', '-')} FOLDER" for name in ("dataset", "clean_dataset") if getattr(args, name)]
    minutes = (time.monotonic() - started_s) / 60
    today = datetime.now(UTC).date()
    command = f"```\n{' '.join(words)}\n```"
    return f"{command}\n\nwrote this on {today} in {minutes:.0f} minutes; nothing in it is typed by hand."


def _machine() -> str:
    """What it ran on: versions, and the class of the machine."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    python, machine = platform.python_version(), platform.machine()
    return f"Python {python}, {libraries}; {os.cpu_count()} cores, {machine}; the libraries ran on the CPU."
