"""Where things are in the charts of a report: numbers for templates to draw, in the units of a view box."""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from jobs.pictures.report_distributions import round_steps
from schemas.pitch_classes import PITCH_CLASSES, pitch_class

WIDTH, HEIGHT = 360, 176
LEFT, RIGHT, _TOP, _BOTTOM = 40, 344, 12, 152
_NUM_TICKS = 6
_TONICS = tuple(name.replace("#", "♯") for name in PITCH_CLASSES)
_KEY = re.compile(r"([A-G][#b]?) (major|minor)")
_MAP_WIDTH, _MAP_HEIGHT, _MAP_MARGIN = 1000, 600, 24


def histogram_chart(found: Mapping[str, Any]) -> dict[str, Any]:
    """Bars, axes and the median of a histogram."""
    edges, counts, unit = found["edges"], found["counts"], found["unit"]
    left, right = edges[0], edges[-1]
    x = [_scaled(edge, left, right, LEFT, RIGHT) for edge in edges]
    top = max(counts)
    names = [f"{value(low, unit)} to {value(high, unit)}" for low, high in pairwise(edges)]
    bars = [
        _bar(x[n] + 0.5, max(x[n + 1] - x[n] - 1, 0.5), count, top, names[n]) for n, count in enumerate(counts) if count
    ]
    return {
        "bars": bars,
        "ticks": [(_scaled(tick, left, right, LEFT, RIGHT), value(tick, unit)) for tick in _ticks(left, right, unit)],
        "lines": _lines(top),
        "median_x": _scaled(min(max(found["median"], left), right), left, right, LEFT, RIGHT),
        "table": list(zip(names, counts, strict=True)),
    }


def keys_chart(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Two bars a tonic, major and minor, in chromatic order; None if a value is no key."""
    matches = [_KEY.fullmatch(row["value"]) for row in found["values"]]
    if not matches or None in matches:
        return None
    counts = [[0, 0] for _ in _TONICS]
    for match, row in zip(matches, found["values"], strict=True):
        assert match is not None
        counts[pitch_class(match[1])][match[2] == "minor"] += row["count"]
    top = max(map(max, counts))
    slot = (RIGHT - LEFT) / len(_TONICS)
    bars = [
        _bar(LEFT + slot * (n + 0.12 + 0.38 * minor), slot * 0.36, count, top, f"{tonic} {('major', 'minor')[minor]}")
        | {"series": minor}
        for n, tonic in enumerate(_TONICS)
        for minor, count in enumerate(counts[n])
        if count
    ]
    ticks = [(LEFT + slot * (n + 0.5), tonic) for n, tonic in enumerate(_TONICS)]
    return {"bars": bars, "ticks": ticks, "lines": _lines(top)}


def _bar(x: float, width: float, count: int, top: int, name: str) -> dict[str, Any]:
    y = _scaled(count, 0, top, _BOTTOM, _TOP)
    box = {"x": round(x, 2), "y": y, "width": round(width, 2), "height": round(_BOTTOM - y, 2)}
    return box | {"name": name, "count": count, "series": 0}


def _lines(top: int) -> list[tuple[float, int]]:
    """Up to six heights and what they stand for."""
    step = next(int(step) for step in round_steps("tracks") if step >= 1 and top / step <= 5)
    return [(_scaled(n * step, 0, top, _BOTTOM, _TOP), n * step) for n in range(top // step + 1)]


def _ticks(left: float, right: float, unit: str) -> list[float]:
    """Round values within a range."""
    step = next(step for step in round_steps(unit) if (right - left) / step <= _NUM_TICKS)
    return [n * step for n in range(math.ceil(left / step), math.floor(right / step) + 1)]


def value(number: float, unit: str) -> str:
    """A number as axes say it: 3:20 for seconds, else with as few digits as it takes."""
    if unit != "s" or number != int(number):
        return f"{number:.5g}".replace("-", "\u2212")
    minutes, seconds = divmod(int(number), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _scaled(number: float, low: float, high: float, start: float, end: float) -> float:
    return round(start + (number - low) / (high - low or 1) * (end - start), 2)


def map_chart(found: Mapping[str, Any]) -> dict[str, Any]:
    """Positions of the points, at one scale on both axes, and the colour of each by genre and by artist."""
    points = found["points"]
    xs, ys = [point["x"] for point in points], [point["y"] for point in points]
    middle = [(min(axis) + max(axis)) / 2 for axis in (xs, ys)]
    room = (_MAP_WIDTH - 2 * _MAP_MARGIN, _MAP_HEIGHT - 2 * _MAP_MARGIN)
    scale = min(size / (max(axis) - min(axis) or 1e-9) for size, axis in zip(room, (xs, ys), strict=True))
    colours = {name: {row["value"]: n for n, row in enumerate(rows)} for name, rows in found["groups"].items()}
    return {
        "width": _MAP_WIDTH,
        "height": _MAP_HEIGHT,
        "points": [
            {
                "x": round(_MAP_WIDTH / 2 + (point["x"] - middle[0]) * scale, 1),
                "y": round(_MAP_HEIGHT / 2 - (point["y"] - middle[1]) * scale, 1),
                "genre": _colour(colours["genre_tag"], point["genre_tag"]),
                "artist": _colour(colours["artist"], point["artist"]),
            }
            for point in points
        ],
        "legends": [
            _legend(name, found, column)
            for name, column in (("genre", "genre_tag"), ("artist", "artist"))
            if found["groups"][column]
        ],
    }


def _colour(colours: Mapping[str, int], value: str | None) -> str:
    """The class of a point: a numbered colour, ``x`` for all other values, ``o`` for none."""
    return "o" if value is None else str(colours.get(value, "x"))


def _legend(name: str, found: Mapping[str, Any], column: str) -> dict[str, Any]:
    named = found["groups"][column]
    with_value = sum(point[column] is not None for point in found["points"])
    rest = {"x": with_value - sum(row["count"] for row in named), "o": len(found["points"]) - with_value}
    rows = [{"colour": str(n), **row} for n, row in enumerate(named)]
    rows += [{"colour": c, "value": {"x": "others", "o": "unknown"}[c], "count": n} for c, n in rest.items() if n]
    return {"name": name, "rows": rows}
