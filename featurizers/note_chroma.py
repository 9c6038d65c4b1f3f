"""Chroma of notes instead of partials, tuned, with the bass apart: no model, and no weights.

Mauch and Dixon, "Approximate Note Transcription for the Improved Identification of Difficult Chords", ISMIR 2010:
a spectrum of three bins a semitone is whitened and explained by notes with falling harmonics (non-negative least
squares), so that the fifth and third above a bass note do not count as tones of their own.
"""

from typing import NamedTuple

import numpy as np

from featurizers.beat_votes import FRAMES_PER_S
from featurizers.madmom_spectrogram import RATE_HZ, Floats, magnitudes
from featurizers.tuning import FRAME_SAMPLES as TUNING_FRAME_SAMPLES
from featurizers.tuning import TuningHistogram

_FRAME_SAMPLES = 16384  # parts semitones from 90 Hz on
_CHUNK_FRAMES = 512
_BINS_PER_SEMITONE = 3
_LOWEST_MIDI, _HIGHEST_MIDI = 26, 108
_NOTES = np.arange(28, 97)  # MIDI numbers of the notes that are looked for
_HARMONICS = np.arange(1, 17)
_HARMONIC_DECAY = 0.55  # from one harmonic to the next
_WHITENING_BINS = 37  # an octave
_UPDATES = 20
_TREBLE_MIDI, _BASS_MIDI = (45, 78), (-100, 52)
_FADE_SEMITONES = 6  # at either end of these ranges


class NoteChroma(NamedTuple):
    """Energies of pitch classes, C first: all but the highest notes, and the bass, both ``(frames, 12)``.

    Louder audio has larger values, in no unit. ``tuning_cents`` is what was corrected, None if no tuning stood out.
    """

    treble: Floats
    bass: Floats
    tuning_cents: float | None


class NoteListener:
    """Mono samples at 44.1 kHz, ``(samples,)``, to the chroma of notes at 10 frames a second."""

    def __init__(self) -> None:
        self._bank = _logarithmic_bank()
        self._dictionary = _dictionary()
        self._folds = [_fold(*_TREBLE_MIDI), _fold(*_BASS_MIDI)]

    def __call__(self, samples: Floats) -> NoteChroma:
        cents = _tuning_cents(samples)
        chunks = magnitudes(samples, _FRAME_SAMPLES, RATE_HZ // FRAMES_PER_S)
        spectrum = np.concatenate([chunk[:, : len(self._bank)] @ self._bank for chunk in chunks])
        spectrum /= spectrum.max() or 1
        starts = range(0, len(spectrum), _CHUNK_FRAMES)
        notes = [self._notes(_tuned(spectrum[start:][:_CHUNK_FRAMES], cents or 0)) for start in starts]
        treble, bass = (np.concatenate([chunk @ fold for chunk in notes]) for fold in self._folds)
        return NoteChroma(treble, bass, cents)

    def _notes(self, spectrum: Floats) -> Floats:
        """Activations ``(frames, notes)`` by multiplicative updates (Lee and Seung, NIPS 2000)."""
        likeness = _whitened(spectrum) @ self._dictionary
        overlaps = self._dictionary.T @ self._dictionary
        notes = likeness
        for _ in range(_UPDATES):
            notes = notes * likeness / (notes @ overlaps + np.float32(1e-9))
        return notes


def _tuning_cents(samples: Floats) -> float | None:
    histogram = TuningHistogram()
    for chunk in magnitudes(samples, TUNING_FRAME_SAMPLES, RATE_HZ // FRAMES_PER_S):
        histogram.add(chunk)
    return histogram.cents


def _midi_axis() -> Floats:
    num_bins = (_HIGHEST_MIDI - _LOWEST_MIDI) * _BINS_PER_SEMITONE + 1
    return (_LOWEST_MIDI + np.arange(num_bins) / _BINS_PER_SEMITONE).astype(np.float32)


def _logarithmic_bank() -> Floats:
    """Triangles ``(bins, log bins)`` of mean 1, as wide as a Fourier bin or a log bin, whichever is wider."""
    midi = _midi_axis()
    centres = 440 * 2 ** ((midi - 69) / 12) * _FRAME_SAMPLES / RATE_HZ
    bins_midi = 69 + 12 * np.log2(np.arange(1, _FRAME_SAMPLES // 2) * RATE_HZ / _FRAME_SAMPLES / 440)
    widths = np.maximum(1 / _BINS_PER_SEMITONE, 12 * np.log2((centres + 1) / centres))
    triangles = np.clip(1 - np.abs(bins_midi[:, None] - midi) / widths, 0, None)
    triangles /= triangles.sum(axis=0)
    used = np.flatnonzero(triangles.any(axis=1))[-1] + 1
    return np.pad(triangles[:used], ((1, 0), (0, 0))).astype(np.float32)  # bin 0 has no pitch


def _dictionary() -> Floats:
    """The spectra ``(log bins, notes)`` of notes with geometrically falling harmonics, each of norm 1."""
    partials_midi = _NOTES[:, None] + 12 * np.log2(_HARMONICS)
    shapes = np.clip(1 - np.abs(_midi_axis()[:, None, None] - partials_midi) * _BINS_PER_SEMITONE, 0, None)
    spectra = shapes @ _HARMONIC_DECAY ** (_HARMONICS - 1)
    unit: Floats = (spectra / np.linalg.norm(spectra, axis=0)).astype(np.float32)
    return unit


def _fold(lowest_midi: int, highest_midi: int) -> Floats:
    """Weights ``(notes, 12)`` of notes in pitch classes, fading out around both ends of a range."""
    rise = np.clip((_NOTES - lowest_midi) / _FADE_SEMITONES + 0.5, 0, 1)
    fall = np.clip((highest_midi - _NOTES) / _FADE_SEMITONES + 0.5, 0, 1)
    weights: Floats = ((rise * fall)[:, None] * (_NOTES[:, None] % 12 == np.arange(12))).astype(np.float32)
    return weights


def _tuned(spectrum: Floats, cents: float) -> Floats:
    """The log spectrum with a recording's notes moved to the middle of their bins."""
    num_bins = spectrum.shape[1]
    position = np.arange(num_bins) + cents / 100 * _BINS_PER_SEMITONE
    below = np.floor(position).astype(int)
    share = (position - below).astype(np.float32)
    lower, upper = (spectrum[:, side.clip(0, num_bins - 1)] for side in (below, below + 1))
    tuned: Floats = lower * (1 - share) + upper * share
    return tuned


def _whitened(spectrum: Floats) -> Floats:
    """What exceeds the mean of the octave around, over the square root of its deviation there."""
    from scipy.ndimage import uniform_filter1d

    mean = uniform_filter1d(spectrum, _WHITENING_BINS, axis=1, mode="reflect")
    variance = uniform_filter1d(spectrum**2, _WHITENING_BINS, axis=1, mode="reflect") - mean**2
    whitened: Floats = np.clip(spectrum - mean, 0, None) / np.maximum(variance, 1e-16) ** np.float32(0.25)
    return whitened
