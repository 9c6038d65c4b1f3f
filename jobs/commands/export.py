"""Write a dataset as one JSON file in another format, for training code that reads that.

Beside FILE.json comes FILE.artist_embeddings.json with the mean voice of every artist. Tracks are read and written one
after the other, so a dataset may be larger than memory; beside the file there must be room for the rows once more.
Track ids stay strings of 32 hex digits, though the format's own are integers, and vibrato depth is in semitones.
"""

import argparse
import json

from pipeline.dataset import open_dataset
from pipeline.export import export
from pipeline.uris import local_path
from schemas.muzible import FORMAT

EXAMPLE = f"muze export dataset --format {FORMAT} --out dataset.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("--format", choices=(FORMAT,), required=True, help="what to write")
    parser.add_argument("--out", metavar="FILE.json", required=True, help="file to write, or to replace")
    parser.add_argument("--snapshot", metavar="NAME", help="write what a snapshot pins")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    out = local_path(args.out, "--out")
    exported = export(open_dataset(args.dataset), out, args.snapshot)
    if args.json:
        print(json.dumps(exported.report()))
    else:
        print(
            f"{exported.num_tracks} tracks to {exported.out}, {exported.num_artists} artists to {exported.artists_out}"
        )
    return 0
