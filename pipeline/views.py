"""A dataset's tables as SQL views, in a DuckDB that can reach nothing else.

DuckDB is handed Arrow datasets over the shards that the log names, on local disks and object stores alike, and has
no file system of its own but an empty folder to spill to. Allowing it the dataset's folder would not do: a ``COPY``
inside a ``WITH`` counts as a SELECT statement, and could write there.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as arrow_dataset
import pyarrow.parquet as parquet

from pipeline.contents import Contents
from pipeline.delta import Shard, delta_type
from pipeline.errors import BuildFailedError
from pipeline.fragments import known_fragments
from pipeline.printable import in_a_line
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS
from schemas.tables import TABLES

FEATURES = "features"
_SIDECAR_COLUMNS = frozenset(
    {"title", "artist", "album", "album_artist", "year", "genre_tag", "track_number", "isrc", "rights"}
)
_SIDECAR_TYPES = {"year": "SMALLINT", "track_number": "SMALLINT"}


@contextmanager
def open_views(
    storage: Storage, contents: Contents, derived: Mapping[str, pa.Table] = MappingProxyType({})
) -> Iterator[Any]:
    """Yield a DuckDB connection with a view of every table, and ``features``; its settings are locked.

    ``derived`` are tables to be seen beside them. Raises BuildFailedError if a shard is not there or cannot be read.
    """
    import duckdb

    rows = _all_rows(storage, contents)
    with tempfile.TemporaryDirectory(prefix="muze-query-") as spill, duckdb.connect(":memory:") as connection:
        connection.execute(f"SET temp_directory={_text(spill)}")
        connection.execute("SET python_enable_replacements=false")  # else SQL could name our variables
        connection.execute("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false")
        connection.execute("SET TimeZone='UTC'")
        connection.execute("ATTACH ':memory:' AS shards; USE shards")  # the rows as they were written
        for name, data in rows.items():
            connection.from_arrow(data).create_view(name)
        connection.execute("USE memory")
        for statement in _view_statements(rows, [name for name in contents.fingerprints if name in rows]):
            connection.execute(statement)
        for name, data in derived.items():
            connection.from_arrow(data.cast(_with_lists(data.schema))).create_view(name)
        connection.execute("SET enable_external_access=false; SET lock_configuration=true")
        yield connection


def _all_rows(storage: Storage, contents: Contents) -> dict[str, Any]:
    found = {name: _rows(storage, name, shards) for name, shards in contents.tables.items()}
    found["fingerprints"] = pa.table(
        {"fragment": list(contents.fingerprints), "fingerprint": list(contents.fingerprints.values())},
        schema=pa.schema([("fragment", pa.string()), ("fingerprint", pa.string())]),
    )
    return {name: rows for name, rows in found.items() if rows is not None}


def _rows(storage: Storage, name: str, shards: Sequence[Shard]) -> Any:
    """The rows of a table, read when they are scanned; None if there are none and their columns are unknown."""
    if not shards:
        known = known_fragments()
        schema = TABLES.get(name) or (known[name].schema if name in known else None)
        return schema and _with_lists(schema).empty_table()
    paths, filesystem = [storage.uri(f"{name}/{shard.path}") for shard in shards], None
    with _readable(name):
        if not storage.local:
            import fsspec

            filesystem, _ = fsspec.core.url_to_fs(storage.root)
            paths = [filesystem._strip_protocol(path) for path in paths]
        written = TABLES.get(name) or parquet.read_schema(paths[0], filesystem=filesystem)
        return arrow_dataset.dataset(paths, _with_lists(written), format="parquet", filesystem=filesystem)


def _with_lists(schema: pa.Schema) -> pa.Schema:
    """The schema with lists, as Delta has them, in place of arrays of a fixed size.

    DuckDB 2.0 reads what nobody wrote where an outer join finds no row for an array: "Cannot cast list with length
    139728045244408 to array with length 12".
    """
    return pa.schema([field.with_type(delta_type(field.type)) for field in schema])


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise BuildFailedError(f"a shard of {name!r} cannot be read: {in_a_line(error)}") from error


def _view_statements(rows: Mapping[str, Any], fragments: Sequence[str]) -> Iterator[str]:
    yield _FILES
    yield "CREATE VIEW runs AS SELECT * FROM shards.runs ORDER BY started_at"
    columns = {name: rows[name].schema.names for name in fragments}
    for name in fragments:
        doubled = _has_doubles(name, rows[name])
        yield _tracks_view(columns[name], doubled) if name == TRACKS.name else _fragment_view(name, doubled)
    yield _failures_view(fragments)
    if TRACKS.name in columns:
        columns[TRACKS.name] = [TRACK_ID, "uris", *columns[TRACKS.name][1:], "metadata"]
        yield _features_view(columns)


def _has_doubles(name: str, rows: Any) -> bool:
    """Whether two overlapping builds committed a track twice; reads the ids only."""
    if isinstance(rows, pa.Table):
        return False
    with _readable(name):
        ids = rows.to_table(columns=[TRACK_ID])[TRACK_ID]
    return bool(pc.count_distinct(ids).as_py() < len(ids))


def _once(doubled: bool) -> str:
    return f"QUALIFY row_number() OVER (PARTITION BY {TRACK_ID}) = 1" if doubled else ""


def _fragment_view(name: str, doubled: bool) -> str:
    return f"CREATE VIEW {_name(name)} AS SELECT * FROM shards.{_name(name)} {_once(doubled)}"


_FILES = """
    CREATE VIEW files AS SELECT * FROM shards.files
    QUALIFY row_number() OVER (PARTITION BY uri ORDER BY seen_at DESC) = 1"""


def _tracks_view(columns: Sequence[str], doubled: bool) -> str:
    """Tags, overridden by the sidecar of the track's files; ``uris`` are the files that are there."""
    shown = ", ".join(_sidecar_first(column) for column in columns if column != TRACK_ID)
    return f"""
        CREATE VIEW tracks AS
        WITH seen AS (
            SELECT track_id,
                   list(uri ORDER BY uri) FILTER (WHERE missing_since IS NULL) AS uris,
                   first(metadata ORDER BY missing_since IS NOT NULL, uri) FILTER (WHERE metadata IS NOT NULL)
                       AS metadata
            FROM files WHERE track_id IS NOT NULL GROUP BY track_id),
        written AS (SELECT * FROM shards.tracks {_once(doubled)})
        SELECT track_id, coalesce(uris, []) AS uris, {shown}, metadata FROM written LEFT JOIN seen USING (track_id)"""


def _sidecar_first(column: str) -> str:
    if column not in _SIDECAR_COLUMNS:
        return _name(column)
    value = f"metadata->>'{column}'"
    if column in _SIDECAR_TYPES:
        value = f"try_cast({value} AS {_SIDECAR_TYPES[column]})"
    return f"coalesce({value}, {column}) AS {column}"


def _failures_view(fragments: Sequence[str]) -> str:
    """``pipeline.accounts.standing_failures`` in SQL, so that queries on other tables do not pay for it."""
    rows = [f"SELECT {_text(name)} AS fragment, {TRACK_ID} FROM shards.{_name(name)}" for name in fragments]
    return f"""
        CREATE VIEW failures AS
        WITH latest AS (
            SELECT failures.* FROM shards.failures JOIN shards.fingerprints USING (fragment, fingerprint)
            QUALIFY row_number() OVER (
                PARTITION BY fragment, track_id, CASE WHEN track_id IS NULL THEN uri END ORDER BY failed_at DESC) = 1),
        come AS ({" UNION ALL ".join(rows) or "SELECT NULL AS fragment, NULL AS track_id"}),
        read_since AS (SELECT uri FROM files WHERE track_id IS NOT NULL OR missing_since IS NOT NULL)
        SELECT latest.* FROM latest
        ANTI JOIN come ON latest.fragment = come.fragment AND latest.track_id = come.track_id
        ANTI JOIN read_since ON latest.track_id IS NULL AND latest.uri = read_since.uri
        WHERE latest.attempts IS DISTINCT FROM 0"""


def _features_view(columns: dict[str, list[str]]) -> str:
    """Tracks joined with every fragment. A column that two fragments have is called ``fragment_column``."""
    count = Counter(column.lower() for names in columns.values() for column in names if column != TRACK_ID)
    shown = [TRACK_ID]
    for fragment, names in columns.items():
        for column in names:
            if column != TRACK_ID:
                alone = fragment == TRACKS.name or count[column.lower()] == 1
                label = column if alone else f"{fragment}_{column}"
                shown.append(f"{_name(fragment)}.{_name(column)} AS {_name(label)}")
    joins = " ".join(f"LEFT JOIN {_name(name)} USING ({TRACK_ID})" for name in columns if name != TRACKS.name)
    return f"CREATE VIEW {FEATURES} AS SELECT {', '.join(shown)} FROM tracks {joins}"


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
