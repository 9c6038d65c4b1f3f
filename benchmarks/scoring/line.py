"""F0 and vibrato against the truth."""

import warnings

import mir_eval
import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from benchmarks.scoring.piece import Contour, Found, Truth
from featurizers.vibrato import measure_vibrato

Floats = npt.NDArray[np.float64]

HALF_STEP_CENTS = 50
VIBRATO_PERIOD_S = 0.17  # of about 6 Hz
MELODY = {
    "RPA": "Raw Pitch Accuracy",
    "RCA": "Raw Chroma Accuracy",
    "VR": "Voicing Recall",
    "VFA": "Voicing False Alarm",
    "OA": "Overall Accuracy",
}
PRECISION = "right where voiced"


def score_f0(truth: Truth, found: Found) -> dict[str, float]:
    """What MIREX reports of a melody, within 50 cents.

    RPA and RCA, raw pitch and chroma accuracy, for which a pitch given for a frame called unvoiced counts too; VR and
    VFA, voicing recall and false alarm; OA, overall accuracy. Beside them the share of the frames called voiced in
    which the pitch is right, and RPA where both pitches are means over a period of vibrato, as written notes have none.
    """
    figures = melody(truth["f0"], found)
    level = melody(_level_truth(truth["f0"]), _level_found(found))
    return {f"F0 {short}": score for short, score in figures.items()} | {"F0 RPA, vibrato averaged out": level["RPA"]}


def melody(reference: Contour, found: Found) -> dict[str, float]:
    """The figures of mir_eval, all 0 where there is no F0 at all."""
    f0_hz = _signed(found)
    if not len(f0_hz):
        return dict.fromkeys((*MELODY, PRECISION), 0.0)
    times_s = np.arange(len(f0_hz) + 1) * found["f0_hop_s"]
    f0_hz = np.append(f0_hz, 0.0)  # mir_eval holds the last frame as long as the reference lasts
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* melody has no voiced frames")  # the figures say so
        series = np.array(reference.times_s), np.array(reference.f0_hz), times_s, f0_hz
        scores = mir_eval.melody.evaluate(*series)
    figures = {short: float(scores[name]) for short, name in MELODY.items()}
    return {**figures, PRECISION: _precision(*mir_eval.melody.to_cent_voicing(*series))}


def _precision(sings: Floats, true_cents: Floats, voiced: Floats, found_cents: Floats) -> float:
    right = (sings > 0) & (voiced > 0) & (np.abs(true_cents - found_cents) < HALF_STEP_CENTS)
    return float(right.sum() / max(1, (voiced > 0).sum()))


def score_parts(truth: Truth, found: Found) -> dict[str, float]:
    """Share of the time in which somebody sings where F0 is that of any of the voices, within 50 cents."""
    times_s = np.array(truth["f0_parts"][0].times_s)
    parts_hz = np.array([np.interp(times_s, part.times_s, part.f0_hz) for part in truth["f0_parts"]])
    distance = np.abs(cents(_at(times_s, found)) - cents(parts_hz)).min(axis=0, initial=np.inf, where=parts_hz > 0)
    sounds = (parts_hz > 0).any(axis=0)
    return {"F0 of any voice": float(np.mean(distance[sounds] <= HALF_STEP_CENTS))}


def score_note(truth: Truth, found: Found) -> dict[str, float]:
    """Whether the median F0 of a single note is that note within 50 cents, and whether it is in any octave."""
    f0_hz = contour(found)
    if not np.isfinite(f0_hz).any():
        return {"single notes": 0.0, "single notes, any octave": 0.0}
    off = float(cents(np.nanmedian(f0_hz)) - 100 * (truth["note_midi"] - 69))
    return {
        "single notes": float(abs(off) <= HALF_STEP_CENTS),
        "single notes, any octave": float(abs((off + 600) % 1200 - 600) <= HALF_STEP_CENTS),
    }


def score_vibrato(truth: Truth, found: Found) -> dict[str, float]:
    """F-measure over annotated spans: whether the found F0 of a span has vibrato by muze's own definition.

    Rate and depth are those of the whole file, over files in which some is found.
    """
    f0_hz, hop_s = contour(found), found.get("f0_hop_s") or 0.01
    hits = [
        (span.label == "yes", _has_vibrato(f0_hz[round(span.start_s / hop_s) : round(span.end_s / hop_s)], hop_s))
        for span in truth["vibrato"]
    ]
    right, wrong = sum(a and b for a, b in hits), sum(a != b for a, b in hits)
    scores = {"vibrato spans F": 2 * right / (2 * right + wrong)} if right + wrong else {}
    for name, metric in (
        ("vibrato_rate_hz", "vibrato rate error, Hz"),
        ("vibrato_depth_cents", "vibrato depth error, cents"),
    ):
        if truth.get(name) is not None and found.get(name) is not None:
            scores[metric] = abs(found[name] - truth[name])
    return scores


def _signed(found: Found) -> Floats:
    """F0 a frame as mir_eval takes it: below zero where the frame is called unvoiced, 0 where nothing is said."""
    f0_hz, guess_hz = contour(found), found.get("f0_unvoiced_hz")
    if guess_hz is None:
        return np.nan_to_num(f0_hz)
    return np.where(np.isnan(f0_hz), -np.nan_to_num(np.array(guess_hz, float)), f0_hz)


def _level_found(found: Found) -> Found:
    f0_hz = contour(found)
    return {**found, "f0_hz": _level(f0_hz, found["f0_hop_s"])} if len(f0_hz) else found


def _level_truth(truth: Contour) -> Contour:
    f0_hz = np.array(truth.f0_hz)
    hop_s = float(np.median(np.diff(truth.times_s)))
    level_hz = _level(np.where(f0_hz > 0, f0_hz, np.nan), hop_s)
    return Contour(truth.times_s, np.nan_to_num(level_hz).tolist())


def _level(f0_hz: Floats, hop_s: float) -> Floats:
    """The mean, in cents, of the voiced frames within a period of vibrato around each; NaN stays NaN."""
    frames = round(VIBRATO_PERIOD_S / hop_s) | 1
    voiced = ~np.isnan(f0_hz)
    sums = uniform_filter1d(np.nan_to_num(cents(f0_hz)), frames, mode="constant")
    shares = uniform_filter1d(voiced.astype(float), frames, mode="constant")
    level_hz = f0_hz.copy()
    level_hz[voiced] = 440 * 2 ** (sums[voiced] / shares[voiced] / 1200)
    return level_hz


def contour(found: Found) -> Floats:
    """F0 a frame, NaN where unvoiced."""
    values = found.get("f0_hz")
    return np.array([] if values is None else values, float)


def cents(f0_hz: npt.ArrayLike) -> Floats:
    """Cents above A4 = 440 Hz; NaN for 0 and NaN."""
    hz = np.asarray(f0_hz, float)
    return 1200 * np.log2(np.where(hz > 0, hz, np.nan) / 440)


def _at(times_s: Floats, found: Found) -> Floats:
    """F0 at the nearest frames, NaN beyond the last."""
    f0_hz, hop_s = np.abs(_signed(found)), found.get("f0_hop_s") or 0.01
    frames = np.round(times_s / hop_s).astype(int)
    nearest: Floats = np.append(f0_hz, np.nan)[np.minimum(frames, len(f0_hz))]
    return nearest


def _has_vibrato(f0_hz: Floats, hop_s: float) -> bool:
    return measure_vibrato(f0_hz, hop_s).rate_hz is not None
