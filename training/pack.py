"""Packs: shuffled windows of music in Parquet shards, and a ``pack.json`` that says what they are.

A pack is a folder or an object-store prefix with ``pack.json``, which is written last, shards ``SPLIT-00000.parquet``,
and ``card.md`` for people. A row is a window: ``track_id``, ``window`` (its number in the track), ``start_s``,
``end_s``, the payload as bytes, and a column for every condition of ``training.conditions``, null where it is unknown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import SettingError, TrainingFailedError
from training.pack_format import FORMAT, PACK_JSON, UNFINISHED_JSON, Payload, Shard, Statistics

_READ_BYTES = 2**24
_THREADS = 8


class PackError(SettingError):
    """A pack is not there, not finished, or not of the kind that is needed."""


class DamagedShardError(TrainingFailedError):
    """A shard is not what was written; the message names it."""


@dataclass(frozen=True)
class Pack:
    """A finished pack, open for reading; threads may share it."""

    location: str
    document: dict[str, Any] = field(repr=False)
    """``pack.json``."""
    _footers: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _compared: dict[tuple[str, ...], bytearray] = field(default_factory=dict, repr=False, compare=False)
    """Shard and columns -> whether the checksums of each group have been compared."""

    @classmethod
    def open(cls, location: str) -> Pack:
        """Open the pack in a folder or at a URL, and look whether its shards are there, whole by their size.

        Raises PackError, or DamagedShardError naming a shard.
        """
        filesystem, root = fsspec.core.url_to_fs(str(location))
        try:
            document = json.loads(filesystem.cat_file(f"{root}/{PACK_JSON}"))
        except FileNotFoundError:
            raise PackError(_absent(filesystem, root, location)) from None
        except (OSError, ValueError) as error:
            raise PackError(f"{PACK_JSON} of {location} cannot be read: {error}") from error
        found = document.get("format") if isinstance(document, dict) else None
        if not isinstance(found, int):
            raise PackError(f"{PACK_JSON} of {location} is damaged or of something else: it names no format of a pack")
        if found > FORMAT:
            raise PackError(f"the pack at {location} has format {found}, this muze reads up to {FORMAT}: update muze")
        pack = cls(str(location), document)
        try:
            pack._check_sizes()
        except (KeyError, TypeError) as error:
            raise PackError(f"{PACK_JSON} of {location} is damaged: {error!r}") from error
        return pack

    @cached_property
    def task(self) -> str:
        """What it was packed for: vae, ldm or codec-lm."""
        return str(self.document["task"])

    @cached_property
    def payload(self) -> Payload:
        """What is modelled."""
        facts = self.document["payload"]
        return Payload(facts["name"], facts["dtype"], tuple(facts["shape"]), facts["rate_hz"], facts["spec"])

    @cached_property
    def statistics(self) -> Statistics | None:
        """What the payload is normalised by; None for tokens."""
        facts = self.document["statistics"]
        return Statistics(facts["mean"], facts["std"]) if facts else None

    @cached_property
    def contents(self) -> str:
        """16 hex digits that are those of every copy of the pack, and of no pack with other windows."""
        said = json.dumps(self.document["splits"], sort_keys=True)  # with the SHA-256 of each shard
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @property
    def window_s(self) -> float:
        """Duration of a window."""
        return float(self.document["window_s"])

    def shards(self, split: str) -> list[Shard]:
        """The shards of train, valid or test in order."""
        return [Shard(**entry) for entry in self.document["splits"][split]["shards"]]

    def windows(self, split: str) -> int:
        """Windows of a split."""
        return int(self.document["splits"][split]["windows"])

    def verify(self) -> None:
        """Read every shard whole and compare its SHA-256. Raises DamagedShardError."""
        for split in self.document["splits"]:
            for shard in self.shards(split):
                digest = hashlib.sha256()
                with self._filesystem.open(self._path(shard), "rb") as file:
                    while data := file.read(_READ_BYTES):
                        digest.update(data)
                if digest.hexdigest() != shard.sha256:
                    raise self.damaged(shard, "its SHA-256 is not that of pack.json")

    def read_group(self, shard: Shard, group: int, columns: Sequence[str]) -> pa.Table:
        """Read columns of a group. Raises DamagedShardError.

        Every page's checksum is compared; of a local file only when it is read for the first time, as comparing takes
        longer than reading.
        """
        compared = self._compared.setdefault((shard.path, *columns), bytearray(shard.groups))
        table = self._read(shard, [group], columns, compare=not (self._local and compared[group]))
        compared[group] = True
        return table

    def artists(self, split: str) -> dict[str, str | None]:
        """Track -> its artist, if one is known, of a split. Reads two columns of every shard, no payload.

        Raises DamagedShardError.
        """
        columns = ["track_id", "artist"]
        with ThreadPoolExecutor(_THREADS, "pack-artists") as threads:  # an object store is slow to answer
            tables = threads.map(lambda shard: self._read(shard, range(shard.groups), columns), self.shards(split))
            return {row[0]: row[1] for table in tables for row in zip(*table.to_pydict().values(), strict=True)}

    def _read(self, shard: Shard, groups: Sequence[int], columns: Sequence[str], compare: bool = True) -> pa.Table:
        try:
            with self._opened(shard) as source:
                footer = self._footer(shard, source)
                file = pq.ParquetFile(
                    source, metadata=footer, pre_buffer=not self._local, page_checksum_verification=compare
                )
                rows = file.read_row_groups(list(groups), list(columns), use_threads=False)
        except (OSError, pa.ArrowException, EOFError) as error:
            raise self.damaged(shard, " ".join(str(error).split())) from error
        if len(rows) != shard.group_sizes[list(groups)].sum():
            raise self.damaged(shard, f"groups {list(groups)} have {len(rows)} windows")
        return rows

    def _footer(self, shard: Shard, source: Any) -> Any:
        footer = self._footers.get(shard.path)
        if footer is None:
            footer = pq.read_metadata(source)
            if (footer.num_rows, footer.num_row_groups) != (shard.windows, shard.groups):
                raise self.damaged(shard, f"it has {footer.num_rows} windows in {footer.num_row_groups} groups")
            self._footers[shard.path] = footer
        return footer

    def _opened(self, shard: Shard) -> Any:
        if self._local:
            return pa.memory_map(self._path(shard))
        return self._filesystem.open(self._path(shard), "rb", cache_type="none")

    def _check_sizes(self) -> None:
        found = {path: entry["size"] for path, entry in self._filesystem.find(self._root, detail=True).items()}
        for split in self.document["splits"]:
            for shard in self.shards(split):
                size = found.get(self._path(shard))
                if size is None:
                    raise self.damaged(shard, "it is missing")
                if size != shard.num_bytes:
                    raise self.damaged(shard, f"it has {size} bytes instead of {shard.num_bytes}")

    def damaged(self, shard: Shard, reason: str) -> DamagedShardError:
        """The error that names a shard of this pack."""
        return DamagedShardError(f"shard {shard.path} of {self.location} is damaged: {reason}; pack it again")

    @cached_property
    def _filesystem(self) -> Any:
        return fsspec.core.url_to_fs(self.location)[0]

    @cached_property
    def _root(self) -> str:
        return str(fsspec.core.url_to_fs(self.location)[1])

    @cached_property
    def _local(self) -> bool:
        return "file" in np.atleast_1d(self._filesystem.protocol)

    def _path(self, shard: Shard) -> str:
        return f"{self._root}/{shard.path}"


def check_splits(packs: Sequence[Pack], plain: Callable[[str | None], str]) -> None:
    """Look whether packs that are joined have every track, and every artist, in one split.

    ``plain`` returns an artist's name as it compares with others, empty for nobody. Nothing is read of a single pack,
    of several ``Pack.artists``. Raises PackError, or DamagedShardError naming a shard.
    """
    first: dict[tuple[str, str], tuple[str, str]] = {}
    clashes: dict[str, dict[str, str]] = {"tracks": {}, "artists": {}}
    for pack in packs if len(packs) > 1 else ():
        for split in pack.document["splits"]:
            for track_id, artist in pack.artists(split).items():
                for kind, name in (("tracks", track_id), ("artists", plain(artist))):
                    its_split, location = first.setdefault((kind, name), (split, pack.location))
                    if name and its_split != split and location != pack.location:
                        where = f"{name!r}, {its_split} in {location} and {split} in {pack.location}"
                        clashes[kind].setdefault(name, where)
    for kind, found in clashes.items():
        if found:
            raise PackError(
                f"the splits of the packs differ: {len(found)} {kind} would be trained on and tested on, such as"
                f" {next(iter(found.values()))}: pack the snapshots together, with one 'muze pack' and --join"
            )


def _absent(filesystem: Any, root: str, location: str) -> str:
    if filesystem.exists(f"{root}/{UNFINISHED_JSON}"):
        return f"the pack at {location} is not finished: run the same 'muze pack' again"
    return f"no pack at {location}: make one with 'muze pack DATASET --snapshot NAME --task TASK --out PACK'"
