"""What the track sounds like, in the space that audio and text share."""

import pyarrow as pa

from schemas.fragment import Fragment, column

_EMBEDDING = pa.list_(pa.float32(), 512)
_GENRE = pa.struct(
    [
        column("genre", pa.string(), doc="One of sixteen."),
        column("score", pa.float32(), doc="0-1, of all sixteen 1."),
    ]
)

CLAP = Fragment(
    name="clap",
    version=2,
    doc="CLAP embedding of the mix, comparable with that of any text by the same model.",
    fields=(
        column(
            "clap_audio_embedding",
            _EMBEDDING,
            doc="Mean over windows of 10 s, unit length; silent windows (below -70 dBFS) left out, null if all are"
            " or below 0.4 s.",
        ),
        column(
            "clap_windows",
            pa.list_(_EMBEDDING),
            doc="Embedding a window, unit length, null where silent; window i starts at 10 i seconds, the last one ends"
            " with the track. Null unless asked for.",
        ),
        column(
            "clap_genres",
            pa.list_(_GENRE),
            doc="How well the audio embedding fits 'This audio is a GENRE song.' for each of sixteen genres, softmax of"
            " the scaled cosines, best first; no probability. Null where the embedding is.",
        ),
        column("clap_model", pa.string(), doc="Model id and revision."),
    ),
)
