"""Write the card of a dataset as one page: what it holds, what is missing, how its values are distributed.

The page is one file that needs no network and no other file. Tracks beyond 2000 are sampled on the map, which says
so; everything else counts all rows. --json prints the same figures as one document.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from jobs.pictures.report import dataset_card
from jobs.pictures.report_page import render_page
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError

EXAMPLE = "muze report dataset --out report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("--out", metavar="FILE.html", help="page to write, or to replace")
    parser.add_argument("--snapshot", metavar="NAME", help="report what a snapshot pins")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout; needs no --out")


def run(args: argparse.Namespace) -> int:
    if args.out is None and not args.json:
        raise BadArgumentError("report got no --out: give --out FILE.html for the page, or --json for its figures")
    out = None if args.out is None else _page_path(args.out)
    card = dataset_card(open_dataset(args.dataset), args.snapshot)
    if out is not None:
        _write(render_page(card), out)
    print(json.dumps(card, allow_nan=False) if args.json else out)
    return 0


def _page_path(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".html":
        raise BadArgumentError(f"--out is {text!r}: expected a name that ends in .html")
    if path.is_dir():
        raise BadArgumentError(f"--out {text!r} is a folder: give the name of a file")
    return path


def _write(page: str, out: Path) -> None:
    """Write a file whole or not at all. Raises BadArgumentError if it cannot be written."""
    try:
        with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".muze-report-") as folder:
            part = Path(folder) / "page"
            part.write_text(page, encoding="utf-8")
            os.replace(part, out)
    except OSError as error:
        raise BadArgumentError(f"cannot write --out {str(out)!r}: {error.strerror}") from error
