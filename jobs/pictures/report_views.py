"""The tables of a dataset in one DuckDB connection: what a report counts is counted there, not in Python."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from pipeline.contents import Contents
from pipeline.errors import BuildFailedError
from pipeline.printable import printable
from pipeline.storage import Storage
from pipeline.views import open_views
from schemas.fragments.tracks import TRACKS

CARD = "_card"
"""A row a track with what reports ask of it, sidecar before tags: a table, as the view joins files at every look."""
FAILURES = "_failures"
"""The failures that stand, likewise."""
_TABLES = f"""
    CREATE TEMP TABLE {CARD} AS
    SELECT track_id, len(uris) AS num_files, uris[1] AS uri, duration_s, metadata,
           nullif(trim(title), '') AS title, nullif(trim(artist), '') AS artist,
           nullif(trim(genre_tag), '') AS genre_tag, nullif(trim(rights), '') AS rights
    FROM tracks;
    CREATE TEMP TABLE {FAILURES} AS SELECT fragment, track_id, uri, reason, message FROM failures"""
_COLUMNS = """
    SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns()
    WHERE database_name = 'memory' AND NOT internal GROUP BY table_name"""


@dataclass(frozen=True)
class Views:
    """An open connection with a view of every table, and the columns that the views have."""

    connection: Any
    columns: Mapping[str, Sequence[str]]

    def have(self, view: str, column: str) -> bool:
        return column in self.columns.get(view, ())

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """The answer of a query that aggregates, as Python values."""
        answer = self.connection.execute(sql, values)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, map(_finite, row), strict=True)) for row in answer.fetchall()]

    def row(self, sql: str, *values: Any) -> dict[str, Any]:
        """The answer of a query that has one row."""
        [row] = self.rows(sql, *values)
        return row

    def table(self, sql: str, *values: Any) -> pa.Table:
        """The answer of any query, as Arrow."""
        return self.connection.sql(sql, params=list(values)).to_arrow_table()


@contextmanager
def report_views(
    storage: Storage, contents: Contents, derived: Mapping[str, pa.Table] = MappingProxyType({})
) -> Iterator[Views]:
    """Open the views of a dataset. Raises BuildFailedError, also in the block, if its rows cannot be read."""
    import duckdb

    try:
        with open_views(storage, _with_tracks(contents), derived) as connection:
            connection.execute(_TABLES)
            yield Views(connection, dict(connection.execute(_COLUMNS).fetchall()))
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise BuildFailedError(f"the dataset cannot be read: {printable(' '.join(str(error).split()))}") from error


def _with_tracks(contents: Contents) -> Contents:
    """A dataset whose first build is not done may lack even ``tracks``: then it has none."""
    if TRACKS.name in contents.fingerprints:
        return contents
    return Contents({TRACKS.name: "", **contents.fingerprints}, {TRACKS.name: [], **contents.tables})


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def quoted(identifier: str) -> str:
    """A name as SQL writes it."""
    return '"' + identifier.replace('"', '""') + '"'
