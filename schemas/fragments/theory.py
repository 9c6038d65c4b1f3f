"""What a theorist reads off chords, beats and onsets."""

import pyarrow as pa

from schemas.fragment import Fragment, column

ROMAN_NUMERAL = pa.struct(
    [
        column("start_s", pa.float32(), unit="s", doc="Start of the chord."),
        column("end_s", pa.float32(), unit="s", doc="End of the chord."),
        column("numeral", pa.string(), doc="Roman numeral in the key, e.g. I, vi, V7, bVII, viio7/V."),
        column("degree", pa.int8(), doc="Scale degree of the root, 1-7; sharp or flat as the numeral says."),
        column("function", pa.string(), doc="tonic, tonic_substitute, subdominant, dominant; null for other chords."),
        column("borrowed", pa.bool_(), doc="Whether the parallel key has the chord and the key does not."),
        column("secondary_of", pa.string(), doc="The numeral it is V or viio of, e.g. V; null if it is none."),
    ]
)
CADENCE = pa.struct(
    [
        column("time_s", pa.float32(), unit="s", doc="When the last chord of the cadence begins."),
        column(
            "type",
            pa.string(),
            doc="authentic, authentic_imperfect (a chord is inverted, or viio), plagal, half, deceptive.",
        ),
    ]
)
PROGRESSION = pa.struct(
    [
        column("name", pa.string(), doc="Name in the table of progressions, e.g. I-V-vi-IV, 12-bar blues."),
        column("start_s", pa.float32(), unit="s", doc="Start of the first chord."),
        column("end_s", pa.float32(), unit="s", doc="End of the last chord of the last repetition."),
        column("repetitions", pa.int16(), doc="Complete rounds played in a row."),
    ]
)
POLYRHYTHM = pa.struct(
    [
        column("ratio", pa.string(), doc="The two pulses, e.g. 3:2."),
        column(
            "strength",
            pa.float32(),
            doc="Share of the cycles (a beat, two beats or a bar) in which one band plays the one pulse and another the"
            " other, 0-1; at least four bars in all.",
        ),
    ]
)
GENRE = pa.struct(
    [
        column("genre", pa.string(), doc="Genre."),
        column("confidence", pa.float32(), doc="0-1."),
        column("reasons", pa.list_(pa.string()), doc="What speaks for it, in words."),
    ]
)

THEORY = Fragment(
    name="theory",
    version=1,
    doc="Harmony and rhythm explained by stated rules over the columns of other fragments; no audio, no model.",
    fields=(
        column("roman_numerals", pa.list_(ROMAN_NUMERAL), doc="One a chord, none for N; empty without key or chords."),
        column("progression", pa.string(), doc="Named progression that covers most time; null if none is found."),
        column(
            "progressions", pa.list_(PROGRESSION), doc="Every named progression in order of time; empty without key."
        ),
        column("cadences", pa.list_(CADENCE), doc="Cadences at ends of phrases in order of time; empty without key."),
        column(
            "voice_leading_score",
            pa.float32(),
            doc="Mean least motion from chord to chord in semitones a voice; null without changes.",
        ),
        column("voice_leading_quality", pa.string(), doc="Up to 0.75 smooth, 1.25 good, 1.75 moderate, else disjunct."),
        column("harmonic_rhythm_per_bar", pa.float32(), doc="Chord changes a bar; null without bars or chords."),
        column(
            "harmonic_complexity",
            pa.float32(),
            doc="0-1: 0.5 entropy of numerals, 0.3 chromatic share, 0.2 mean quality; null without key or chords.",
        ),
        column(
            "theory_confidence",
            pa.float32(),
            doc="0-1, confidence of the key times mean confidence of the chords; null without either.",
        ),
        column(
            "syncopation",
            pa.float32(),
            doc="Longuet-Higgins and Lee, mean a bar with onsets on a grid of 16ths; null without beats or onsets.",
        ),
        column(
            "note_density_hz",
            pa.float32(),
            unit="hz",
            doc="Onsets a second from the first beat to the end of the last; null without beats.",
        ),
        column(
            "metric_strengths",
            pa.list_(pa.float32()),
            doc="Mean onset strength a 16th of the bar, loudest = 1; null without beats or onsets.",
        ),
        column("polyrhythms", pa.list_(POLYRHYTHM), doc="Evidence of two pulses against each other."),
        column(
            "rhythmic_complexity",
            pa.float32(),
            doc="Mean of s / (s + 4) for syncopation s, entropy of onset intervals over 3 bits, and change between"
            " bars, 0-1; null where syncopation is.",
        ),
        column(
            "genres",
            pa.list_(GENRE),
            doc="At most five of confidence 0.15 or more, the first most confident; at most 0.3 without CLAP.",
        ),
    ),
)
