"""Tables for a terminal: short cells, the width respected, and nothing that could move the cursor."""

import shutil
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.cells import cell_len, set_cell_size

from pipeline.printable import printable

_GAP = "  "
_MIN_WIDTH = 8
_LIST_ITEMS = 2
_PIPE_WIDTH = 120
_MAX_CHARACTERS = 1000  # of a cell: more than any line shows, and few enough to measure
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def render(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], width: int | None = None) -> str:
    """Lay rows out as a table, or one value a line where the columns do not fit; ``width`` is in characters."""
    width = width or terminal_width()
    texts = [[cell(row[name]) for name in columns] for row in rows]
    titles = [printable(name) for name in columns]
    widths = _fitting([max(map(cell_len, column)) for column in zip(titles, *texts, strict=True)], width)
    if widths is None:
        return _records(titles, texts, width)
    right = [all(_is_number(row[name]) for row in rows) for name in columns]
    lines = [titles, ["─" * size for size in widths], *texts]
    return "\n".join(_line(line, widths, right) for line in lines)


def terminal_width() -> int:
    """Characters a line; 120 where there is no terminal to ask."""
    return shutil.get_terminal_size((_PIPE_WIDTH, 24)).columns


def cell(value: Any) -> str:
    """A value in few characters: long lists by their first items and length, floats by four digits, bytes by size."""
    text = _text(value)
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"


def _text(value: Any) -> str:
    """What is long is cut before it becomes text: a cell may hold megabytes."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float() | Decimal():
            return short_number(float(value))
        case str():
            return printable(value[: _MAX_CHARACTERS + 1])
        case bytes():
            return _size(len(value))
        case datetime():
            return value.isoformat(" ", "seconds")
        case list():
            return _short_list(value)
        case tuple():
            return "(" + ", ".join(map(cell, value)) + ")"
        case dict():
            return "{" + ", ".join(f"{printable(str(key))}: {cell(item)}" for key, item in value.items()) + "}"
        case _:
            return printable(str(value))


def _short_list(values: list[Any]) -> str:
    if len(values) <= _LIST_ITEMS + 1:
        return "[" + ", ".join(map(cell, values)) + "]"
    return "[" + ", ".join(map(cell, values[:_LIST_ITEMS])) + f", … {len(values)} values]"


def _size(num_bytes: int) -> str:
    readable = readable_bytes(num_bytes)
    return readable if readable.endswith(_UNITS[0]) else f"{readable} of bytes"


def short_number(value: float) -> str:
    """A float with four significant digits: 120.3, 0.0512, 44100, 1.2e-07."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def readable_bytes(num_bytes: int) -> str:
    """Bytes as a person would say them: 812 bytes, 4.2 MiB."""
    size, unit = float(num_bytes), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{num_bytes} bytes"


def readable_moment(iso: str) -> str:
    """A moment to the second: 2026-01-31 12:00:00."""
    return iso[:19].replace("T", " ")


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _fitting(widths: list[int], width: int) -> list[int] | None:
    """Shrink the widest columns to one width, at which all fit; None if that would be too narrow to read."""
    room = width - len(_GAP) * (len(widths) - 1)
    if sum(widths) <= room:
        return widths
    level = bisect_right(range(max(widths)), room, key=lambda most: sum(min(size, most) for size in widths)) - 1
    if level < _MIN_WIDTH:
        return None
    cut = [at for at, size in enumerate(widths) if size > level]
    spare = room - sum(min(size, level) for size in widths)  # less than one character for each of them
    wider = cut[len(cut) - spare :]
    return [min(size, level + (at in wider)) for at, size in enumerate(widths)]


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    sized = [_sized(text, size, end) for text, size, end in zip(texts, widths, right, strict=True)]
    return _GAP.join(sized).rstrip()


def _sized(text: str, size: int, right: bool) -> str:
    """Cut or pad to a number of terminal cells; some characters take two."""
    if cell_len(text) > size:
        return set_cell_size(text, size - 1) + "…"
    padding = " " * (size - cell_len(text))
    return padding + text if right else text + padding


def _records(titles: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> str:
    label = max(map(cell_len, titles))
    room = max(_MIN_WIDTH, width - label - len(_GAP))
    lines = []
    for number, row in enumerate(texts, start=1):
        lines.append(f"── row {number} ──")
        for title, text in zip(titles, row, strict=True):
            lines.append(f"{_sized(title, label, False)}{_GAP}{_sized(text, room, False).rstrip()}".rstrip())
    return "\n".join(lines)
