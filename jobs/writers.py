"""Query answers as JSON, CSV and Parquet, written as they come."""

import base64
import csv
import json
import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.query import Answer

_ROW_GROUP_BYTES = 64 * 2**20


def rows_of(answer: Answer) -> Iterator[dict[str, Any]]:
    """The rows as Python values; maps are dictionaries."""
    for batch in answer.batches:
        yield from batch.to_pylist(maps_as_pydicts="strict")


def write_json(answer: Answer, out: IO[str]) -> None:
    """An array of objects. JSON has no NaN or infinity: both become null."""
    out.write("[")
    for number, row in enumerate(rows_of(answer)):
        out.write(",\n" if number else "\n")
        out.write(json.dumps(_plain(row), ensure_ascii=False, allow_nan=False))
    out.write("\n]\n")


def write_csv(answer: Answer, out: IO[str]) -> None:
    """A header and rows; lists, structs and maps are JSON texts, and null is an empty cell."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.schema.names)
    for row in rows_of(answer):
        writer.writerow([_csv_cell(value) for value in row.values()])


def _csv_cell(value: Any) -> Any:
    plain = _plain(value) if not isinstance(value, float) else value
    if isinstance(plain, dict | list):
        return json.dumps(plain, ensure_ascii=False)
    return str(plain).lower() if isinstance(plain, bool) else plain


def _plain(value: Any) -> Any:
    """A value in the types that JSON has."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return base64.b64encode(value).decode()
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def write_parquet(answer: Answer, out: IO[bytes]) -> None:
    """One Parquet file, exact, in row groups of about 64 MB."""
    waiting: list[Any] = []
    with pq.ParquetWriter(out, answer.schema, compression="zstd") as writer:
        for batch in answer.batches:
            waiting.append(batch)
            if sum(part.nbytes for part in waiting) >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))


TEXT_WRITERS: dict[str, Callable[[Answer, IO[str]], None]] = {"json": write_json, "csv": write_csv}
