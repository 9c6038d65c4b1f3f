"""Compaction: many small shards become few large ones, in one atomic commit, when nobody else is at work."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.accounts import files_by_uri, standing_failures
from pipeline.dataset import Dataset, one_row_a_track
from pipeline.delta import Shard
from pipeline.shards import read_shards, write_arrow, write_plain

_TARGET_BYTES = 64 * 2**20
_MIN_SHARDS = 8


def compact(dataset: Dataset, fingerprints: Mapping[str, str]) -> None:
    """Merge the small shards of these fragments, and reduce files and failures to the rows that count.

    The shards it replaces stay on disk, out of the log, until ``muze gc``.
    """
    for fragment, fingerprint in fingerprints.items():
        shards = dataset.shards(fragment, fingerprint)
        for group in _groups(shards):
            _merge(dataset, fragment, fingerprint, group)
    _reduce(dataset, "files", lambda: list(files_by_uri(dataset).values()))
    every = {(row["fragment"], row["fingerprint"]) for row in dataset.system_rows("failures").to_pylist()}
    if every <= set(fingerprints.items()):  # those of other fingerprints count for readers, or for a build to come
        _reduce(dataset, "failures", lambda: standing_failures(dataset, fingerprints))


def _groups(shards: list[Shard]) -> Iterator[list[Shard]]:
    small = [shard for shard in shards if shard.num_bytes < _TARGET_BYTES // 2]
    if len(small) < _MIN_SHARDS:
        return
    group: list[Shard] = []
    for shard in sorted(small, key=lambda shard: shard.path):
        group.append(shard)
        if sum(s.num_bytes for s in group) >= _TARGET_BYTES:
            yield group
            group = []
    if len(group) > 1:
        yield group


def _merge(dataset: Dataset, fragment: str, fingerprint: str, group: list[Shard]) -> None:
    rows = read_shards(dataset.storage, fragment, group)
    assert rows is not None
    table = dataset.fragment_table(fragment, rows.schema)
    table.commit([write_arrow(table, one_row_a_track(rows), fingerprint)], remove=group)


def _reduce(dataset: Dataset, name: str, read: Callable[[], list[dict[str, Any]]]) -> None:
    table = dataset.system_table(name)
    shards = table.live()  # before the rows are read: what a build commits from here on stays
    if len(shards) < _MIN_SHARDS:
        return
    rows = read()
    table.commit([write_plain(table, rows, uuid.uuid4().hex)] if rows else [], remove=shards)
