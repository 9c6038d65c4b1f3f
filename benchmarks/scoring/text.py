"""Words and phonemes against the truth: which, and when."""

import re

import mir_eval
import numpy as np

from benchmarks.scoring.piece import Found, Span, Truth
from benchmarks.scoring.pulse import f_measure

NEAR_S = 0.3
PHONEME_WINDOWS_S = (0.02, 0.05)
SILENT_PHONEMES = frozenset({"", "pau", "sil", "br", "sp"})
_NOT_IN_A_WORD = re.compile(r"[^\w']+")


def score_words(truth: Truth, found: Found) -> dict[str, float]:
    """Word error rate, and the starts of the words that were recognised (mir_eval.alignment)."""
    import jiwer

    reference = [Span(w.start_s, w.end_s, plain(w.label)) for w in truth["words"] if plain(w.label)]
    estimate = [Span(w["start_s"], w["end_s"], plain(w["word"])) for w in found.get("words") or [] if plain(w["word"])]
    if not estimate:
        return {"word error rate": 1.0}
    done = jiwer.process_words(_line(reference), _line(estimate))
    equal = [
        (reference[chunk.ref_start_idx + i].start_s, estimate[chunk.hyp_start_idx + i].start_s)
        for chunk in done.alignments[0]
        if chunk.type == "equal"
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
    scores = {"word error rate": float(done.wer)}
    if equal:
        true_s, found_s = np.array(sorted(equal)).T
        scores["word starts, mean error, s"] = float(np.abs(true_s - found_s).mean())
        scores["word starts within 0.3 s"] = float(
            mir_eval.alignment.percentage_correct(true_s, np.maximum.accumulate(found_s), window=NEAR_S)
        )
    return scores


def score_phonemes(truth: Truth, found: Found) -> dict[str, float]:
    """F-measure of the times at which phonemes begin or end, whatever they are called."""
    true_s = _boundaries_s([span for span in truth["phonemes"] if span.label not in SILENT_PHONEMES])
    found_s = _boundaries_s([Span(p["start_s"], p["end_s"], "") for p in found.get("phonemes") or []])
    return {
        f"phoneme boundaries F, {1000 * window:.0f} ms": f_measure(true_s, found_s, window)
        for window in PHONEME_WINDOWS_S
    }


def plain(word: str) -> str:
    """Lower case, without punctuation but for apostrophes."""
    return _NOT_IN_A_WORD.sub("", word.lower().replace("\u2019", "'")).strip("'")


def _line(words: list[Span]) -> str:
    return " ".join(word.label for word in words)


def _boundaries_s(spans: list[Span]) -> np.ndarray:
    return np.array(sorted({round(time_s, 3) for span in spans for time_s in span[:2]}))
