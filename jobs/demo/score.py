"""What is composed: a song as data, and the bars, chords and sections that follow from it in seconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

NO_CHORD = "N"
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
INTERVALS = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}


def pitch_class(name: str) -> int:
    """Pitch class of a note name such as C, F# or Bb; C = 0. KeyError if it is none."""
    return (STEPS[name[0]] + name.count("#") - name[1:].count("b")) % 12


def chord_tones(label: str) -> tuple[int, ...]:
    """Pitch classes of a Harte label (Harte et al., ISMIR 2005), root first. KeyError if the quality is unknown."""
    root, _, quality = label.partition(":")
    return tuple((pitch_class(root) + interval) % 12 for interval in INTERVALS[quality or "maj"])


@dataclass(frozen=True)
class Section:
    """A part of the form. ``chords`` holds bars separated by ``|``; the chords of a bar share it equally."""

    type: str
    chords: str
    gain_db: float = 0.0
    sung: bool = False
    drums: bool = True


@dataclass(frozen=True)
class Singer:
    """A voice and how it phrases.

    ``phrase`` is the rhythm of every phrase in beats (``r`` marks a rest) and fills whole bars.
    Notes that last ``SUSTAINED_S`` get the vibrato; its depth is half of peak to peak.
    """

    phrase: str
    vibrato_rate_hz: float
    vibrato_depth_cents: float
    lowest_midi: int = 57
    highest_midi: int = 72
    formant_scale: float = 1.0


@dataclass(frozen=True)
class Mix:
    """Level of each part in decibels, before mastering; ``None`` leaves the part out."""

    drums_db: float | None = 0.0
    snaps_db: float | None = None
    bass_db: float | None = -3.0
    keys_db: float | None = -6.0
    pad_db: float | None = -12.0
    voice_db: float = -3.0


@dataclass(frozen=True)
class Song:
    """Everything there is to know about a song; its samples and its truth both follow from this."""

    title: str
    key: str
    tempo_bpm: float
    sections: tuple[Section, ...]
    beats_per_bar: int = 4
    singer: Singer | None = None
    mix: Mix = field(default_factory=Mix)
    suffix: str = ".wav"
    artist: str = "Ada Quill"
    album: str = "Low Tide Letters"
    year: int = 2024
    genre: str = "Pop"
    track_number: int = 1
    loudness_lufs: float = -18.0
    rate_hz: int = 44100
    lead_in_s: float = 0.5
    tail_s: float = 0.8
    seed: int = 0

    @property
    def beat_s(self) -> float:
        return 60 / self.tempo_bpm

    @property
    def num_bars(self) -> int:
        return sum(1 for _ in bars(self))

    @property
    def duration_s(self) -> float:
        return self.lead_in_s + self.num_bars * self.beats_per_bar * self.beat_s + self.tail_s

    @property
    def file_name(self) -> str:
        return f"{self.track_number:02d} {self.title}{self.suffix}"


@dataclass(frozen=True)
class Span:
    """Something that lasts, with its name."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True)
class Bar:
    """One bar in time: its section, and the chords that share it."""

    start_s: float
    beat_s: float
    num_beats: int
    section: Section
    opens_section: bool
    chords: tuple[Span, ...]

    @property
    def end_s(self) -> float:
        return self.start_s + self.num_beats * self.beat_s

    @property
    def beats_s(self) -> list[float]:
        return [self.start_s + beat * self.beat_s for beat in range(self.num_beats)]


def bars(song: Song) -> Iterator[Bar]:
    """Every bar of the song, in order."""
    index = 0
    for section in song.sections:
        for number, text in enumerate(section.chords.split("|")):
            start_s = song.lead_in_s + index * song.beats_per_bar * song.beat_s
            labels = text.split()
            chord_s = song.beats_per_bar * song.beat_s / len(labels)
            spans = [Span(start_s + i * chord_s, start_s + (i + 1) * chord_s, label) for i, label in enumerate(labels)]
            yield Bar(start_s, song.beat_s, song.beats_per_bar, section, number == 0, tuple(spans))
            index += 1


def chord_spans(song: Song) -> list[Span]:
    """The chords from 0 to the end of the song without gaps, equal neighbours joined, N where nothing plays."""
    played = [(chord.start_s, chord.label) for bar in bars(song) for chord in bar.chords]
    every = [(0.0, NO_CHORD), *played, (song.duration_s - song.tail_s, NO_CHORD)]
    changes = [next(group) for _, group in groupby(every, key=lambda start: start[1])]
    return _tiled([start_s for start_s, _ in changes], song.duration_s, [label for _, label in changes])


def section_spans(song: Song) -> list[Span]:
    """The sections from 0 to the end of the song without gaps; the outer ones own the silence around the music."""
    openings_s = [bar.start_s for bar in bars(song) if bar.opens_section]
    return _tiled([0.0, *openings_s[1:]], song.duration_s, [section.type for section in song.sections])


def _tiled(starts_s: list[float], end_s: float, labels: list[str]) -> list[Span]:
    return [Span(*span) for span in zip(starts_s, [*starts_s[1:], end_s], labels, strict=True)]
