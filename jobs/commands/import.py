"""Take the tracks of a JSON file in another format into a dataset, with every value that has a column.

The audio is not read. Imported rows fill fragments that no build has filled; where one has, its rows stay and those in
the file are left alone. Importing again adds what is new. What the format does not tell is null; chord labels without
times do not come in. Tracks without an id of ours get one from their path: keep those in a dataset of their own.
"""

# ruff: noqa: N999 - a command's module has its name

import argparse
import json

from pipeline.importing import import_muzible
from pipeline.uris import local_path

EXAMPLE = "muze import dataset.json --out dataset"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.json", help="file in the format muzible-v3.1, as 'muze export' writes it")
    parser.add_argument("--out", metavar="DATASET", required=True, help="folder or URL of the dataset")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    report = import_muzible(local_path(args.file, "FILE.json"), args.out)
    if args.json:
        print(json.dumps(report))
        return 0
    print(f"{report['tracks']} tracks, {report['new']} of them new, to {report['out']}")
    for name, num_rows in report["fragments"].items():
        print(f"{name}: {num_rows} new rows")
    if report["left_alone"]:
        print(f"left alone, as a build has filled them: {', '.join(report['left_alone'])}")
    return 0
