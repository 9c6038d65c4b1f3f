"""What is composed: a song as data, and the bars, chords and sections that follow from it in seconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain, groupby

from schemas.pitch_classes import pitch_class

NO_CHORD = "N"
INTERVALS = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}


def midi_number(name: str) -> int:
    """MIDI number of a note such as F#4; C4 = 60."""
    return pitch_class(name[:-1]) + 12 * (int(name[-1]) + 1)


def chord_tones(label: str) -> tuple[int, ...]:
    """Pitch classes of a Harte label (Harte et al., ISMIR 2005), root first. KeyError if the quality is unknown."""
    root, _, quality = label.partition(":")
    return tuple((pitch_class(root) + interval) % 12 for interval in INTERVALS[quality or "maj"])


@dataclass(frozen=True)
class Section:
    """A part of the form.

    ``chords`` holds bars separated by ``|``; the chords of a bar share it equally. ``melody`` names the notes to
    sing, such as ``F#4``, as many as the phrases of the section need; without it the singer finds chord tones.
    """

    type: str
    chords: str
    melody: str = ""
    gain_db: float = 0.0
    sung: bool = False

    @property
    def bar_chords(self) -> list[str]:
        return self.chords.split("|")

    @property
    def num_bars(self) -> int:
        return len(self.bar_chords)


@dataclass(frozen=True)
class Singer:
    """A voice and how it phrases.

    ``phrase`` is the rhythm of every phrase in beats (``r`` marks a rest) and fills whole bars.
    Sustained notes get the vibrato, whose depth is half of peak to peak. A longer vocal tract has lower formants.
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

    @property
    def is_unaccompanied(self) -> bool:
        """Whether nothing with a pitch plays beside the voice."""
        return self.bass_db is self.keys_db is self.pad_db is None


@dataclass(frozen=True)
class Release:
    """What the tags of an album's songs share."""

    artist: str = "Ada Quill"
    album: str = "Low Tide Letters"
    year: int = 2024
    genre: str = "Pop"

    @property
    def copyright(self) -> str:
        return f"CC0-1.0, {self.year} {self.artist}"


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
    release: Release = field(default_factory=Release)
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
    def duration_s(self) -> float:
        num_bars = sum(section.num_bars for section in self.sections)
        return self.lead_in_s + num_bars * self.beats_per_bar * self.beat_s + self.tail_s

    @property
    def file_name(self) -> str:
        """Unique among songs with different titles and numbers."""
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


def section_bars(song: Song) -> list[list[Bar]]:
    """The bars of every section, in order."""
    first_bars = accumulate((section.num_bars for section in song.sections), initial=0)
    return [
        [_bar(song, section, first + number, number == 0, text) for number, text in enumerate(section.bar_chords)]
        for first, section in zip(first_bars, song.sections, strict=False)
    ]


def bars(song: Song) -> Iterator[Bar]:
    """Every bar of the song, in order."""
    return chain.from_iterable(section_bars(song))


def _bar(song: Song, section: Section, index: int, opens_section: bool, chords: str) -> Bar:
    labels = chords.split()
    bar_s = song.beats_per_bar * song.beat_s
    starts_s = [song.lead_in_s + (index + i / len(labels)) * bar_s for i in range(len(labels) + 1)]
    spans = tuple(Span(*span) for span in zip(starts_s, starts_s[1:], labels, strict=False))
    return Bar(starts_s[0], song.beat_s, song.beats_per_bar, section, opens_section, spans)


def chord_spans(song: Song) -> list[Span]:
    """The chords from 0 to the end of the song without gaps, equal neighbours joined, N where none is played.

    A voice alone has no chords, whatever its melody suggests.
    """
    if song.mix.is_unaccompanied:
        return [Span(0.0, song.duration_s, NO_CHORD)]
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
