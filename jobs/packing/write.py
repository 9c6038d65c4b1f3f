"""A pack, written so that it is there whole or not at all: ``pack.json`` comes last.

Until then ``unfinished.json`` marks the folder; what an interrupted run left is removed by the next one, which starts
over: the expensive part, the payload of each track, is in the dataset.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock

from jobs.packing.card import card
from jobs.packing.payload import KINDS
from jobs.packing.plan import SPLITS, Plan, Wish, planned
from jobs.packing.scatter import Buckets
from jobs.packing.shards import Counted, Moments, ShardWriter
from jobs.packing.sources import Source
from jobs.packing.windows import Align
from pipeline.errors import BadArgumentError
from pipeline.storage import Storage
from training.conditions import CONDITIONS, CURVE_HOP_S
from training.pack_format import CARD, FORMAT, PACK_JSON, UNFINISHED_JSON, Shard

Say = Callable[[str], None]

SCRATCH = ".scratch"
_OURS = re.compile(rf"((train|valid|test)-\d{{5}}\.parquet|{CARD}|{UNFINISHED_JSON}|{re.escape(SCRATCH)}/.*)")
_FLOATS = ("number", "vector", "curve")
_LISTS_BYTES = 2048  # what the lists and texts of a window take, about


@dataclass(frozen=True)
class Request:
    """What is asked for; two packs of one request are equal byte for byte."""

    task: str
    window_s: float
    hop_s: float
    align: Align
    mel_rate_hz: int | None
    seed: int
    shard_mib: int


def write_pack(sources: Sequence[Source], request: Request, out: str, say: Say) -> dict[str, Any]:
    """Write a pack and return its ``pack.json``; a finished pack of the same request stays as it is.

    Raises BadArgumentError if there is something else at ``out`` or nothing to pack, BuildFailedError if the dataset
    is damaged.
    """
    storage = Storage.at(out)
    asked = asdict(request) | {"snapshots": [_digest(source) for source in sources]}
    finished = _finished(storage, out)
    if finished is None:
        kind = KINDS[request.task]
        wish = Wish(kind, request.window_s, request.hop_s, request.align, request.seed, request.mel_rate_hz)
        _refuse_strangers(storage, out)
        plan = planned(sources, wish)
        with _scratch(storage, out) as folder:
            finished = _finished(storage, out)  # by another run, while this one planned
            if finished is None:
                _clear(storage)
                finished = _write(storage, _buckets(plan, request, folder), asked, say)
        storage.remove(UNFINISHED_JSON)
    _refuse_other(finished["request"], asked, out)
    return finished


def _buckets(plan: Plan, request: Request, folder: Path) -> Buckets:
    curve_values = round(plan.cutting.window_s / CURVE_HOP_S)
    values = sum(curve_values if each.kind == "curve" else each.size for each in CONDITIONS if each.kind in _FLOATS)
    return Buckets(plan, KINDS[request.task], folder, request.shard_mib * 2**20, 4 * values + _LISTS_BYTES)


def _write(storage: Storage, buckets: Buckets, asked: Mapping[str, Any], say: Say) -> dict[str, Any]:
    counted = Counted()
    writer = ShardWriter(storage, buckets, counted)
    say(f"cutting {len(buckets.all)} shards of windows out of {sum(map(len, buckets.plan.tracks))} tracks")
    buckets.deal_conditions()
    buckets.deal_payloads()
    shards: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    for place, bucket in enumerate(buckets.all):
        shards[bucket.split].append(writer.write(place))
        say(f"wrote {shards[bucket.split][-1].path}")
    document = _document(buckets, asked, counted, shards)
    plan = buckets.plan
    _put(storage, CARD, card(document, plan.rights, plan.left_out))
    _put(storage, PACK_JSON, json.dumps(document, indent=1, ensure_ascii=False))
    return document


def _put(storage: Storage, path: str, text: str) -> None:
    storage.put_if_absent(path, text.encode())


def _document(
    buckets: Buckets, asked: Mapping[str, Any], counted: Counted, shards: Mapping[str, list[Shard]]
) -> dict[str, Any]:
    plan, kind = buckets.plan, buckets.kind
    return {
        "format": FORMAT,
        "task": asked["task"],
        "payload": {
            "name": kind.name,
            "dtype": kind.dtype,
            "shape": [*plan.meaning.shape, plan.cutting.window_frames],
            "rate_hz": plan.meaning.rate_hz,
            "spec": json.loads(plan.meaning.spec),
        },
        "window_s": plan.cutting.window_s,
        "hop_s": plan.cutting.hop_s,
        "splits": {split: _split(plan, split, shards[split]) for split in SPLITS},
        "statistics": _statistics(counted.payload) if kind.dtype == "<f2" else None,
        "conditions": counted.conditions(),
        "snapshots": [_facts(source) for source in plan.sources],
        "left_out": dict(sorted(plan.left_out.items())),
        "seed": asked["seed"],
        "request": dict(asked),
    }


def _statistics(payload: Moments) -> dict[str, float]:
    """What to normalise by; where all values are equal, or none is in the train split, that leaves them alone."""
    found = payload.mean_and_std()
    return {**found, "std": found["std"] or 1.0}


def _split(plan: Plan, split: str, shards: Sequence[Shard]) -> dict[str, Any]:
    windows = len(plan.ranks[split])
    return {
        "windows": windows,
        "tracks": sum(1 for _ in plan.of_split(split)),
        "hours": windows * plan.cutting.window_s / 3600,
        "shards": [asdict(shard) for shard in shards],
    }


def _facts(source: Source) -> dict[str, Any]:
    document = source.snapshot.document
    facts = {name: document[name] for name in ("name", "created_at", "fragments")}
    return {"dataset": source.location, **facts, "split_seed": document["split"]["seed"]}


def _digest(source: Source) -> dict[str, str]:
    document = json.dumps(source.snapshot.document, sort_keys=True).encode()
    digest = hashlib.sha256(document).hexdigest()
    return {"dataset": source.location, "name": source.snapshot.name, "sha256": digest}


def _finished(storage: Storage, out: str) -> dict[str, Any] | None:
    try:
        document = json.loads(storage.read(PACK_JSON))
        return document if document["request"] is not None else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BadArgumentError(f"--out {out!r} holds a {PACK_JSON} that is none of ours: {error!r}") from error


def _refuse_other(found: Mapping[str, Any], asked: Mapping[str, Any], out: str) -> None:
    for name, value in json.loads(json.dumps(asked)).items():
        if found.get(name) != value:
            raise BadArgumentError(
                f"the pack at {out!r} has {name} {found.get(name)}, and {value} was asked for: packs never change, take"
                " another --out"
            )


def _refuse_strangers(storage: Storage, out: str) -> None:
    if storage.local and Path(storage.root).is_file():
        raise BadArgumentError(f"--out {out!r} is a file: give the name of a folder")
    paths = [path.removeprefix("./") for path in storage.listing("")]
    strangers = sorted(path for path in paths if not _OURS.fullmatch(path))
    if strangers or (paths and UNFINISHED_JSON not in paths):
        name = (strangers or sorted(paths))[0]
        raise BadArgumentError(f"--out {out!r} has {name!r} in it: give an empty or a new folder")


@contextmanager
def _scratch(storage: Storage, out: str) -> Iterator[Path]:
    """A folder for what is sorted, on the disk of the pack if that is local; one run at a time."""
    _mark_unfinished(storage, out)
    if not storage.local:
        with tempfile.TemporaryDirectory(prefix="muze-pack-") as folder:
            yield Path(folder)
        return
    top = Path(storage.root, SCRATCH)
    try:
        top.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(top / "lock", timeout=0):
            shutil.rmtree(top / "windows", ignore_errors=True)
            (top / "windows").mkdir()
            yield top / "windows"
    except filelock.Timeout as error:
        raise BadArgumentError(f"another 'muze pack' is writing to --out {out!r}") from error
    shutil.rmtree(top)


def _mark_unfinished(storage: Storage, out: str) -> None:
    try:
        storage.write_json(UNFINISHED_JSON, {})
    except OSError as error:
        raise BadArgumentError(f"cannot write --out {out!r}: {error.strerror or error}") from error


def _clear(storage: Storage) -> None:
    """Remove what an earlier run left."""
    for path in storage.listing(""):
        if path != UNFINISHED_JSON and not path.startswith(f"{SCRATCH}/"):
            storage.remove(path)
