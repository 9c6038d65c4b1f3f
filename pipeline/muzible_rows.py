"""Objects of dataset format muzible-v3.1 as rows of our fragments."""

import hashlib
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.docs import type_name
from schemas.fragment import Fragment
from schemas.fragments.pitch import PITCH
from schemas.fragments.tracks import TRACKS
from schemas.muzible import AUDIO_PATH, FIELDS, TRACK_ID, Field

_OURS = re.compile(r"[0-9a-f]{32}")
_JSON_TYPES: Mapping[str, Any] = {"string": str, "integer": int, "number": (int, float), "array": list}


@dataclass(frozen=True)
class ImportedTrack:
    """What an object says of a track."""

    track_id: str
    uri: str | None
    rows: Mapping[str, Mapping[str, Any]]
    """Fragment -> columns that have a value; ``tracks`` is always there, others only with a value."""


def imported_track(item: Mapping[str, Any], fragments: Mapping[str, Fragment]) -> ImportedTrack:
    """Turn an object into rows of these fragments. Raises ValueError with one sentence if a field is malformed.

    The track keeps its id if it is one of ours; else it gets 32 hex digits of the SHA-256 of its path, as the audio
    is not read. The hop of an F0 contour, which the format does not tell, is the one with which its last frame falls
    on the end of the track.
    """
    rows: dict[str, dict[str, Any]] = {TRACKS.name: {}}
    for field in FIELDS:
        value = item.get(field.name)
        fragment = fragments.get(field.fragment)
        if field.back is not None and fragment is not None and value not in (None, []):
            rows.setdefault(field.fragment, {})[field.column] = _column(field, value, fragment.schema)
    f0_hz, duration_s = rows.get(PITCH.name, {}).get("f0_hz", []), rows[TRACKS.name].get("duration_s")
    if len(f0_hz) > 1 and duration_s:
        rows[PITCH.name]["f0_hop_s"] = duration_s / (len(f0_hz) - 1)
    uri = item.get(AUDIO_PATH)
    return ImportedTrack(_track_id(item.get(TRACK_ID), uri), uri, rows)


def _track_id(given: Any, uri: Any) -> str:
    if uri is not None and not isinstance(uri, str):
        raise ValueError(f"{AUDIO_PATH} is {reprlib.repr(uri)}, which is no path")
    hashed = hashlib.sha256((uri or "").encode()).hexdigest()[:32]
    if isinstance(given, str) and _OURS.fullmatch(given):
        return given
    if not uri:
        raise ValueError(f"there is neither {AUDIO_PATH} nor a {TRACK_ID} of 32 hex digits")
    return hashed


def _column(field: Field, value: Any, schema: pa.Schema) -> Any:
    """The value of a field's column; it fits the column's type, and has no nulls or infinities inside."""
    expected = schema.field(field.column).type
    try:
        if field.back is None or not _fits(value, field.form["type"]):
            raise TypeError
        column = field.back(int(value) if pa.types.is_integer(expected) else value)
        for items in _items(pa.array([column], expected)):
            if items.null_count or (pa.types.is_floating(items.type) and pc.any(pc.is_inf(items)).as_py()):
                raise ValueError
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{field.name} is {reprlib.repr(value)}, which is no {type_name(expected)}") from error
    return column


def _fits(value: Any, types: str | Sequence[str]) -> bool:
    """Whether a value is of one of these JSON types; integers may be written as 1999.0."""
    if isinstance(value, bool):
        return "boolean" in types
    if "integer" in types and isinstance(value, float):
        return value.is_integer()
    return any(isinstance(value, python) for name, python in _JSON_TYPES.items() if name in types)


def _items(array: Any) -> Iterator[Any]:
    """The array and the items of its lists; fields of structs are not among them, as the format lacks some."""
    yield array
    if pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type):
        yield from _items(array.flatten())
