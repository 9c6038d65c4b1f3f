"""Key and chords against the truth."""

from collections.abc import Iterator

import mir_eval
import numpy as np

from benchmarks.scoring.piece import Found, Span, Truth
from benchmarks.scoring.spans import overlaps, tiled

NO_CHORD = "N"
FIFTH_CREDIT = 0.5
SEMITONE_CENTS = 100


def score_key(truth: Truth, found: Found) -> dict[str, float]:
    """Exact, and weighted: a fifth 0.5, relative 0.3, parallel 0.2; mir_eval credits the fifth above only."""
    key = found.get("key")
    weighted = weighted_key(truth["key"], key)
    fifth_either_way = key is not None and weighted_key(key, truth["key"]) == FIFTH_CREDIT
    return {
        "key exact": float(weighted == 1),
        "key weighted": weighted,
        "key weighted, fifth either way": max(weighted, FIFTH_CREDIT if fifth_either_way else 0.0),
    }


def weighted_key(reference: str, estimate: str | None) -> float:
    return 0.0 if estimate is None else float(mir_eval.key.weighted_score(reference, estimate))


def score_tuning(truth: Truth, found: Found) -> dict[str, float]:
    """Distance round the semitone; what is not found is as wrong as can be."""
    if found.get("tuning_cents") is None:
        return {"tuning error, cents": SEMITONE_CENTS / 2}
    off_cents = abs(found["tuning_cents"] - truth["tuning_cents"]) % SEMITONE_CENTS
    return {"tuning error, cents": float(min(off_cents, SEMITONE_CENTS - off_cents))}


def score_chords(truth: Truth, found: Found) -> dict[str, float]:
    """Weighted chord symbol recall with two vocabularies, and the share of the annotated time that each covers.

    A chord outside a vocabulary, such as a diminished one in majmin, is left out of its mean.
    """
    labels, durations_s = _aligned(truth["chords"], chord_spans(found))
    scores = {}
    for name, compare in (("majmin", mir_eval.chord.majmin), ("sevenths", mir_eval.chord.sevenths)):
        right = compare(*labels)
        covered_s = durations_s[right >= 0].sum()
        if covered_s > 0:
            scores[f"chords {name}"] = float(durations_s[right > 0] @ right[right > 0] / covered_s)
        scores[f"{name} covers"] = float(covered_s / durations_s.sum())
    return scores


def chord_spans(found: Found) -> list[Span]:
    return [Span(chord["start_s"], chord["end_s"], chord["label"]) for chord in found.get("chords") or []]


def judged_chords(truth: Truth, found: Found) -> Iterator[tuple[float, float, float]]:
    """Confidence of a found chord, whether it is right (majmin), and for how many seconds, by what it meets."""
    confidences = {chord["start_s"]: chord.get("confidence") for chord in found.get("chords") or []}
    pairs = overlaps(truth["chords"], chord_spans(found))
    if not pairs:
        return
    right = mir_eval.chord.majmin([true.label for true, _, _ in pairs], [chord.label for _, chord, _ in pairs])
    for (_, chord, shared_s), is_right in zip(pairs, right, strict=True):
        confidence = confidences[chord.start_s]
        if is_right >= 0 and confidence is not None:
            yield confidence, float(is_right), shared_s


def _aligned(truth: list[Span], found: list[Span]) -> tuple[tuple[list[str], list[str]], np.ndarray]:
    """Labels of the annotated time, true and found, and how long each pair lasts; where nothing is found, N."""
    everywhere = tiled(found, min(truth).start_s, max(span.end_s for span in truth), NO_CHORD)
    known = [span for span in tiled(truth, min(truth).start_s, everywhere[-1].end_s, "X") if span.label != "X"]
    pairs = overlaps(known, everywhere)
    labels = [true.label for true, _, _ in pairs], [chord.label for _, chord, _ in pairs]
    return labels, np.array([shared_s for _, _, shared_s in pairs])
