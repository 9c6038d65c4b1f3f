"""The songs of the demo, as data, and short ones in any number for tests."""

from jobs.demo.score import Mix, Release, Section, Singer, Song

LETTERS = Release("Ada Quill", "Low Tide Letters", 2024, "Pop")
GLASS = Release("Ada Quill", "Glass Road", 2026, "Pop")
TIDES = Release("The Slow Tides", "Night Ferry", 2019, "Folk")
VOICE_AND_SNAPS = Mix(drums_db=None, snaps_db=-18, bass_db=None, keys_db=None, pad_db=None, voice_db=0)

HARBOUR_LIGHTS = Song(
    title="Harbour Lights",
    key="C major",
    tempo_bpm=120,
    suffix=".wav",
    sections=(
        Section("intro", "C:maj | F:maj G:maj", gain_db=-6),
        Section("verse", "C:maj | A:min | F:maj | G:maj", gain_db=-3, sung=True),
        Section("chorus", "F:maj | G:maj | C:maj | A:min", sung=True),
        Section("bridge", "D:min | F:maj | D:min | G:maj", gain_db=-6),
        Section("outro", "F:maj G:maj | C:maj", gain_db=-3),
    ),
    singer=Singer("1 1 2 3 r1", vibrato_rate_hz=5.5, vibrato_depth_cents=60),
    track_number=1,
    seed=1,
    release=LETTERS,
)
COPPER_WIRE = Song(
    title="Copper Wire",
    key="A minor",
    tempo_bpm=100,
    suffix=".flac",
    sections=(
        Section("intro", "A:min | E:maj", gain_db=-6),
        Section("verse", "A:min | F:maj | D:min | E:maj", gain_db=-3, sung=True),
        Section("chorus", "A:min | C:maj | D:min | E:maj", sung=True),
        Section("outro", "D:min E:maj | A:min", gain_db=-4),
    ),
    singer=Singer("1.5 0.5 2 2 r2", vibrato_rate_hz=6.0, vibrato_depth_cents=45, lowest_midi=59, highest_midi=74),
    track_number=2,
    seed=2,
    release=LETTERS,
)
TURNING_WHEEL = Song(
    title="Turning Wheel",
    key="G major",
    tempo_bpm=132,
    beats_per_bar=3,
    suffix=".mp3",
    sections=(
        Section("intro", "G:maj | C:maj | D:maj | G:maj", gain_db=-6),
        Section("verse", "G:maj | E:min | C:maj | D:maj | G:maj | E:min | C:maj | D:maj", gain_db=-3, sung=True),
        Section("chorus", "C:maj | D:maj | G:maj | E:min | C:maj | D:maj | G:maj | G:maj", sung=True),
    ),
    singer=Singer("2 1 3 2 1 2 r1", vibrato_rate_hz=5.0, vibrato_depth_cents=70),
    track_number=3,
    seed=3,
    release=LETTERS,
)
NIGHT_FERRY = Song(
    title="Night Ferry",
    key="E minor",
    tempo_bpm=112,
    suffix=".ogg",
    sections=(
        Section("intro", "E:min | B:maj", gain_db=-6),
        Section("verse", "E:min | G:maj | A:min | B:maj", gain_db=-3, sung=True),
        Section("chorus", "E:min | C:maj | A:min | B:maj", sung=True),
        Section("outro", "A:min B:maj | E:min", gain_db=-4),
    ),
    singer=Singer("2 1 1 3 r1", 5.8, 50, lowest_midi=45, highest_midi=60, formant_scale=0.92),
    track_number=1,
    seed=4,
    release=TIDES,
)
PAPER_MOONS = Song(
    title="Paper Moons",
    key="F major",
    tempo_bpm=96,
    beats_per_bar=3,
    suffix=".opus",
    rate_hz=48000,
    sections=(
        Section("intro", "F:maj | C:maj", gain_db=-6),
        Section("verse", "F:maj | D:min | Bb:maj | C:maj", gain_db=-3, sung=True),
        Section("chorus", "Bb:maj | C:maj | F:maj | D:min | Bb:maj | C:maj", sung=True),
        Section("outro", "Bb:maj | F:maj", gain_db=-4),
    ),
    singer=Singer("1 2 2 r1", 6.2, 55, lowest_midi=48, highest_midi=62, formant_scale=0.92),
    track_number=2,
    seed=5,
    release=TIDES,
)
GLASS_ROAD = Song(
    title="Glass Road",
    key="Bb major",
    tempo_bpm=140,
    suffix=".m4a",
    sections=(
        Section("intro", "Bb:maj | F:maj", gain_db=-6),
        Section("verse", "Bb:maj | G:min | Eb:maj | F:maj", gain_db=-3, sung=True),
        Section("chorus", "Eb:maj | F:maj | Bb:maj | G:min", sung=True),
        Section("bridge", "C:min | G:min | Eb:maj | F:maj", gain_db=-6),
        Section("outro", "Eb:maj F:maj | Bb:maj", gain_db=-3),
    ),
    singer=Singer("2 2 3 r1", 5.3, 65, lowest_midi=58, highest_midi=74, formant_scale=1.1),
    track_number=1,
    seed=6,
    release=GLASS,
)
ENGINE_ROOM = Song(
    title="Engine Room",
    key="F# minor",
    tempo_bpm=128,
    suffix=".flac",
    sections=(
        Section("intro", "F#:min | C#:maj", gain_db=-6),
        Section("verse", "F#:min | D:maj | B:min | C#:maj", gain_db=-3),
        Section("chorus", "F#:min | A:maj | B:min | C#:maj"),
        Section("outro", "B:min C#:maj | F#:min", gain_db=-4),
    ),
    track_number=3,
    seed=7,
    release=TIDES,
)
ON_THE_SILL = Song(
    title="On the Sill",
    key="D major",
    tempo_bpm=84,
    suffix=".flac",
    sections=(
        Section(
            "verse", "D:maj | A:maj | G:maj | D:maj", "D4 E4 F#4 G4 A4 D4 B4 A4 G4 F#4 E4 D4", gain_db=-2, sung=True
        ),
        Section(
            "chorus",
            "G:maj | A:maj | D:maj | B:min | A:maj | D:maj",
            "G4 F#4 G4 B4 A4 C#5 D5 C#5 B4 A4 F#4 D4 E4 F#4 G4 A4 C#4 D4",
            sung=True,
        ),
    ),
    singer=Singer("0.5 0.5 0.5 0.5 2 2 r2", vibrato_rate_hz=5.6, vibrato_depth_cents=50),
    mix=VOICE_AND_SNAPS,
    loudness_lufs=-20,
    track_number=4,
    seed=8,
    release=TIDES,
)

SONGS = (
    HARBOUR_LIGHTS,
    COPPER_WIRE,
    TURNING_WHEEL,
    NIGHT_FERRY,
    PAPER_MOONS,
    GLASS_ROAD,
    ENGINE_ROOM,
    ON_THE_SILL,
)


SHORT_FORMS = (
    ("C major", 120, 4, "C:maj | F:maj", "G:maj | C:maj"),
    ("A minor", 100, 4, "A:min | D:min", "E:maj | A:min"),
    ("G major", 132, 3, "G:maj | C:maj", "D:maj | D:maj | C:maj | G:maj"),
    ("E minor", 112, 4, "E:min | A:min", "B:maj | E:min"),
    ("F major", 96, 3, "F:maj | Bb:maj", "C:maj | F:maj"),
    ("Bb major", 140, 4, "Bb:maj | Eb:maj", "F:maj | Bb:maj"),
)


def short_song(seed: int = 0, suffix: str = ".wav") -> Song:
    """A song of 8 to 11 s; every seed gives other samples and another title, neighbours another key and tempo."""
    key, tempo_bpm, beats_per_bar, verse, chorus = SHORT_FORMS[seed % len(SHORT_FORMS)]
    rhythm, depth_cents = ("1 1 3 r1", 40 + 5 * (seed % 5)) if beats_per_bar == 3 else ("1 1 2 3 r1", 60)
    return Song(
        title=f"Sketch {seed}",
        key=key,
        tempo_bpm=tempo_bpm,
        beats_per_bar=beats_per_bar,
        sections=(Section("verse", verse, gain_db=-3, sung=True), Section("chorus", chorus, sung=True)),
        singer=Singer(rhythm, vibrato_rate_hz=5.5, vibrato_depth_cents=depth_cents),
        suffix=suffix,
        rate_hz=48000 if suffix == ".opus" else 44100,
        track_number=seed % 99 + 1,
        release=Release(album="Sketches"),
        seed=seed,
    )
