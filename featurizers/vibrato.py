"""Vibrato of sung notes, measured in an F0 contour.

Definitions: the rate is the modulation frequency, the depth half of the peak-to-peak swing in cents, the
extent the share of voiced time that has vibrato. Sources: Prame, "Measurements of the vibrato rate of ten
singers" (JASA 1994: 4.6 to 8.7 Hz within notes, mean 6.0) and "Vibrato extent and intonation in professional
Western lyric singing" (JASA 1997: +-34 to +-123 cents); Yang, Rajab and Chew, "AVA: an interactive system for
visual and quantitative analyses of vibrato and portamento" (ISMIR 2016) for spectral peaks judged against the
rest of the contour; Harris, "On the use of windows" (Proc. IEEE 1978) for the Hann window's gain and zeros.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from featurizers.spans import Mask, runs

Contour = npt.NDArray[np.float64]  # (frames,)

MIN_RATE_HZ, MAX_RATE_HZ = 3.5, 8.5
MIN_NOTE_S = 0.5
MIN_CYCLES = 3
MIN_DEPTH_CENTS = 15  # below it, the unsteadiness of a straight voice and of the tracker look alike
MIN_PROMINENCE = 4  # spectral peak over the median of the spectrum up to twice the highest rate
MIN_REGULARITY = 0.5  # correlation of the contour with itself one cycle later
_GLIDE_CENTS_PER_S = 300  # a smoothed contour that moves faster is between notes
_SMOOTHING_S = 0.5  # a Hann window of this length has a zero at 4 Hz and passes less than 3 % above 4.7 Hz
_ENVELOPE_CYCLES = 2  # a Hann window of two cycles has zeros at the note's own pitch and at twice the rate
_HALF = 0.5  # of a note's usual depth: where the modulation is shallower, there is none
_FFT_RESOLUTION_HZ = 0.05


class Vibrato(NamedTuple):
    """What a contour has: rate and depth are None without vibrato, the extent is None if nothing is voiced."""

    rate_hz: float | None
    depth_cents: float | None
    extent: float | None


class VibratoNote(NamedTuple):
    """Vibrato in one note: its rate, its depth, and how many frames of the note have it."""

    rate_hz: float
    depth_cents: float
    num_frames: int


def measure_vibrato(f0_hz: npt.NDArray[np.floating], hop_s: float, averaging_s: float = 0.0) -> Vibrato:
    """Rate and depth are medians over the notes with vibrato of a contour, NaN where it is unvoiced.

    ``averaging_s`` says over how long the tracker averages: a running mean over T seconds shrinks a
    modulation of rate f to sinc(f T) of its depth, which is undone.
    """
    voiced = np.isfinite(f0_hz)
    if not voiced.any():
        return Vibrato(None, None, None)
    notes = [note for cents in sustained_notes(f0_hz, hop_s) if (note := vibrato_of(cents, hop_s))]
    if not notes:
        return Vibrato(None, None, 0.0)
    depths = [note.depth_cents / np.sinc(note.rate_hz * averaging_s) for note in notes]
    return Vibrato(
        rate_hz=float(np.median([note.rate_hz for note in notes])),
        depth_cents=float(np.median(depths)),
        extent=sum(note.num_frames for note in notes) / int(voiced.sum()),
    )


def sustained_notes(f0_hz: npt.NDArray[np.floating], hop_s: float) -> list[Contour]:
    """Pitch in cents of every voiced stretch of at least half a second that does not glide to another note."""
    min_frames = round(MIN_NOTE_S / hop_s)
    notes = []
    for start, stop in runs(np.isfinite(f0_hz)):
        if stop - start >= min_frames:
            cents = 1200 * np.log2(f0_hz[start:stop].astype(np.float64))
            steady = _steady(cents, hop_s)
            notes += [cents[first:last] for first, last in runs(steady) if last - first >= min_frames]
    return notes


def _steady(cents: Contour, hop_s: float) -> Mask:
    """Whether the contour, with vibrato smoothed away, moves slowly."""
    window = _hann(round(_SMOOTHING_S / hop_s))
    reach = len(window) // 2
    extended = np.pad(cents, (reach, len(window) - 1 - reach), mode="symmetric")
    smooth = np.convolve(extended, window, mode="valid")
    return np.abs(np.gradient(smooth, hop_s)) < _GLIDE_CENTS_PER_S


def vibrato_of(cents: Contour, hop_s: float) -> VibratoNote | None:
    """The vibrato of one note, or None if it has none."""
    frames = np.arange(len(cents))
    swing = cents - np.polyval(np.polyfit(frames, cents, 1), frames)
    rate_hz, prominence = _spectral_peak(swing, hop_s)
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ or prominence < MIN_PROMINENCE:
        return None
    if len(cents) * hop_s * rate_hz < MIN_CYCLES or _regularity(swing, 1 / (rate_hz * hop_s)) < MIN_REGULARITY:
        return None
    envelope = _envelope(swing, rate_hz, hop_s)
    modulated = envelope > _HALF * np.percentile(envelope, 90)
    depth_cents = float(np.median(envelope[modulated]))
    if depth_cents < MIN_DEPTH_CENTS or modulated.sum() * hop_s * rate_hz < _ENVELOPE_CYCLES:
        return None
    return VibratoNote(rate_hz, depth_cents, int(modulated.sum()))


def _hann(num_frames: int) -> Contour:
    """Hann window without its zeros, summing to one."""
    window = np.hanning(num_frames + 2)[1:-1]
    normalised: Contour = window / window.sum()
    return normalised


def _spectral_peak(swing: Contour, hop_s: float) -> tuple[float, float]:
    """Frequency in Hz of the strongest modulation near the range of rates, and its ratio to the median one."""
    num_points = max(len(swing), round(1 / (_FFT_RESOLUTION_HZ * hop_s)))
    spectrum = np.abs(np.fft.rfft(swing * _hann(len(swing)), num_points))
    step_hz = 1 / (num_points * hop_s)
    spectrum = spectrum[: round(2 * MAX_RATE_HZ / step_hz)]
    low, high = round(MIN_RATE_HZ / step_hz) - 1, round(MAX_RATE_HZ / step_hz) + 2
    peak = low + int(spectrum[low:high].argmax())
    before, at, after = spectrum[peak - 1 : peak + 2]
    curvature = before - 2 * at + after
    offset = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return (peak + float(offset)) * step_hz, float(at / (np.median(spectrum) + 1e-9))


def _regularity(swing: Contour, cycle_frames: float) -> float:
    """Correlation of a contour with itself one cycle later."""
    lag = round(cycle_frames)
    early, late = swing[:-lag], swing[lag:]
    return float(early @ late / (np.sqrt((early @ early) * (late @ late)) + 1e-9))


def _envelope(swing: Contour, rate_hz: float, hop_s: float) -> Contour:
    """Depth in cents at every frame: twice the magnitude of the contour at the rate, under a moving window."""
    window = _hann(round(_ENVELOPE_CYCLES / (rate_hz * hop_s)) - 1)
    carrier = np.exp(-2j * np.pi * rate_hz * hop_s * np.arange(len(swing)))
    inside = 2 * np.abs(sliding_window_view(swing * carrier, len(window)) @ window)
    missing = len(swing) - len(inside)
    return np.pad(inside, (missing // 2, missing - missing // 2), mode="edge")
