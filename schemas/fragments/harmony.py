"""Key and chords."""

import pyarrow as pa

from schemas.fragment import Fragment, column

CHORD = pa.struct(
    [
        column("start_s", pa.float32(), unit="s", doc="Start of the span."),
        column("end_s", pa.float32(), unit="s", doc="End of the span."),
        column("label", pa.string(), doc="Chord in Harte syntax (C:maj, A:min), N for no chord."),
        column("confidence", pa.float32(), doc="0-1, share of the span in which the label is right, as expected."),
    ]
)
RANKED_KEY = pa.struct(
    [
        column("key", pa.string(), doc="Tonic and mode."),
        column("key_index", pa.int8(), doc="0-23, as in the column key_index."),
        column("probability", pa.float32(), doc="0-1; they sum to 1."),
    ]
)

HARMONY = Fragment(
    name="harmony",
    version=2,
    doc=(
        "One global key, tuning, and chords over time. Silence is below -70 dB RMS throughout, or shorter than 0.1 s."
        " Confidences were fitted to rendered songs and chorales, for few real recordings were at hand: on those,"
        " take them as an order rather than as shares."
    ),
    fields=(
        column("key", pa.string(), doc="Tonic and mode, e.g. C major, F# minor; null in silence or below 1.4 s."),
        column("key_index", pa.int8(), doc="0-23: pitch class of the tonic, C = 0, plus 12 if minor."),
        column("key_confidence", pa.float32(), doc="0-1, probability of the key by networks, tones and chords."),
        column("keys", pa.list_(RANKED_KEY), doc="All 24 keys, the most probable first; empty where key is null."),
        column(
            "key_agreement",
            pa.float32(),
            doc=(
                "With the key by profiles, which knows no networks; for method templates, by tones alone: 1 the same,"
                " 0.5 a fifth apart, 0.3 relative, 0.2 parallel, else 0 (MIREX, symmetric)."
            ),
        ),
        column(
            "chords",
            pa.list_(CHORD),
            doc="Spans in order, without gaps, changing on beats where rhythm has some near; empty in silence.",
        ),
        column(
            "chord_agreement",
            pa.float32(),
            doc="0-1, share of time with the same chord by templates; null in silence and for method templates.",
        ),
        column(
            "tuning_cents",
            pa.float32(),
            unit="cents",
            doc="A4 from 440 Hz, -50 to 50; null in silence and noise. Chords, chroma and key are corrected for it.",
        ),
        column(
            "chroma_mean",
            pa.list_(pa.float32(), 12),
            doc="Mean chroma, C first, summing to 1: deep, or of notes for method templates; null in silence.",
        ),
        column("harmony_model", pa.string(), doc="Model ids and revisions; note-templates where none is loaded."),
    ),
)
