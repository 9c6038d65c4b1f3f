"""Judge a trained run on a split of a pack.

Its loss over all windows of the split; then sounds for some of them, made by the model that is told all that is known
of the window (a VAE gives the window back), and how far they are from the windows themselves: FAD and KAD, CLAP score,
and whether they have the tempo and key that were asked for. On a CPU the same command gives the same document.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jobs.extras import require
from jobs.generating.vocoders import HELP
from jobs.tables import render
from jobs.trained_runs import CHECKPOINT_HELP, open_run
from jobs.weights import use_store
from pipeline.errors import BadArgumentError
from pipeline.out_file import require_writable, write_whole
from pipeline.uris import local_path
from training.errors import SettingError

EXAMPLE = "muze evaluate --run runs/vae --data packs/songs --samples 32 --out vae.json"
_SPLITS = ("train", "valid", "test")
_MIN_SAMPLES = 2
_COLUMNS = ("measure", "made", "windows")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="RUN", required=True, dest="run_folder", help="folder of a trained run")
    parser.add_argument("--checkpoint", default="best", metavar="STEP|last|best", help=CHECKPOINT_HELP)
    parser.add_argument("--data", metavar="PACK", required=True, help="a pack like those that it was trained on")
    parser.add_argument("--split", choices=_SPLITS, help="which windows (default: test, else valid)")
    parser.add_argument("--samples", type=int, default=8, metavar="N", help="sounds to make and judge (default: 8)")
    parser.add_argument(
        "--embedding", metavar="NAME", help="clap or resemblyzer (default: clap if the weights store has it)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is generated (default: 0)")
    parser.add_argument("--steps", type=int, metavar="N", help="of a diffusion model (default: as muze generate)")
    parser.add_argument("--cfg", type=float, metavar="SCALE", help="of guidance (default: as muze generate)")
    parser.add_argument("--vocoder", default="", metavar="NAME", help=HELP)
    parser.add_argument(
        "--weights", metavar="DIR", help="weights store (default: $MUZE_WEIGHTS, else the user's cache)"
    )
    parser.add_argument("--out", metavar="FILE.json", help="write the JSON document to a file, too")
    parser.add_argument("--json", action="store_true", help="print the JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    if args.samples < _MIN_SAMPLES:
        raise BadArgumentError(f"--samples is {args.samples}: expected {_MIN_SAMPLES} or more, or there is no distance")
    run_folder = local_path(args.run_folder, "--run").absolute()
    out = local_path(args.out, "--out") if args.out else None
    if out is not None:
        require_writable(out)
    require("torch", "train", "it")
    use_store(args.weights)
    try:
        document = _evaluated(args, run_folder)
    except SettingError as error:
        raise BadArgumentError(str(error)) from error
    if out is not None:
        write_whole(out, (json.dumps(document, indent=1) + "\n").encode())
    print(json.dumps(document) if args.json else in_words(document))
    return 0


def _evaluated(args: argparse.Namespace, run_folder: Path) -> dict[str, Any]:
    """Raises SettingError, WeightsError or DamagedShardError."""
    from jobs.evaluating.evaluate import Request, evaluate  # imports torch
    from jobs.generating.how_options import how_of
    from jobs.generating.renderer import renderer_of
    from training.pack import Pack

    how = how_of({"seed": args.seed, "steps": args.steps, "guidance": args.cfg})
    request = Request(args.split, args.samples, args.embedding, how)
    pack = Pack.open(args.data)
    trained = open_run(run_folder, args.checkpoint)
    renderer = renderer_of(trained, args.vocoder)
    return evaluate(trained, pack, request, renderer, lambda words: print(words, file=sys.stderr, flush=True))


def in_words(document: dict[str, Any]) -> str:
    """The document as a table for people, and what could not be measured."""
    sounds, loss = document["sounds"], document["loss"]
    through = ", ".join(f"{what} {name}" for what, name in sounds["rendered_through"].items())
    head = (
        f"{document['training']}, {document['checkpoint']}, on split {document['split']} of {document['pack']}:"
        f" {loss['windows']} windows; {sounds['samples']} sounds of {sounds['duration_s']:g} s {sounds['made']},"
        f" rendered through {through}"
    )
    rows = [*_loss_rows(loss), *_distance_rows(document["distances"]), *_score_rows(document)]
    measured = (*document["distances"], document["clap_score"], document["adherence"])
    reasons = [each["why"] for each in measured if each["why"]]
    return "\n".join([head, "", render(_COLUMNS, rows), *(f"not measured: {reason}" for reason in reasons)])


def _row(measure: str, made: Any, windows: Any = None) -> dict[str, Any]:
    return dict(zip(_COLUMNS, (measure, made, windows), strict=True))


def _loss_rows(loss: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [_row(f"loss: {name}", value) for name, value in loss["means"].items()]
    return rows + [_row(f"perplexity: {name}", value) for name, value in (loss["perplexity"] or {}).items()]


def _distance_rows(distances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        _row(f"{measure.upper()} {each['embedding']}, from {each['reference']}", each[measure])
        for each in distances
        for measure in ("fad", "kad")
    ]


def _score_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    score, adherence = document["clap_score"], document["adherence"]
    rows = [_row("CLAP score", score["made"], score["reference"])]
    for subject in ("tempo", "key"):
        made, reference = adherence[subject]["made"], adherence[subject]["reference"]
        rows += [_row(f"{subject}: {name}", value, reference[name]) for name, value in (made or {}).items()]
    return rows
