"""List the tracks and fragments that could not be had, and why.

The table shows names of files; --json has whole paths and track ids.
"""

import argparse
import json
from collections import Counter
from typing import Any

from jobs.tables import render
from pipeline.accounts import standing_failures
from pipeline.dataset import open_dataset

EXAMPLE = "muze failures dataset"
_COLUMNS = ("track_id", "uri", "fragment", "reason", "message", "attempts")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("--json", action="store_true", help="print an array on stdout")


def run(args: argparse.Namespace) -> int:
    dataset = open_dataset(args.dataset)
    failures = standing_failures(dataset, dataset.current())
    rows = [{name: row[name] for name in _COLUMNS} for row in sorted(failures, key=_order)]
    if args.json:
        print(json.dumps(rows))
        return 0
    if not rows:
        print("no failures")
        return 0
    named = [row | {"file": row["uri"].rstrip("/").rpartition("/")[2]} for row in rows]
    print(render(("file", "fragment", "reason", "attempts", "message"), named))
    for (fragment, reason), count in sorted(Counter((row["fragment"], row["reason"]) for row in rows).items()):
        print(f"{count} failed in {fragment}: {reason}")
    return 0


def _order(row: dict[str, Any]) -> tuple[str, str]:
    return row["uri"], row["fragment"]
