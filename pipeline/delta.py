"""Delta tables: shards in, atomic commits, the live files out. The only module that knows the log."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from pipeline.storage import Storage

FINGERPRINT = "fingerprint"
# Delta's own clean-up would remove what snapshots and history point to.
_KEEP_LOG = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
_MAX_COMMIT_RETRIES = 100


@dataclass(frozen=True)
class Shard:
    """One Parquet file of a table: its path within the table, and what the log records of it."""

    path: str
    num_bytes: int
    num_rows: int
    fingerprint: str | None = None
    track_ids: tuple[str, ...] = field(default=(), compare=False, repr=False)


def delta_type(type: pa.DataType) -> pa.DataType:
    """The nearest type Delta has: it knows lists, but no fixed-size ones."""
    if pa.types.is_fixed_size_list(type) or pa.types.is_list(type):
        return pa.list_(delta_type(type.value_type))
    if pa.types.is_struct(type):
        return pa.struct([pa.field(f.name, delta_type(f.type), metadata=f.metadata) for f in type])
    return type


@dataclass
class Table:
    """A Delta table in a dataset. Tables of fragments are partitioned by fingerprint, the others are not."""

    storage: Storage
    name: str
    schema: pa.Schema
    partitioned: bool = True

    @property
    def uri(self) -> str:
        return self.storage.uri(self.name)

    @property
    def _partition_by(self) -> list[str] | None:
        return [FINGERPRINT] if self.partitioned else None

    @cached_property
    def _delta_schema(self) -> pa.Schema:
        fields = [pa.field(f.name, delta_type(f.type), metadata=f.metadata) for f in self.schema]
        return pa.schema([*fields, pa.field(FINGERPRINT, pa.string())] if self.partitioned else fields)

    def exists(self) -> bool:
        from deltalake import DeltaTable

        return bool(DeltaTable.is_deltatable(self.uri))

    def _open(self) -> Any:
        from deltalake import DeltaTable

        return DeltaTable(self.uri)

    def create(self) -> None:
        """Create the table unless it is there; two builds may race."""
        from deltalake import DeltaTable

        if not self.exists():
            DeltaTable.create(self.uri, self._delta_schema, "ignore", self._partition_by, configuration=_KEEP_LOG)

    def live(self, fingerprint: str | None = None) -> list[Shard]:
        """The shards the log holds now, of one fingerprint or of all."""
        if not self.exists():
            return []
        actions = pa.table(self._open().get_add_actions(flatten=True)).to_pydict()
        prints = actions.get(f"partition.{FINGERPRINT}", [None] * len(actions["path"]))
        rows = zip(actions["path"], actions["size_bytes"], actions["num_records"], prints, strict=True)
        return [Shard(*row) for row in rows if fingerprint in (None, row[3])]

    def commit(
        self, add: Sequence[Shard], remove: Iterable[Shard] = (), transaction: tuple[str, int] | None = None
    ) -> None:
        """Add shards and remove others in one atomic commit."""
        from deltalake import CommitProperties, PostCommitHookProperties
        from deltalake.transaction import Transaction

        actions = [_add(shard) for shard in add] + [_remove(shard) for shard in remove]
        if not actions:
            return
        self.create()
        self._open().create_write_transaction(
            actions,
            "append",
            self._delta_schema,
            self._partition_by,
            commit_properties=CommitProperties(
                max_commit_retries=_MAX_COMMIT_RETRIES,
                app_transactions=[Transaction(*transaction)] if transaction else None,
            ),
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False),
        )


def _partition_values(shard: Shard) -> dict[str, str | None]:
    return {FINGERPRINT: shard.fingerprint} if shard.fingerprint else {}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _add(shard: Shard) -> Any:
    from deltalake.transaction import AddAction

    stats = json.dumps({"numRecords": shard.num_rows})
    return AddAction(shard.path, shard.num_bytes, _partition_values(shard), _now_ms(), True, stats)


def _remove(shard: Shard) -> Any:
    from deltalake.transaction import RemoveAction

    return RemoveAction(shard.path, True, _now_ms(), shard.num_bytes, _partition_values(shard))
