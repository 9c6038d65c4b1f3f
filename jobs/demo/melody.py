"""The sung line: which notes, where the singer breathes, and the exact F0 contour of both vibrato and glides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from jobs.demo.score import Bar, Singer, Song, Span, chord_tones, midi_number, section_bars

VOWELS = ("a", "e", "o")
CONTROL_RATE_HZ = 1000
"""Points a second at which F0 and loudness of the voice are composed."""
SUSTAINED_S = 0.8
GLIDE_S = 0.05
VIBRATO_DELAY_S = 0.2
VIBRATO_FADE_S = 0.1
BREATH_S = 0.3
BREATH_GAP_S = 0.06
"""Pause between a breath and its phrase, and the least pause before a breath."""

Contour = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Note:
    """One sung note. ``opens_phrase`` notes start from silence, the others glide from the note before."""

    start_s: float
    end_s: float
    midi: int
    vowel: str
    gain_db: float
    opens_phrase: bool

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def sung_notes(song: Song) -> list[Note]:
    """Every note of the voice in order; empty without a singer.

    ValueError if a section's written melody has another number of notes than its phrases.
    """
    if song.singer is None:
        return []
    rng = np.random.default_rng(song.seed)
    notes: list[Note] = []
    for section in section_bars(song):
        slots = list(_slots(section, song.singer)) if section[0].section.sung else []
        written = section[0].section.melody.split() or [""] * len(slots)
        for (slot, chord), name in zip(slots, written, strict=True):
            last_midi = notes[-1].midi if notes else None
            midi = midi_number(name) if name else _next_pitch(chord, song.singer, last_midi, rng)
            notes.append(replace(slot, midi=midi, vowel=str(rng.choice(VOWELS))))
    return notes


def breaths(song: Song) -> list[Span]:
    """Breaths before the phrases that leave room for one."""
    spans, silent_from_s = [], 0.0
    for note in sung_notes(song):
        end_s = note.start_s - BREATH_GAP_S
        if note.opens_phrase and end_s - BREATH_S >= silent_from_s + BREATH_GAP_S:
            spans.append(Span(end_s - BREATH_S, end_s, "breath"))
        silent_from_s = note.end_s
    return spans


def f0_contour_hz(song: Song) -> Contour:
    """F0 at ``CONTROL_RATE_HZ`` from 0 to the end of the song, 0 where nobody sings; ``(points,)``."""
    semitones = np.zeros(int(np.ceil(song.duration_s * CONTROL_RATE_HZ)) + 1)
    previous_midi = 0
    for note in sung_notes(song):
        points = slice(round(note.start_s * CONTROL_RATE_HZ), round(note.end_s * CONTROL_RATE_HZ))
        elapsed_s = np.arange(points.stop - points.start) / CONTROL_RATE_HZ
        glide = 0 if note.opens_phrase else (previous_midi - note.midi) * (1 - _smooth_step(elapsed_s / GLIDE_S))
        semitones[points] = note.midi + glide + _vibrato_semitones(note, elapsed_s, song.singer)
        previous_midi = note.midi
    return np.where(semitones > 0, 440 * 2 ** ((semitones - 69) / 12), 0.0)


def _vibrato_semitones(note: Note, elapsed_s: Contour, singer: Singer | None) -> Contour:
    if singer is None or note.duration_s < SUSTAINED_S:
        return np.zeros_like(elapsed_s)
    since_onset_s = elapsed_s - VIBRATO_DELAY_S
    fade_in = _smooth_step(since_onset_s / VIBRATO_FADE_S)
    fade_out = _smooth_step((note.duration_s - elapsed_s) / GLIDE_S)
    swing = np.sin(2 * np.pi * singer.vibrato_rate_hz * since_onset_s)
    return singer.vibrato_depth_cents / 100 * fade_in * fade_out * swing


def _smooth_step(position: Contour) -> Contour:
    clipped = np.clip(position, 0, 1)
    return clipped * clipped * (3 - 2 * clipped)


def _slots(section: list[Bar], singer: Singer) -> Iterator[tuple[Note, str]]:
    """The rhythm of a section's phrases, pitches still to be found, with the chord that each note starts on."""
    words = [(word.startswith("r"), float(word.lstrip("r"))) for word in singer.phrase.split()]
    chords = [chord for bar in section for chord in bar.chords]
    phrase_s = sum(beats for _, beats in words) * section[0].beat_s
    num_phrases = int((section[-1].end_s - section[0].start_s) / phrase_s + 1e-6)
    for number in range(num_phrases):
        time_s, opens = section[0].start_s + number * phrase_s, True
        for is_rest, beats in words:
            end_s = time_s + beats * section[0].beat_s
            if not is_rest:
                chord = next(chord for chord in reversed(chords) if chord.start_s <= time_s + 1e-6)
                yield Note(time_s, end_s, 0, "", section[0].section.gain_db, opens), chord.label
            time_s, opens = end_s, is_rest


def _next_pitch(chord: str, singer: Singer, last_midi: int | None, rng: np.random.Generator) -> int:
    """One of the two nearest other chord tones within the singer's range; the lowest root to begin with."""
    tones = chord_tones(chord)
    reachable = [midi for midi in range(singer.lowest_midi, singer.highest_midi + 1) if midi % 12 in tones]
    if last_midi is None:
        return next(midi for midi in reachable if midi % 12 == tones[0])
    nearest = sorted((midi for midi in reachable if midi != last_midi), key=lambda midi: abs(midi - last_midi))
    return int(rng.choice(nearest[:2]))
