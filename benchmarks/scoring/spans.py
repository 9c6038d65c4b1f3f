"""Spans made fit for mir_eval, which refuses overlaps by float noise and spans without a length."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.scoring.piece import Span

MIN_SPAN_S = 0.002


def tiled(spans: Iterable[Span], start_s: float, end_s: float, gap: str) -> list[Span]:
    """Spans on whole milliseconds that cover ``start_s`` to ``end_s`` once; what they leave out is ``gap``.

    Of spans that overlap, the later begins where the earlier ends. Under 2 ms is nothing.
    """
    done: list[Span] = []
    at_s, stop_s = round(start_s, 3), round(end_s, 3)
    for span in sorted(spans):
        first_s, last_s = max(at_s, round(span.start_s, 3)), min(stop_s, round(span.end_s, 3))
        if last_s - first_s < MIN_SPAN_S:
            continue
        if first_s - at_s >= MIN_SPAN_S:
            done.append(Span(at_s, first_s, gap))
        else:
            first_s = at_s
        done.append(Span(first_s, last_s, span.label))
        at_s = last_s
    if stop_s - at_s >= MIN_SPAN_S:
        done.append(Span(at_s, stop_s, gap))
    elif done:
        done[-1] = done[-1]._replace(end_s=stop_s)
    return done


def overlaps(one: Sequence[Span], other: Sequence[Span]) -> list[tuple[Span, Span, float]]:
    """Every pair of spans that sound together, and for how many seconds."""
    pairs = []
    for left in one:
        for right in other:
            shared_s = min(left.end_s, right.end_s) - max(left.start_s, right.start_s)
            if shared_s > 0:
                pairs.append((left, right, shared_s))
    return pairs


def intervals(spans: Sequence[Span]) -> npt.NDArray[np.float64]:
    """Starts and ends ``(spans, 2)``."""
    return np.array([span[:2] for span in spans], float).reshape(-1, 2)
