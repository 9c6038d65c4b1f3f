"""Snapshots: a name for the exact shards of a moment, with a train/valid/test split. Written once, never changed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from pipeline.contents import Contents, current_contents
from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.printable import printable
from pipeline.shards import read_shards
from pipeline.splits import DEFAULT_SHARES, Identity, assign, group_keys
from pipeline.storage import Storage
from pipeline.views import open_views
from schemas.fragment import TRACK_ID

FOLDER = "snapshots"
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Snapshot:
    """A pinned dataset: its shards a table, fingerprints and versions a fragment, and the split."""

    name: str
    created_at: str
    contents: Contents
    split: Mapping[str, list[str]]
    """Split -> track ids."""
    document: Mapping[str, Any]
    """The whole snapshot as stored."""

    def shards(self, fragment: str) -> list[Shard]:
        """The shards of a fragment or table. Raises BadArgumentError if the snapshot has no such thing."""
        return self.contents.shards(fragment)

    @property
    def paths(self) -> set[str]:
        """Every pinned file, relative to the dataset."""
        return {f"{name}/{shard.path}" for name, shards in self.contents.tables.items() for shard in shards}


def create_snapshot(
    dataset: Dataset, name: str, seed: int = 0, shares: Mapping[str, float] = DEFAULT_SHARES
) -> Snapshot:
    """Pin what readers see now under a name. Raises BadArgumentError if the name is taken or no plain word."""
    if not _NAME.fullmatch(name):
        raise BadArgumentError(f"{printable(name)!r} is no snapshot name: use letters, digits, dots, dashes and _")
    if name in snapshot_names(dataset):
        raise BadArgumentError(f"snapshot {name!r} exists, and snapshots never change: take another name")
    contents = current_contents(dataset)
    document = {
        "format": _FORMAT,
        "name": name,
        "created_at": datetime.now(UTC).isoformat(),
        "muze_version": version("muze"),
        "fragments": {
            fragment: {"fingerprint": fingerprint, "version": _version(dataset, fragment, contents.shards(fragment))}
            for fragment, fingerprint in contents.fingerprints.items()
        },
        "tables": {table: [_entry(shard) for shard in shards] for table, shards in contents.tables.items()},
        "split": {
            "seed": seed,
            "shares": dict(shares),
            "tracks": assign(group_keys(_identities(dataset.storage, contents)), seed, shares),
        },
    }
    if not dataset.storage.put_if_absent(_path(name), json.dumps(document, indent=1).encode()):
        raise BadArgumentError(f"snapshot {name!r} exists, and snapshots never change: take another name")
    return _parse(document)


def _entry(shard: Shard) -> dict[str, Any]:
    return {"path": shard.path, "num_bytes": shard.num_bytes, "num_rows": shard.num_rows}


def _version(dataset: Dataset, fragment: str, shards: list[Shard]) -> int | None:
    """The fragment's schema version, as the footer of a shard has it; None if there is no shard."""
    found = read_shards(dataset.storage, fragment, shards[:1], [TRACK_ID])
    return None if found is None else int(found.schema.metadata[b"version"])


def _identities(storage: Storage, contents: Contents) -> list[Identity]:
    """What the split goes by; sidecar columns override tags, as they do in queries."""
    with open_views(storage, contents) as connection:
        timbre = connection.execute(
            "SELECT count(*) FROM duckdb_columns() WHERE database_name = 'memory' "
            "AND table_name = 'timbre' AND column_name = 'mfcc_mean'"
        ).fetchall() == [(1,)]
        mfcc, joined = ("mfcc_mean", "LEFT JOIN timbre USING (track_id)") if timbre else ("NULL", "")
        rows = connection.execute(f"SELECT {TRACK_ID}, artist, duration_s, {mfcc} FROM tracks {joined}").fetchall()
    return [Identity(*row) for row in rows]


def snapshot_names(dataset: Dataset) -> list[str]:
    """Names of the snapshots, sorted."""
    files = [path.removeprefix(f"{FOLDER}/") for path in dataset.storage.listing(FOLDER)]
    return sorted(file.removesuffix(".json") for file in files if file.endswith(".json") and _NAME.fullmatch(file))


def load_snapshot(dataset: Dataset, name: str) -> Snapshot:
    """Read a snapshot. Raises BadArgumentError if there is none of that name, BuildFailedError if it is damaged."""
    names = snapshot_names(dataset)
    if name not in names:
        there = f"there are {', '.join(names)}" if names else "there are none yet"
        raise BadArgumentError(f"no snapshot {printable(name)!r}: {there}")
    try:
        return _parse(json.loads(dataset.storage.read(_path(name))))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BuildFailedError(f"snapshot {name!r} is damaged: {error}") from error


def _parse(document: Mapping[str, Any]) -> Snapshot:
    prints = {name: fragment["fingerprint"] for name, fragment in document["fragments"].items()}
    tables = {
        name: [Shard(entry["path"], entry["num_bytes"], entry["num_rows"], prints.get(name)) for entry in entries]
        for name, entries in document["tables"].items()
    }
    contents = Contents(prints, tables)
    return Snapshot(document["name"], document["created_at"], contents, document["split"]["tracks"], document)


def _path(name: str) -> str:
    return f"{FOLDER}/{name}.json"
