"""Sections against the truth."""

from collections.abc import Iterator

import mir_eval

from benchmarks.scoring.piece import Found, Span, Truth
from benchmarks.scoring.spans import intervals, overlaps, tiled

MIN_FORM_S = 20.0
TYPES = frozenset({"intro", "verse", "chorus", "bridge", "solo", "break", "outro", "silence"})
HIT_WINDOWS_S = (0.5, 3.0)


def score_sections(truth: Truth, found: Found) -> dict[str, float]:
    """Boundaries within 0.5 and 3 s, first and last left out; then which parts are alike, and their types.

    Pairwise F (Levy and Sandler, 2008) and normalised conditional entropies (Lukashevich, 2008). Pieces of less than
    20 s have no form to speak of.
    """
    if not has_form(truth):
        return {}
    reference = truth["sections"]
    start_s, end_s = _range(reference)
    true, alike = (_from_zero(tiled(s, start_s, end_s, "gap"), start_s) for s in (reference, section_spans(found)))
    scores = {f"sections HR{window:g}F": _hit_rate(true, alike, window) for window in HIT_WINDOWS_S}
    labelled = intervals(true), [span.label for span in true], intervals(alike), [span.label for span in alike]
    scores["sections pairwise F"] = float(mir_eval.segment.pairwise(*labelled)[2])
    scores["sections NCE F"] = float(mir_eval.segment.nce(*labelled)[2])
    if has_types(truth) and any("type" in section for section in found.get("sections") or []):
        judged = list(judged_sections(truth, found))
        scores["section types"] = sum(right * shared_s for _, right, shared_s in judged) / (end_s - start_s)
    return scores


def section_spans(found: Found, label: str = "cluster") -> list[Span]:
    return [Span(part["start_s"], part["end_s"], str(part[label])) for part in found.get("sections") or []]


def has_form(truth: Truth) -> bool:
    """Whether there are sections to find."""
    start_s, end_s = _range(truth["sections"])
    return end_s - start_s >= MIN_FORM_S and len(truth["sections"]) > 1


def has_types(truth: Truth) -> bool:
    """Whether the sections are labelled by what they are, not A, B, C."""
    return {section.label for section in truth["sections"]} <= TYPES


def judged_sections(truth: Truth, found: Found) -> Iterator[tuple[float, float, float]]:
    """Confidence of a found section's type (0 where it says none), whether it is right, and for how many seconds.

    Nothing where the truth has no form, or no types.
    """
    if not (has_form(truth) and has_types(truth)):
        return
    confidences = {part["start_s"]: part.get("confidence") or 0.0 for part in found.get("sections") or []}
    for true, part, shared_s in overlaps(truth["sections"], section_spans(found, "type")):
        yield confidences[part.start_s], float(true.label == part.label), shared_s


def _range(spans: list[Span]) -> tuple[float, float]:
    return min(spans).start_s, max(span.end_s for span in spans)


def _hit_rate(true: list[Span], found: list[Span], window_s: float) -> float:
    if len(found) < 2:
        return 0.0
    return float(mir_eval.segment.detection(intervals(true), intervals(found), window=window_s, trim=True)[2])


def _from_zero(spans: list[Span], start_s: float) -> list[Span]:
    """Shifted so that they start at 0, as mir_eval asks."""
    shift_s = round(start_s, 3)
    return [Span(round(span.start_s - shift_s, 3), round(span.end_s - shift_s, 3), span.label) for span in spans]
