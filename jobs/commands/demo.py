"""Show muze at work: build a dataset of songs rendered on the spot, hold it against the truth, and train on it.

With --music it takes a folder of yours, and has no truth to compare with. The models train for a minute each: what
they make shows that everything fits together, and is no music.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from featurizers.weights import is_there
from jobs.demo.compare import compare, table
from jobs.demo.second_act import ENCODEC, steps
from jobs.demo.songs import HARBOUR_LIGHTS
from jobs.demo.write import render_songs
from pipeline.dataset import open_dataset
from pipeline.query import query_table
from pipeline.uris import local_folder
from schemas import sine_tokens as sines

EXAMPLE = "muze demo --out demo"
QUERIES = (
    "select title, tempo_bpm, time_signature, key, round(loudness_lufs, 1) as lufs from features order by tempo_bpm",
    "select title, unnest(chords[1:4], recursive := true) from features where key like '%minor' order by title",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--music", metavar="FOLDER", help="analyse this instead of rendered songs")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where songs and dataset go")


def run(args: argparse.Namespace) -> int:
    console = Console(highlight=False)
    out = local_folder(args.out, "--out")
    dataset = out / "dataset"
    music = args.music
    if music is None:
        console.print("rendering songs ...")
        music = str(render_songs(out))
    code = _show("build", music, "--out", str(dataset), "--recipe", "bundled")
    if code == 0:
        code = _show("status", str(dataset))
        for sql in QUERIES:
            code = code or _show("query", str(dataset), sql)
        code = code or _show("report", str(dataset), "--out", str(out / "report.html"))
    if code == 0 and args.music is None:
        shown = Path(HARBOUR_LIGHTS.file_name).name
        code = _show("show", str(dataset), shown, "--out", str(out / "track.html"))
        _compare(out / "truth.json", dataset, console)
    return code or _second_act(music, out, console)


def _second_act(music: str, out: Path, console: Console) -> int:
    codec = ENCODEC if is_there(ENCODEC) else sines.CODEC
    if codec != ENCODEC:
        console.print(
            f"\n{ENCODEC} is not in the weights store, 'muze models pull {ENCODEC}' gets it: the language model learns"
            f" tokens of {codec}, partials and noise, which need no weights"
        )
    for step in steps(music, out, codec):
        if step.done is not None and step.done.exists():
            continue
        if code := _show(*step.words):
            return code
    return 0


def _show(*words: str) -> int:
    """Run a muze command line as a person would, after showing it."""
    from jobs.main import main

    print("\n$ muze", *(f'"{word}"' if " " in word else word for word in words), flush=True)
    sys.stderr.flush()
    return main(words)


def _compare(truth: Path, dataset: Path, console: Console) -> None:
    rows = query_table(open_dataset(str(dataset)), "select * from features").to_pylist()
    comparisons = compare(json.loads(truth.read_text()), rows)
    console.print()
    wide = Console(highlight=False, width=max(console.width, 160))
    wide.print(table(comparisons))
    checks = [check for comparison in comparisons for check in comparison.checks.values()]
    console.print(f"{sum(check.is_right for check in checks)} of {len(checks)} checks right")
