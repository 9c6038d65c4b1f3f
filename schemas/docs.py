"""What the schemas say of themselves: columns as rows of a table, and the page ``docs/columns.md``."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from schemas.fragment import TRACK_ID, Fragment

_HEAD = """\
# Columns

Generated from the schemas by `muze schema docs`; do not edit. Every fragment is one table and one view in
`muze query`, with `track_id` first. Times are in seconds from the start of the track. Types are Arrow's;
`float32[256]` is a list of exactly 256. `chords[].start_s` is a field of the items of the list `chords`.

A null with an entry in `failures` failed; a null alone does not apply; NaN within a contour is unvoiced.

In queries `tracks` also has `uris`, the files that have this content now, and `metadata`, the sidecar row of the
track as JSON text, whose values override tags of the same name; `files` and `failures` show the rows that count.
`artists` has a row an artist: `artist`, `num_tracks`, and the means of `voice_embedding`, `voice_embedding_vocals` and
`ecapa_embedding` over the tracks, of unit length.
"""


def type_name(type: pa.DataType) -> str:
    """A type in one word, with brackets: float32, list<float32>, float32[12], list<struct>."""
    if pa.types.is_fixed_size_list(type):
        return f"{type_name(type.value_type)}[{type.list_size}]"
    if pa.types.is_list(type):
        return f"list<{type_name(type.value_type)}>"
    if pa.types.is_map(type):
        return f"map<{type_name(type.key_type)}, {type_name(type.item_type)}>"
    if pa.types.is_struct(type):
        return "struct"
    return {"float": "float32", "double": "float64"}.get(str(type), str(type))


def columns_of(fields: Iterable[pa.Field], prefix: str = "") -> list[dict[str, Any]]:
    """Name, type, unit and doc of every field; fields of structs follow their column."""
    rows = []
    for field in fields:
        metadata = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        name = f"{prefix}{field.name}"
        rows.append(
            {"name": name, "type": type_name(field.type), "unit": metadata.get("unit"), "doc": metadata.get("doc")}
        )
        items = field.type
        while pa.types.is_list(items) or pa.types.is_fixed_size_list(items):
            items, name = items.value_type, f"{name}[]"
        if pa.types.is_struct(items):
            rows += columns_of(items, f"{name}.")
    return rows


def describe_fragment(fragment: Fragment) -> dict[str, Any]:
    """A fragment as the document that ``schema show --json`` prints."""
    return {
        "name": fragment.name,
        "version": fragment.version,
        "doc": fragment.doc,
        "columns": columns_of(fragment.schema),
    }


def describe_table(name: str, schema: pa.Schema) -> dict[str, Any]:
    """A table around the fragments, likewise; such tables only ever gain columns and have no version."""
    return {"name": name, "version": None, "doc": None, "columns": columns_of(schema)}


def columns_page(fragments: Iterable[Fragment], tables: Mapping[str, pa.Schema]) -> str:
    """The Markdown page of all columns."""
    parts = [_HEAD]
    for fragment in fragments:
        parts.append(f"## {fragment.name} (version {fragment.version})\n\n{fragment.doc}\n")
        parts.append(_markdown(row for row in columns_of(fragment.schema) if row["name"] != TRACK_ID))
    for name, schema in tables.items():
        parts.append(f"## {name}\n")
        parts.append(_markdown(columns_of(schema)))
    return "\n".join(parts)


def _markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    lines += [f"| `{row['name']}` | `{row['type']}` | {row['unit'] or ''} | {row['doc'] or ''} |" for row in rows]
    return "\n".join(lines).replace("|  |", "| |") + "\n"
