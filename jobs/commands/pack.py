"""Cut a snapshot into shuffled windows that a trainer streams: mels, latents or tokens, and all that is known of them.

The payload is a fragment of the dataset: 'mel' for vae, 'latents' for ldm, 'codec_tokens' for codec-lm. The same
snapshots and settings give the same pack, byte for byte. An interrupted pack is started over by the same command. While
it is written, the windows take their space twice; beside them lies card.md, which says what they are.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from typing import Any

from jobs.tables import readable_bytes, render
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from schemas.mel_specs import MEL_SPECS

EXAMPLE = "muze pack dataset --snapshot 2026-11 --task vae --out packs/vae"
TASKS = ("vae", "ldm", "codec-lm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("--snapshot", metavar="NAME", required=True, help="what to pack, and its split")
    parser.add_argument(
        "--join",
        metavar="DATASET:SNAPSHOT",
        action="append",
        default=[],
        help="pack another snapshot with it; a track or an artist that both have keeps the split of the first",
    )
    parser.add_argument("--task", choices=TASKS, required=True, help="what is to be trained")
    parser.add_argument("--out", metavar="PACK", required=True, help="new folder or URL")
    parser.add_argument(
        "--window-s", type=float, metavar="S", help="length of a window (default: 5.12 for vae, else 10.24)"
    )
    parser.add_argument("--hop-s", type=float, metavar="S", help="from a window to the next (default: its length)")
    parser.add_argument(
        "--align",
        choices=("fixed", "section"),
        default="fixed",
        help="over the whole track, or within each section (default: fixed)",
    )
    parser.add_argument("--mel", choices=tuple(MEL_SPECS), help="refuse log-mels of another sample rate")
    parser.add_argument("--seed", type=int, default=0, help="of the shuffle (default: 0)")
    parser.add_argument("--shard-mib", type=int, default=128, metavar="N", help="size of a shard (default: 128)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    from jobs.packing.write import write_pack

    request = _request(args)
    sources = [_source(args.dataset, args.snapshot), *(_joined(text) for text in args.join)]
    document = write_pack(sources, request, args.out, lambda words: print(words, file=sys.stderr, flush=True))
    if empty := _empty(document, sources):
        remedy = "pack a snapshot that was made with other shares or another --seed, or of more artists"
        print(f"muze pack: there is no window in {' and '.join(empty)}: {remedy}", file=sys.stderr)
    print(json.dumps(_report(document, args.out)) if args.json else _text(document, args.out))
    return 0


def _empty(document: dict[str, Any], sources: Sequence[Any]) -> list[str]:
    """Splits without a window that a snapshot has a share for."""
    shares = [source.snapshot.document["split"]["shares"] for source in sources]
    splits = document["splits"].items()
    return [name for name, split in splits if not split["windows"] and any(share[name] for share in shares)]


def _request(args: argparse.Namespace) -> Any:
    from jobs.packing.payload import KINDS
    from jobs.packing.write import Request

    window_s = args.window_s if args.window_s is not None else KINDS[args.task].window_s
    hop_s = args.hop_s if args.hop_s is not None else window_s
    for name, value in (("--window-s", window_s), ("--hop-s", hop_s)):
        if not 0 < value < math.inf:
            raise BadArgumentError(f"{name} is {value}: expected a number of seconds above 0")
    if not 1 <= args.shard_mib <= 1024:
        raise BadArgumentError(f"--shard-mib is {args.shard_mib}: expected 1 to 1024")
    if args.seed < 0:
        raise BadArgumentError(f"--seed is {args.seed}: expected 0 or more")
    if args.mel and args.task != "vae":
        raise BadArgumentError(f"--mel is for --task vae, got {args.task}")
    rate_hz = MEL_SPECS[args.mel].rate_hz if args.mel else None
    return Request(args.task, window_s, hop_s, args.align, rate_hz, args.seed, args.shard_mib)


def _source(location: str, snapshot: str) -> Any:
    from jobs.packing.sources import Source
    from pipeline.snapshot import load_snapshot

    dataset = open_dataset(location)
    return Source(location, dataset, load_snapshot(dataset, snapshot))


def _joined(text: str) -> Any:
    location, colon, snapshot = text.rpartition(":")
    if not colon or not location or not snapshot:
        raise BadArgumentError(f"--join is {text!r}: expected DATASET:SNAPSHOT")
    return _source(location, snapshot)


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "split": name,
            **{key: split[key] for key in ("tracks", "windows", "hours")},
            "shards": len(split["shards"]),
            "bytes": sum(shard["num_bytes"] for shard in split["shards"]),
        }
        for name, split in document["splits"].items()
    ]


def _report(document: dict[str, Any], out: str) -> dict[str, Any]:
    facts = {name: document[name] for name in ("task", "window_s", "hop_s", "left_out")}
    splits = {row.pop("split"): row for row in _rows(document)}
    return {"out": out, **facts, "payload": document["payload"], "splits": splits}


def _text(document: dict[str, Any], out: str) -> str:
    rows = _rows(document)
    shape = " x ".join(map(str, document["payload"]["shape"]))
    left_out = [f"left out: {count} tracks {why}" for why, count in document["left_out"].items()]
    head = f"{out}: windows of {document['window_s']:g} s, {document['payload']['name']} {shape}"
    table = render(tuple(rows[0]), [row | {"bytes": readable_bytes(row["bytes"])} for row in rows])
    return "\n".join([head, "", table, *left_out])
