"""The sung line: which notes, where the singer breathes, and the exact F0 contour of both vibrato and glides."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.demo.score import Bar, Singer, Song, Span, bars, chord_tones

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
    """The melody: chord tones near the last note, in the rhythm of the singer's phrase. Empty without a singer."""
    if song.singer is None:
        return []
    rng = np.random.default_rng(song.seed)
    notes: list[Note] = []
    for phrase in _phrases(song, song.singer):
        notes += _phrase_notes(phrase, song.singer, notes[-1].midi if notes else None, rng)
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


def _phrases(song: Song, singer: Singer) -> Iterator[list[Bar]]:
    """Groups of sung bars as long as the singer's phrase."""
    num_bars = round(sum(float(word.lstrip("r")) for word in singer.phrase.split()) / song.beats_per_bar)
    group: list[Bar] = []
    for bar in bars(song):
        group = [*([] if bar.opens_section else group), bar] if bar.section.sung else []
        if len(group) == num_bars:
            yield group
            group = []


def _phrase_notes(phrase: list[Bar], singer: Singer, last_midi: int | None, rng: np.random.Generator) -> list[Note]:
    notes: list[Note] = []
    chords = [chord for bar in phrase for chord in bar.chords]
    time_s, opens = phrase[0].start_s, True
    for word in singer.phrase.split():
        end_s = time_s + float(word.lstrip("r")) * phrase[0].beat_s
        if word.startswith("r"):
            opens = True
        else:
            chord = next(chord for chord in reversed(chords) if chord.start_s <= time_s + 1e-6)
            last_midi = _next_pitch(chord.label, singer, last_midi, rng)
            notes.append(Note(time_s, end_s, last_midi, str(rng.choice(list("aeo"))), phrase[0].section.gain_db, opens))
            opens = False
        time_s = end_s
    return notes


def _next_pitch(label: str, singer: Singer, last_midi: int | None, rng: np.random.Generator) -> int:
    """One of the two nearest other chord tones within the singer's range; the lowest root to begin with."""
    tones = chord_tones(label)
    reachable = [midi for midi in range(singer.lowest_midi, singer.highest_midi + 1) if midi % 12 in tones]
    if last_midi is None:
        return next(midi for midi in reachable if midi % 12 == tones[0])
    nearest = sorted((midi for midi in reachable if midi != last_midi), key=lambda midi: abs(midi - last_midi))
    return int(rng.choice(nearest[:2]))
