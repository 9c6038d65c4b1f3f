"""The words of the schema: a column with a unit and a sentence, and a fragment that groups columns under a version."""

from dataclasses import dataclass

import pyarrow as pa

TRACK_ID = "track_id"


def column(name: str, type: pa.DataType, *, doc: str, unit: str | None = None) -> pa.Field:
    """One column. ``unit`` and ``doc`` travel in the Parquet footer as field metadata."""
    metadata = {"doc": doc} | ({"unit": unit} if unit else {})
    return pa.field(name, type, metadata=metadata)


@dataclass(frozen=True)
class Fragment:
    """The named, versioned columns that one featurizer writes; one fragment is one table.

    Bump ``version`` when a column changes meaning, even if its type stays: the version enters
    the fingerprint, so the next build recomputes the rows.
    """

    name: str
    version: int
    doc: str
    fields: tuple[pa.Field, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, without the ``track_id`` key."""
        return tuple(field.name for field in self.fields)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a shard: ``track_id`` first, then the fragment's columns."""
        key = column(TRACK_ID, pa.string(), doc="Identity of the audio content.")
        metadata = {"fragment": self.name, "version": str(self.version)}
        return pa.schema([key, *self.fields], metadata=metadata)
