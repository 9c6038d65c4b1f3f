"""The songs of the demo, as data, and short ones in any number for tests."""

from jobs.demo.score import Mix, Section, Singer, Song

ADA = {"artist": "Ada Quill", "album": "Low Tide Letters", "year": 2024, "genre": "Pop"}
TIDES = {"artist": "The Slow Tides", "album": "Night Ferry", "year": 2019, "genre": "Folk"}

HARBOUR_LIGHTS = Song(
    title="Harbour Lights",
    key="C major",
    tempo_bpm=120,
    suffix=".wav",
    sections=(
        Section("intro", "C:maj | F:maj G:maj", -6),
        Section("verse", "C:maj | A:min | F:maj | G:maj", -3, sung=True),
        Section("chorus", "F:maj | G:maj | C:maj | A:min", sung=True),
        Section("bridge", "D:min | F:maj | D:min | G:maj", -6),
        Section("outro", "F:maj G:maj | C:maj", -3),
    ),
    singer=Singer("1 1 2 3 r1", vibrato_rate_hz=5.5, vibrato_depth_cents=60),
    track_number=1,
    seed=1,
    **ADA,
)
COPPER_WIRE = Song(
    title="Copper Wire",
    key="A minor",
    tempo_bpm=100,
    suffix=".flac",
    sections=(
        Section("intro", "A:min | E:maj", -6),
        Section("verse", "A:min | F:maj | D:min | E:maj", -3, sung=True),
        Section("chorus", "A:min | C:maj | D:min | E:maj", sung=True),
        Section("outro", "D:min E:maj | A:min", -4),
    ),
    singer=Singer("1.5 0.5 2 2 r2", vibrato_rate_hz=6.0, vibrato_depth_cents=45, lowest_midi=59, highest_midi=74),
    track_number=2,
    seed=2,
    **ADA,
)
TURNING_WHEEL = Song(
    title="Turning Wheel",
    key="G major",
    tempo_bpm=132,
    beats_per_bar=3,
    suffix=".mp3",
    sections=(
        Section("intro", "G:maj | C:maj | D:maj | G:maj", -6),
        Section("verse", "G:maj | E:min | C:maj | D:maj | G:maj | E:min | C:maj | D:maj", -3, sung=True),
        Section("chorus", "C:maj | D:maj | G:maj | E:min | C:maj | D:maj | G:maj | G:maj", sung=True),
    ),
    singer=Singer("2 1 3 2 1 2 r1", vibrato_rate_hz=5.0, vibrato_depth_cents=70),
    track_number=3,
    seed=3,
    **ADA,
)
NIGHT_FERRY = Song(
    title="Night Ferry",
    key="E minor",
    tempo_bpm=112,
    suffix=".ogg",
    sections=(
        Section("intro", "E:min | B:maj", -6),
        Section("verse", "E:min | G:maj | A:min | B:maj", -3, sung=True),
        Section("chorus", "E:min | C:maj | A:min | B:maj", sung=True),
        Section("outro", "A:min B:maj | E:min", -4),
    ),
    singer=Singer("2 1 1 3 r1", 5.8, 50, lowest_midi=45, highest_midi=60, formant_scale=0.92),
    track_number=1,
    seed=4,
    **TIDES,
)
PAPER_MOONS = Song(
    title="Paper Moons",
    key="F major",
    tempo_bpm=96,
    beats_per_bar=3,
    suffix=".opus",
    rate_hz=48000,
    sections=(
        Section("intro", "F:maj | C:maj", -6),
        Section("verse", "F:maj | D:min | Bb:maj | C:maj", -3, sung=True),
        Section("chorus", "Bb:maj | C:maj | F:maj | D:min | Bb:maj | C:maj", sung=True),
        Section("outro", "Bb:maj | F:maj", -4),
    ),
    singer=Singer("1 2 2 r1", 6.2, 55, lowest_midi=48, highest_midi=62, formant_scale=0.92),
    track_number=2,
    seed=5,
    **TIDES,
)
GLASS_ROAD = Song(
    title="Glass Road",
    key="Bb major",
    tempo_bpm=140,
    suffix=".m4a",
    sections=(
        Section("intro", "Bb:maj | F:maj", -6),
        Section("verse", "Bb:maj | G:min | Eb:maj | F:maj", -3, sung=True),
        Section("chorus", "Eb:maj | F:maj | Bb:maj | G:min", sung=True),
        Section("bridge", "C:min | G:min | Eb:maj | F:maj", -6),
        Section("outro", "Eb:maj F:maj | Bb:maj", -3),
    ),
    singer=Singer("2 2 3 r1", 5.3, 65, lowest_midi=58, highest_midi=74, formant_scale=1.1),
    track_number=1,
    seed=6,
    **(ADA | {"album": "Glass Road", "year": 2026}),
)
ENGINE_ROOM = Song(
    title="Engine Room",
    key="F# minor",
    tempo_bpm=128,
    suffix=".flac",
    sections=(
        Section("intro", "F#:min | C#:maj", -6),
        Section("verse", "F#:min | D:maj | B:min | C#:maj", -3),
        Section("chorus", "F#:min | A:maj | B:min | C#:maj"),
        Section("outro", "B:min C#:maj | F#:min", -4),
    ),
    track_number=3,
    seed=7,
    **TIDES,
)
ON_THE_SILL = Song(
    title="On the Sill",
    key="D major",
    tempo_bpm=84,
    suffix=".flac",
    sections=(
        Section("verse", "D:maj | A:maj | G:maj | D:maj", -2, sung=True),
        Section("chorus", "G:maj | A:maj | D:maj | B:min | A:maj | D:maj", sung=True),
    ),
    singer=Singer("1 1 2 2 r2", vibrato_rate_hz=5.6, vibrato_depth_cents=50),
    mix=Mix(drums_db=None, bass_db=None, keys_db=None, pad_db=-34, snaps_db=-18, voice_db=0),
    loudness_lufs=-20,
    track_number=4,
    seed=8,
    **TIDES,
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
