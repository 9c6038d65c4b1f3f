"""A singing voice: glottal harmonics on a given F0, shaped by the formants of vowels, and breaths of filtered noise.

Formants follow Peterson and Barney (1952) for the first three and Klatt (1980) above; the vowel filter is Klatt's
cascade of resonances, evaluated at every harmonic instead of run as a filter, so that F0 stays exactly as composed.
"""

import numpy as np
import numpy.typing as npt

from jobs.demo.melody import CONTROL_RATE_HZ, Contour, Note, breaths, f0_contour_hz, sung_notes
from jobs.demo.score import Song, Span

Signal = npt.NDArray[np.float32]  # (samples,)

FORMANTS_HZ = {
    "a": (730, 1090, 2440, 3400, 4500),
    "e": (530, 1840, 2480, 3500, 4500),
    "o": (570, 840, 2410, 3400, 4500),
}
BANDWIDTHS_HZ = np.array([80, 90, 120, 175, 250])
HIGHEST_HARMONIC_HZ = 6000
VOWEL_CHANGE_S = 0.06
ATTACK_S = 0.04
BREATH_BAND_HZ = (1000, 4000)
BREATH_GAIN = 0.06
CONTROL_STEP = 5  # formants move slowly: every fifth control point is enough


def sing(song: Song) -> Signal:
    """The voice part of a song at its own rate, about 0.1 RMS where it sings; zeros without a singer."""
    num_samples = round(song.duration_s * song.rate_hz)
    voice = np.zeros(num_samples, np.float32)
    notes = sung_notes(song)
    if notes and song.singer:
        f0_hz = f0_contour_hz(song)
        formants_hz = _formant_contours_hz(notes, len(f0_hz)) * song.singer.formant_scale
        loudness = _loudness_contour(notes, len(f0_hz))
        for start, end in _phrase_points(notes):
            points = slice(start, end + 1)
            sound = _harmonics(f0_hz[points], formants_hz[points], loudness[points], song.rate_hz)
            first = round(start / CONTROL_RATE_HZ * song.rate_hz)
            voice[first : first + len(sound)] += sound[: num_samples - first]
    for breath in breaths(song):
        _add_breath(voice, breath, song)
    return voice


def _phrase_points(notes: list[Note]) -> list[tuple[int, int]]:
    """First and last control point of every phrase."""
    openings = [i for i, note in enumerate(notes) if note.opens_phrase]
    closings = [i - 1 for i in openings[1:]] + [len(notes) - 1]
    return [
        (round(notes[i].start_s * CONTROL_RATE_HZ), round(notes[j].end_s * CONTROL_RATE_HZ) - 1)
        for i, j in zip(openings, closings, strict=True)
    ]


def _formant_contours_hz(notes: list[Note], num_points: int) -> Contour:
    """``(points, 5)``: the vowel of each note, held until the next, with smooth changes."""
    changes = [round(note.start_s * CONTROL_RATE_HZ) for note in notes]
    held = np.searchsorted(changes, np.arange(num_points), side="right").clip(1) - 1
    formants_hz = np.array([FORMANTS_HZ[note.vowel] for note in notes], float)[held]
    width = round(VOWEL_CHANGE_S * CONTROL_RATE_HZ)
    sums = np.cumsum(np.pad(formants_hz, ((width, 0), (0, 0)), mode="edge"), axis=0)
    smooth: Contour = (sums[width:] - sums[:-width]) / width
    return smooth


def _loudness_contour(notes: list[Note], num_points: int) -> Contour:
    """``(points,)``: a swell from and to silence around phrases, a shallow dip between the notes of one."""
    loudness = np.zeros(num_points)
    for note, following in zip(notes, [*notes[1:], None], strict=True):
        points = slice(round(note.start_s * CONTROL_RATE_HZ), round(note.end_s * CONTROL_RATE_HZ))
        elapsed_s = np.arange(points.stop - points.start) / CONTROL_RATE_HZ
        start_level = 0.0 if note.opens_phrase else 0.4
        end_level = 0.0 if following is None or following.opens_phrase else 0.4
        attack = np.clip(start_level + (1 - start_level) * elapsed_s / ATTACK_S, 0, 1)
        release = np.clip(end_level + (1 - end_level) * (note.duration_s - elapsed_s) / ATTACK_S, 0, 1)
        loudness[points] = 10 ** (note.gain_db / 20) * attack * release
    return loudness


def _harmonics(f0_hz: Contour, formants_hz: Contour, loudness: Contour, rate_hz: int) -> Signal:
    """One phrase: the sum of its harmonics, each as loud as glottis and vowel make it there."""
    num_samples = round((len(f0_hz) - 1) / CONTROL_RATE_HZ * rate_hz)
    points = np.arange(num_samples) * (CONTROL_RATE_HZ / rate_hz)
    cycles = np.cumsum(_Between(points)(f0_hz)) / rate_hz
    turn = np.exp(np.complex64(2j * np.pi) * (cycles % 1).astype(np.float32))
    sound, phasor = np.zeros(num_samples, np.float32), np.ones(num_samples, np.complex64)
    few = np.arange(0, len(f0_hz) + CONTROL_STEP, CONTROL_STEP).clip(max=len(f0_hz) - 1)
    at_samples = _Between(points / CONTROL_STEP)
    for harmonic in range(1, int(HIGHEST_HARMONIC_HZ / f0_hz.min()) + 1):
        phasor *= turn
        heard = _vowel_gain(harmonic * f0_hz[few], formants_hz[few]) / harmonic  # glottis and lips: -6 dB an octave
        sound += phasor.imag * at_samples(heard.astype(np.float32))
    return sound * _Between(points)(loudness).astype(np.float32) * np.float32(0.1)


class _Between:
    """Linear interpolation at fixed positions, counted in points; far faster than ``np.interp`` for many contours."""

    def __init__(self, positions: npt.NDArray[np.floating]) -> None:
        self._left = positions.astype(np.intp)
        self._share = (positions - self._left).astype(np.float32)

    def __call__(self, contour: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        steps = np.diff(contour, append=contour[-1:])
        between: npt.NDArray[np.floating] = contour[self._left] + self._share * steps[self._left]
        return between


def _vowel_gain(frequency_hz: Contour, formants_hz: Contour) -> Contour:
    """Magnitude of a cascade of resonances, 1 at 0 Hz, faded out towards ``HIGHEST_HARMONIC_HZ``."""
    relative = frequency_hz[:, None] / formants_hz
    resonances = np.abs(1 - relative**2 + 1j * relative * BANDWIDTHS_HZ / formants_hz)
    gain: Contour = np.clip(8 * (1 - frequency_hz / HIGHEST_HARMONIC_HZ), 0, 1) / resonances.prod(axis=1)
    return gain


def _add_breath(voice: Signal, breath: Span, song: Song) -> None:
    import scipy.signal

    first, last = round(breath.start_s * song.rate_hz), round(breath.end_s * song.rate_hz)
    noise = np.random.default_rng([song.seed, first]).standard_normal(last - first)
    band = scipy.signal.butter(4, BREATH_BAND_HZ, "bandpass", fs=song.rate_hz, output="sos")
    swell = np.sin(np.pi * np.linspace(0, 1, last - first)) ** 0.5
    voice[first:last] += (BREATH_GAIN * scipy.signal.sosfilt(band, noise) * swell).astype(np.float32)
