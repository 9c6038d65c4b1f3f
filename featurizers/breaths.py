"""Audible breaths: noise of the right colour, level and length just before somebody sings or speaks.

Ruinskiy and Lavner, "An effective algorithm for automatic detection and exact demarcation of breath sounds in
speech and song signals" (IEEE TASLP 2007), find breaths by template, energy, zero crossings and duration;
Nakano et al., "Analysis and automatic detection of breath sounds in unaccompanied singing voice" (ICMPC 2008),
see most of their energy below 4 kHz and durations of some tenths of a second. The rules here need no template
and no training: a breath is unvoiced, noise-like, darker than /s/ and brighter than rumble, quieter than the
singing, and phonation follows within 0.3 s; between it and the phonation on either side the level dips, where
that of a consonant runs into its vowel. What sounds over a breath hides it.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from featurizers.crepe import HOP_S, HOP_SAMPLES, RATE_HZ
from featurizers.spans import Mask, runs

Floats = npt.NDArray[np.float32]

MIN_BREATH_S, MAX_BREATH_S = 0.12, 1.0
MAX_PAUSE_S = 0.3  # between a breath and the phonation that it is for
MIN_CENTROID_HZ, MAX_CENTROID_HZ = 900.0, 4200.0
FLAT_HZ = (1000.0, 3500.0)  # where every breath has energy
MIN_FLATNESS = 0.1  # geometric over arithmetic mean of the power there: 0.56 for white noise, 0 for a tone
ABOVE_FLOOR_DB = 6.0  # the floor is the level of the quietest twentieth of the track
BELOW_LOUDEST_DB = 12.0
MIN_LEVEL_DB = -74.0
MIN_DIP_DB = 5.0
_MAX_DROPOUT_S = 0.05
_WINDOW_SAMPLES = 1024
_BATCH_FRAMES = 2048


def find_breaths(samples: Floats, voiced: Mask, level_db: Floats) -> list[dict[str, float]]:
    """Return ``{"start_s", "end_s"}`` of every breath in samples at 16 kHz, in order.

    ``voiced`` and ``level_db`` are ``(frames,)``, every 10 ms, frame i centred on sample 160 i.
    """
    floor_db = max(float(np.percentile(level_db, 5)) + ABOVE_FLOOR_DB, MIN_LEVEL_DB)
    loudest_db = float(np.percentile(level_db, 99)) - BELOW_LOUDEST_DB
    candidates = ~voiced & (level_db > floor_db) & (level_db < loudest_db)
    candidates[candidates] = _is_breathy(samples, np.flatnonzero(candidates))
    spans = [span for span in _joined(runs(candidates)) if _is_breath(*span, voiced, level_db)]
    return [{"start_s": (start - 0.5) * HOP_S, "end_s": (stop - 0.5) * HOP_S} for start, stop in spans]


def _is_breathy(samples: Floats, frames: npt.NDArray[np.intp]) -> Mask:
    """Whether each of these frames sounds like breath: noise whose centroid is where a mouth puts it."""
    padded = np.pad(samples, _WINDOW_SAMPLES // 2)
    windows = sliding_window_view(padded, _WINDOW_SAMPLES)[::HOP_SAMPLES]
    hann = np.hanning(_WINDOW_SAMPLES).astype(np.float32)
    frequencies_hz = np.fft.rfftfreq(_WINDOW_SAMPLES, 1 / RATE_HZ)
    audible, middle = frequencies_hz > 150, (frequencies_hz > FLAT_HZ[0]) & (frequencies_hz < FLAT_HZ[1])
    breathy = np.empty(len(frames), bool)
    for start in range(0, len(frames), _BATCH_FRAMES):
        batch = slice(start, start + _BATCH_FRAMES)
        power = np.abs(np.fft.rfft(windows[frames[batch]] * hann)) ** 2 + 1e-12
        centroid_hz = power[:, audible] @ frequencies_hz[audible] / power[:, audible].sum(axis=1)
        flatness = np.exp(np.log(power[:, middle]).mean(axis=1)) / power[:, middle].mean(axis=1)
        coloured = (centroid_hz > MIN_CENTROID_HZ) & (centroid_hz < MAX_CENTROID_HZ)
        breathy[batch] = coloured & (flatness > MIN_FLATNESS)
    return breathy


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans with short gaps between them closed."""
    joined: list[tuple[int, int]] = []
    for start, stop in spans:
        if joined and (start - joined[-1][1]) * HOP_S < _MAX_DROPOUT_S:
            start = joined.pop()[0]
        joined.append((start, stop))
    return joined


def _is_breath(start: int, stop: int, voiced: Mask, level_db: Floats) -> bool:
    """Whether a breathy span lasts as long as a breath, is followed by phonation, and stands apart from it."""
    following = np.flatnonzero(voiced[stop : stop + round(MAX_PAUSE_S / HOP_S)])
    if not MIN_BREATH_S <= (stop - start) * HOP_S <= MAX_BREATH_S or not len(following):
        return False
    earliest = max(0, start - round(MAX_BREATH_S / HOP_S))
    first = max([earliest, *(earliest + np.flatnonzero(voiced[earliest:start]))])
    peak = start + int(level_db[start:stop].argmax())
    dips_db = level_db[first : peak + 1].min(), level_db[peak : stop + following[0] + 1].min()
    return bool(max(dips_db) <= level_db[peak] - MIN_DIP_DB)
