"""Name what a dataset holds now, for good: its shards, versions, and a train/valid/test split.

Builds that come later change nothing of it. The split keeps an artist's tracks, and tracks that sound nearly the
same, on one side; it depends on the seed, and adding music moves no artist from one side to another.
"""

import argparse
import json
from typing import Any

from jobs.tables import readable_bytes, render
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import BadArgumentError
from pipeline.snapshot import Snapshot, create_snapshot, load_snapshot, snapshot_names

EXAMPLE = "muze snapshot create dataset 2026-11"
_SPLITS = ("train", "valid", "test")


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


def _list(dataset: Dataset, as_json: bool) -> int:
    rows = [_summary(load_snapshot(dataset, name)) for name in snapshot_names(dataset)]
    if as_json:
        print(json.dumps(rows))
    elif rows:
        readable = [row | {"bytes": readable_bytes(row["bytes"])} for row in rows]
        print(render(tuple(rows[0]), readable))
    else:
        print("no snapshots")
    return 0


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
    return "\n".join([f"{head}, of {snapshot.created_at[:19]}", "", render(tuple(fragments[0]), fragments)])
