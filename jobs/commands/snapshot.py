"""Name what a dataset holds now, for good: its shards, versions, and a train/valid/test split.

Builds that come later change nothing of it. The split keeps an artist's tracks, and tracks that sound nearly the
same, on one side; it depends on the seed, and adding music moves no artist from one side to another.
"""

import argparse
import json
import sys
from typing import Any

from jobs.tables import readable_bytes, readable_moment, render
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.snapshot import FOLDER, Snapshot, create_snapshot, load_snapshot, snapshot_names

EXAMPLE = "muze snapshot create dataset 2026-11"
_SPLITS = ("train", "valid", "test")
_COLUMNS = ("name", "created_at", "tracks", *_SPLITS, "bytes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "list", "show"))
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of the snapshot, for create and show")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, for create (default: 0)")
    parser.add_argument("--split", default="90/5/5", help="train/valid/test shares, for create (default: 90/5/5)")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")


def run(args: argparse.Namespace) -> int:
    dataset = open_dataset(args.dataset)
    if args.action == "list":
        if args.name is not None:
            raise BadArgumentError(f"snapshot list takes no name, got {args.name!r}")
        return _list(dataset, args.json)
    if args.name is None:
        raise BadArgumentError(f"snapshot {args.action} needs a name: muze snapshot {args.action} DATASET NAME")
    if args.action == "create":
        snapshot = create_snapshot(dataset, args.name, args.seed, shares(args.split))
        _warn_of_empty_splits(snapshot)
    else:
        snapshot = load_snapshot(dataset, args.name)
    print(json.dumps(snapshot.document) if args.json else _text(snapshot))
    return 0


def shares(text: str) -> dict[str, float]:
    """Parse ``90/5/5``: three numbers from 0 up, whose sum counts as the whole."""
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) != len(_SPLITS) or min(parts) < 0 or not 0 < sum(parts) < float("inf"):
        raise BadArgumentError(f"--split is {text!r}: expected train/valid/test shares such as 90/5/5")
    return {name: part / sum(parts) for name, part in zip(_SPLITS, parts, strict=True)}


def _warn_of_empty_splits(snapshot: Snapshot) -> None:
    wanted = [name for name, share in snapshot.document["split"]["shares"].items() if share > 0]
    empty = [name for name in wanted if not snapshot.split[name]]
    if empty and len(empty) < len(wanted):
        remedy = "make another one with other shares (--split), another --seed, or more artists"
        print(f"muze snapshot: no track fell to {' and '.join(empty)}: {remedy}", file=sys.stderr)


def _list(dataset: Dataset, as_json: bool) -> int:
    """Return 1 if a snapshot is damaged; the others are shown all the same."""
    rows = [_row(dataset, name) for name in snapshot_names(dataset)]
    if as_json:
        print(json.dumps(rows))
    elif rows:
        print(render(_COLUMNS, [_readable(row) for row in rows]))
    else:
        print("no snapshots")
    return 1 if any("damaged" in row for row in rows) else 0


def _row(dataset: Dataset, name: str) -> dict[str, Any]:
    """The summary of a snapshot; of a damaged one nothing but its name, and under ``damaged`` its file."""
    try:
        return _summary(load_snapshot(dataset, name))
    except BuildFailedError as error:
        file = f"{FOLDER}/{name}.json"
        print(f"muze snapshot: {file}: {error}", file=sys.stderr)
        return dict.fromkeys(_COLUMNS) | {"name": name, "damaged": file}


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    if "damaged" in row:
        return row | {"created_at": f"damaged: {row['damaged']}"}
    return row | {"created_at": readable_moment(row["created_at"]), "bytes": readable_bytes(row["bytes"])}


def _summary(snapshot: Snapshot) -> dict[str, Any]:
    shards = [shard for shards in snapshot.contents.tables.values() for shard in shards]
    counts = {name: len(track_ids) for name, track_ids in snapshot.split.items()}
    return {
        "name": snapshot.name,
        "created_at": snapshot.created_at,
        "tracks": sum(counts.values()),
        **counts,
        "bytes": sum(shard.num_bytes for shard in shards),
    }


def _text(snapshot: Snapshot) -> str:
    summary = _summary(snapshot)
    counts = ", ".join(f"{summary[name]} {name}" for name in snapshot.split)
    fragments = [
        {"fragment": name, **facts, "rows": sum(shard.num_rows for shard in snapshot.shards(name))}
        for name, facts in snapshot.document["fragments"].items()
    ]
    head = f"{snapshot.name}: {summary['tracks']} tracks ({counts}), {readable_bytes(summary['bytes'])}"
    return "\n".join([f"{head}, of {readable_moment(snapshot.created_at)}", "", render(tuple(fragments[0]), fragments)])
