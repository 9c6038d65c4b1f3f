"""Beats, downbeats, tempo, metre and onsets against the truth. Nothing is trimmed: many files are short."""

import mir_eval
import numpy as np
import numpy.typing as npt

from benchmarks.scoring.piece import Found, Truth

Times = npt.NDArray[np.float64]

BEAT_WINDOW_S = 0.07
ONSET_WINDOW_S = 0.05
TEMPO_TOLERANCE = 0.04
OCTAVES = (1 / 3, 1 / 2, 1.0, 2.0, 3.0)


def score_beats(truth: Truth, found: Found) -> dict[str, float]:
    """F-measure within 70 ms, and the shares at the right and at any metrical level (Davies et al., 2009)."""
    reference, estimate = _times(truth["beats_s"]), _times(found.get("beats_s"))
    scores = {"beats F": f_measure(reference, estimate, BEAT_WINDOW_S)}
    if len(reference) > 1:
        _, cmlt, _, amlt = (0.0,) * 4 if len(estimate) < 2 else mir_eval.beat.continuity(reference, estimate)
        scores |= {"beats CMLt": float(cmlt), "beats AMLt": float(amlt)}
    return scores


def score_downbeats(truth: Truth, found: Found) -> dict[str, float]:
    """F-measure within 70 ms."""
    if "downbeats_s" not in found:
        return {}
    reference, estimate = _times(truth["downbeats_s"]), _times(found["downbeats_s"])
    return {"downbeats F": f_measure(reference, estimate, BEAT_WINDOW_S)}


def score_metre(truth: Truth, found: Found) -> dict[str, float]:
    """Whether as many beats make a bar."""
    if "time_signature" not in found:
        return {}
    return {"beats a bar": float(found["time_signature"] == truth["time_signature"])}


def score_tempo(truth: Truth, found: Found) -> dict[str, float]:
    """Acc1 is within 4 % of the tempo, Acc2 also of its half, third, double or triple (Gouyon et al., 2006).

    Where listeners disagree, Acc1 asks for the tempo that most of them tap.
    """
    tempo_bpm = found.get("tempo_bpm")
    scores = {
        "tempo Acc1": float(is_tempo(truth["tempi_bpm"][0], tempo_bpm)),
        "tempo Acc2": float(any(is_tempo(bpm * octave, tempo_bpm) for bpm in truth["tempi_bpm"] for octave in OCTAVES)),
    }
    if scores["tempo Acc1"] and tempo_bpm is not None:
        scores["tempo error where Acc1, %"] = 100 * abs(tempo_bpm / truth["tempi_bpm"][0] - 1)
    return scores


def score_onsets(truth: Truth, found: Found) -> dict[str, float]:
    """F-measure within 50 ms."""
    estimate = _times(sorted(onset["time_s"] for onset in found.get("onsets") or []))
    return {"onsets F": f_measure(_times(truth["onsets_s"]), estimate, ONSET_WINDOW_S)}


def is_tempo(truth_bpm: float, found_bpm: float | None) -> bool:
    return found_bpm is not None and abs(found_bpm / truth_bpm - 1) <= TEMPO_TOLERANCE


def f_measure(reference: Times, estimate: Times, window_s: float) -> float:
    """Of a largest matching in which no two times are further apart than the window; 0 if either is empty."""
    if not len(reference) or not len(estimate):
        return 0.0
    return float(mir_eval.onset.f_measure(reference, estimate, window=window_s)[0])


def _times(values: object) -> Times:
    return np.asarray([] if values is None else values, float)
