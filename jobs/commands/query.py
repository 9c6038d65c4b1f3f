"""Answer an SQL query over a dataset.

Every fragment is a view of its name with track_id first; so are tracks, files, failures and runs. The view features
is all fragments joined, one row a track; artists has the mean voices of every artist. Queries read, and reach nothing
but the dataset. Tables shorten what is long; json and csv give every value, with null for NaN within lists, and
parquet is exact.
"""

import argparse
import sys
from itertools import islice
from typing import IO, Any

from jobs.tables import render
from jobs.writers import TEXT_WRITERS, rows_of, write_parquet
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from pipeline.out_file import stream_to
from pipeline.query import Answer, run_query
from pipeline.uris import local_path

EXAMPLE = 'muze query dataset "SELECT title, tempo_bpm, key FROM features ORDER BY tempo_bpm"'
_MAX_TABLE_ROWS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("sql", metavar="SQL", help="one SELECT statement")
    parser.add_argument("--format", choices=("table", "json", "csv", "parquet"), default="table")
    parser.add_argument("--out", metavar="FILE", help="write there instead of printing; parquet needs it")
    parser.add_argument("--snapshot", metavar="NAME", help="read what a snapshot pins")


def run(args: argparse.Namespace) -> int:
    if args.format == "parquet" and args.out is None:
        raise BadArgumentError("--format parquet needs --out FILE")
    with run_query(open_dataset(args.dataset), args.sql, args.snapshot) as answer:
        if args.out is None:
            _write(answer, args.format, sys.stdout)
        else:
            with stream_to(local_path(args.out, "--out"), binary=args.format == "parquet") as file:
                _write(answer, args.format, file)
    return 0


def _write(answer: Answer, format: str, out: IO[Any]) -> None:
    if format == "parquet":
        write_parquet(answer, out)
    elif format == "table":
        _write_table(answer, out)
    else:
        TEXT_WRITERS[format](answer, out)


def _write_table(answer: Answer, out: IO[str]) -> None:
    rows = list(islice(rows_of(answer), _MAX_TABLE_ROWS + 1))
    out.write(render(answer.schema.names, rows[:_MAX_TABLE_ROWS]) + "\n")
    if len(rows) > _MAX_TABLE_ROWS:
        print(f"the first {_MAX_TABLE_ROWS} rows; --format csv gives all", file=sys.stderr)
