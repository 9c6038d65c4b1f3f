"""Labelled stretches of time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.pictures.track_colours import PLAIN, Tone


@dataclass(frozen=True)
class Span:
    """A stretch of time with a label in few characters, and a detail for who looks closer."""

    start_s: float
    end_s: float
    label: str
    detail: str = ""
    tone: Tone = PLAIN
    strong: bool = False
    """Whether it stands out among its like: a downbeat, a cadence."""


def spans_of(items: Iterable[Mapping[str, Any] | None] | None) -> Iterator[tuple[float, float, Mapping[str, Any]]]:
    """Start, end and the whole of each item of a column of spans, in order; items without both times are left out."""
    placed = [item for item in items or () if item and None not in (item.get("start_s"), item.get("end_s"))]
    for item in sorted(placed, key=lambda item: (item["start_s"], item["end_s"])):
        yield item["start_s"], item["end_s"], item


def share(value: float) -> str:
    """A number from 0 to 1 in per cent."""
    return f"{100 * value:.0f} %"


def clock(time_s: float) -> str:
    """Minutes and seconds: 3:07."""
    return f"{int(time_s // 60)}:{int(time_s % 60):02d}"
