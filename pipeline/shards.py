"""Parquet shards: written whole under content-addressed names, created if absent, never overwritten."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.delta import FINGERPRINT, Shard, Table
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID


def shard_name(track_ids: Iterable[str], fingerprint: str) -> str:
    digest = hashlib.sha256("\n".join([fingerprint, *track_ids]).encode())
    return digest.hexdigest()[:32]


def write_rows(table: Table, rows: Sequence[Mapping[str, Any]], fingerprint: str) -> Shard:
    """Write one shard of a fragment; if a shard of the same tracks is there already, take that one."""
    return write_arrow(table, pa.Table.from_pylist(list(rows), schema=table.schema), fingerprint)


def write_arrow(table: Table, data: pa.Table, fingerprint: str) -> Shard:
    """Write an Arrow table with a ``track_id`` column as one shard of a fragment."""
    track_ids = tuple(data[TRACK_ID].to_pylist())
    folder = f"{FINGERPRINT}={fingerprint}/" if table.partitioned else ""
    path = f"{folder}{shard_name(track_ids, fingerprint)}.parquet"
    encoded = encode(data)
    if not table.storage.put_if_absent(f"{table.name}/{path}", encoded):
        encoded = table.storage.read(f"{table.name}/{path}")
    return Shard(path, len(encoded), len(track_ids), fingerprint if table.partitioned else None, track_ids)


def write_plain(table: Table, rows: Sequence[Mapping[str, Any]], name: str) -> Shard:
    """Write one shard of an unpartitioned table (files, failures, runs) under a given name."""
    encoded = encode(pa.Table.from_pylist(list(rows), schema=table.schema))
    table.storage.put_if_absent(f"{table.name}/{name}.parquet", encoded)
    return Shard(f"{name}.parquet", len(encoded), len(rows))


def encode(data: pa.Table) -> bytes:
    """Parquet bytes: zstd, byte-stream-split for float arrays, dictionaries for text only."""
    leaves = leaf_types(data.schema)
    floats = {path: "BYTE_STREAM_SPLIT" for path, leaf in leaves.items() if pa.types.is_floating(leaf)}
    texts = [path for path, leaf in leaves.items() if pa.types.is_string(leaf) and path != TRACK_ID]
    sink = pa.BufferOutputStream()
    pq.write_table(data, sink, compression="zstd", column_encoding=floats, use_dictionary=texts)
    return bytes(sink.getvalue())


def leaf_types(schema: pa.Schema) -> dict[str, pa.DataType]:
    """Parquet column path -> type of every leaf."""
    leaves: dict[str, pa.DataType] = {}
    for field in schema:
        leaves |= _leaves(field.name, field.type)
    return leaves


def _leaves(path: str, type: pa.DataType) -> dict[str, pa.DataType]:
    if pa.types.is_map(type):
        return _leaves(f"{path}.key_value.key", type.key_type) | _leaves(f"{path}.key_value.value", type.item_type)
    if pa.types.is_list(type) or pa.types.is_fixed_size_list(type):
        return _leaves(f"{path}.list.element", type.value_type)
    if pa.types.is_struct(type):
        return {k: v for field in type for k, v in _leaves(f"{path}.{field.name}", field.type).items()}
    return {path: type}


def read_shards(
    storage: Storage,
    table_name: str,
    shards: Sequence[Shard],
    columns: Sequence[str] | None = None,
    where: tuple[str, Collection[str]] | None = None,
) -> pa.Table | None:
    """Read shards into one Arrow table with the types of their footers; None if there are none.

    ``where`` keeps the rows whose column has one of the values.
    """
    tables = [
        pq.read_table(
            _open(storage, f"{table_name}/{shard.path}"),
            columns=columns and list(columns),
            filters=where and [(where[0], "in", where[1])],
            partitioning=None,
        )
        for shard in shards
    ]
    return pa.concat_tables(tables) if tables else None


def _open(storage: Storage, path: str) -> Any:
    return storage.uri(path) if storage.local else pa.BufferReader(storage.read(path))
