"""Write the card of a dataset as one page: what it holds, what is missing, how its values are distributed.

The page is one file that needs no network and no other file. Tracks beyond 2000 are sampled on the map, which says
so; everything else counts all rows. --json prints the same figures as one document.
"""

import argparse
import json

from jobs.pictures.report import dataset_card
from jobs.pictures.report_page import render_page
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from pipeline.out_file import require_writable, write_whole
from pipeline.uris import local_path

EXAMPLE = "muze report dataset --out report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("--out", metavar="FILE.html", help="page to write, or to replace")
    parser.add_argument("--snapshot", metavar="NAME", help="report what a snapshot pins")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout; needs no --out")


def run(args: argparse.Namespace) -> int:
    if args.out is None and not args.json:
        raise BadArgumentError("report got no --out: give --out FILE.html for the page, or --json for its figures")
    out = None if args.out is None else local_path(args.out, "--out")
    if out is not None:
        require_writable(out, ".html")
    card = dataset_card(open_dataset(args.dataset), args.snapshot)
    if out is not None:
        write_whole(out, render_page(card).encode())
    print(json.dumps(card, allow_nan=False) if args.json else out)
    return 0
