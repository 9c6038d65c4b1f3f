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
_MAX_SCHEMA_RETRIES = 10
_SCHEMA_CHANGED = "Metadata changed"


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

    def _with_columns(self) -> Any:
        """The open table with every column of the schema: a later version of a fragment may have brought some."""
        from deltalake import Schema

        table = self._open()
        known = {field.name for field in table.schema().fields}
        missing = [field for field in self._delta_schema if field.name not in known]
        if not missing:
            return table
        table.alter.add_columns(Schema.from_arrow(pa.schema(missing)).fields)
        return self._open()

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
        """Add shards and remove others in one atomic commit; columns that the table lacks are added before."""
        from deltalake.exceptions import CommitFailedError

        actions = [_add(shard) for shard in add] + [_remove(shard) for shard in remove]
        if not actions:
            return
        self.create()
        for tries_left in reversed(range(_MAX_SCHEMA_RETRIES)):
            try:
                self._write(actions, transaction)
            except CommitFailedError as error:  # another build added a column meanwhile, and Delta tries no more itself
                if not tries_left or _SCHEMA_CHANGED not in str(error):
                    raise
            else:
                return

    def _write(self, actions: list[Any], transaction: tuple[str, int] | None) -> None:
        from deltalake import CommitProperties, PostCommitHookProperties
        from deltalake.transaction import Transaction

        self._with_columns().create_write_transaction(
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
