"""SQL over a dataset: read-only, confined to it, with errors that name what there is."""

import difflib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipeline.artists import artists_of_tracks, mean_voices
from pipeline.contents import Contents, current_contents
from pipeline.dataset import Dataset
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.snapshot import load_snapshot
from pipeline.views import open_views

_BATCH_ROWS = 2048  # small, as a row may hold a contour of ten thousand frames
_READING_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_ASKERS_FAULT = re.compile(r"(?!IO|Out of Memory|INTERNAL|HTTP)[A-Z][A-Za-z -]* Error: ")
_NO_COLUMN = re.compile(
    r'(?:Referenced column|have a column named|^Binder Error: [Cc]olumn) "(?P<name>[^"]*)"(?! must appear)',
    re.MULTILINE,
)
_MAX_NAMES = 40
_NO_TABLE = re.compile(r'Table with name (?P<name>.*?) does not exist|Referenced table "(?P<alias>[^"]*)" not found')


@dataclass(frozen=True)
class Answer:
    """The rows of a query, computed as they are taken. Column names are unique."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@contextmanager
def run_query(dataset: Dataset, sql: str, snapshot: str | None = None) -> Iterator[Answer]:
    """Answer one SELECT over the views of a dataset, as it is now or as a snapshot pins it.

    Views: every fragment, ``tracks``, ``files``, ``failures``, ``runs``, ``features``, which is all fragments joined,
    one row a track, and ``artists``, the mean voices of every artist. Raises BadArgumentError if the SQL is no single
    SELECT, asks for what is not there, or reaches for anything but the dataset; BuildFailedError if the dataset
    cannot be read.
    """
    contents = load_snapshot(dataset, snapshot).contents if snapshot else current_contents(dataset)
    with open_views(dataset.storage, contents, _derived(dataset, contents, sql)) as connection:
        with _explained(connection, sql):
            _check(connection, sql)
            reader = connection.sql(sql).to_arrow_reader(_BATCH_ROWS)
        schema = _unique(reader.schema)
        yield Answer(schema, _batches(connection, sql, reader, schema))


def _derived(dataset: Dataset, contents: Contents, sql: str) -> dict[str, pa.Table]:
    """Tables that are computed from others, if the query names them."""
    if not re.search(r"\bartists\b", sql, re.IGNORECASE):
        return {}
    return {"artists": mean_voices(dataset.storage, contents, artists_of_tracks(dataset.storage, contents))}


def query_table(dataset: Dataset, sql: str, snapshot: str | None = None) -> pa.Table:
    """Answer a query, as ``run_query`` does, in one Arrow table."""
    with run_query(dataset, sql, snapshot) as answer:
        return pa.Table.from_batches(answer.batches, schema=answer.schema)


def _batches(connection: Any, sql: str, reader: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with _explained(connection, sql):
        for batch in reader:
            yield batch.rename_columns(schema.names)


def _unique(schema: pa.Schema) -> pa.Schema:
    """Number the repetitions of a name: a, a_1, a_2."""
    names: list[str] = []
    for name in schema.names:
        free = (f"{name}_{number}" if number else name for number in range(len(schema) + 1))
        names.append(next(candidate for candidate in free if candidate not in names))
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _check(connection: Any, sql: str) -> None:
    """Refuse everything but one SELECT that writes nowhere. BadArgumentError says so in a sentence."""
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise BadArgumentError(f"queries only read: expected one SELECT statement, got {kinds}")
    for node in _query_nodes(_tree(connection, sql)):
        if node not in _READING_NODES:
            verb = node.removesuffix("_QUERY_NODE")
            raise BadArgumentError(f"queries only read: expected one SELECT statement, got a {verb} inside of it")


def _tree(connection: Any, sql: str) -> Any:
    [(text,)] = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    tree = json.loads(text)
    if tree["error"]:
        raise BadArgumentError(f"queries only read: {tree['error_message']}")
    return tree


def _query_nodes(tree: Any) -> Iterator[str]:
    """Types of the query nodes in a syntax tree; a ``WITH`` may hide an INSERT or a COPY in a SELECT."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "cte_map" in part:
                yield part["type"]
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


@contextmanager
def _explained(connection: Any, sql: str) -> Iterator[None]:
    """Turn what DuckDB says into one sentence for the person who wrote the SQL."""
    import duckdb

    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # what a reader meets comes as OSError
        message = str(error)
        if "reading the stream" in message:
            raise BuildFailedError(f"a shard cannot be read: {_first_line(message)}") from error
        if not _ASKERS_FAULT.match(message):
            raise BuildFailedError(f"the query could not be finished: {_first_line(message)}") from error
        raise BadArgumentError(_sentence(connection, sql, message)) from error


def _sentence(connection: Any, sql: str, message: str) -> str:
    if "Permission Error" in message:
        refused = _first_line(message).partition(" - ")[0].removeprefix("Permission Error: ")
        return f"queries reach nothing but the dataset: {refused[:1].lower()}{refused[1:]}"
    columns = _columns(connection)
    if found := _NO_TABLE.search(message):
        return _no_such("view", found["name"] or found["alias"], sorted({*columns, "artists"}))
    if found := _NO_COLUMN.search(message):
        views = [view for view in columns if re.search(rf"\b{re.escape(view)}\b", sql, re.IGNORECASE)] or ["features"]
        return _no_such("column", found["name"], list(dict.fromkeys(c for v in views for c in columns.get(v, ()))))
    return _first_line(message)


def _columns(connection: Any) -> dict[str, list[str]]:
    rows = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE database_name = 'memory' AND NOT internal GROUP BY table_name ORDER BY table_name"
    ).fetchall()
    return dict(rows)


def _no_such(what: str, got: str, known: list[str]) -> str:
    """One sentence with the names there are, the closest first; with the nearest alone where there are many."""
    if len(known) > _MAX_NAMES:
        *others, last = difflib.get_close_matches(got.lower(), known, n=3, cutoff=0.0)
        nearest = f"{', '.join(others)} and {last}"
        return f"there is no {what} {got!r}, the nearest are {nearest}: 'muze schema show FRAGMENT' lists the others"
    close = difflib.get_close_matches(got.lower(), known, n=3)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    rest = [name for name in known if name not in close]
    return f"there is no {what} {got!r}{hint}: there are {', '.join([*close, *rest])}"


def _first_line(message: str) -> str:
    return " ".join(message.partition("\nLINE ")[0].split())
