"""Key and chords."""

import pyarrow as pa

from schemas.fragment import Fragment, column

CHORD = pa.struct(
    [
        column("start_s", pa.float32(), unit="s", doc="Start of the span."),
        column("end_s", pa.float32(), unit="s", doc="End of the span."),
        column("label", pa.string(), doc="Chord in Harte syntax (C:maj, A:min), N for no chord."),
        column("confidence", pa.float32(), doc="0-1, mean posterior of the label over the span."),
    ]
)

HARMONY = Fragment(
    name="harmony",
    version=1,
    doc="One global key, and chords over time. Silence is below -70 dB RMS throughout, or shorter than 0.1 s.",
    fields=(
        column("key", pa.string(), doc="Tonic and mode, e.g. C major, F# minor; null in silence or below 1.4 s."),
        column("key_index", pa.int8(), doc="0-23: pitch class of the tonic, C = 0, plus 12 if minor."),
        column("key_confidence", pa.float32(), doc="0-1, probability of the key by the model."),
        column("chords", pa.list_(CHORD), doc="Chord spans in order, without gaps; empty in silence."),
        column(
            "chroma_mean", pa.list_(pa.float32(), 12), doc="Mean deep chroma, C first, summing to 1; null in silence."
        ),
        column("harmony_model", pa.string(), doc="Model ids and revisions."),
    ),
)
