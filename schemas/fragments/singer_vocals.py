"""Whose voice it may be, heard without the accompaniment."""

import pyarrow as pa

from schemas.fragment import Fragment, column

SINGER_VOCALS = Fragment(
    name="singer_vocals",
    version=1,
    doc="Speaker embeddings of what is sung on the vocal stem; both models were trained on speech.",
    fields=(
        column(
            "voice_embedding_vocals",
            pa.list_(pa.float32(), 256),
            doc="Resemblyzer (GE2E) embedding of the sung parts, unit length; null below 0.4 s of singing.",
        ),
        column(
            "ecapa_embedding",
            pa.list_(pa.float32(), 192),
            doc="Mean ECAPA-TDNN embedding over windows of at most 10 s of the sung parts, unit length; null below 1 s"
            " of singing.",
        ),
        column("voiced_s", pa.float32(), unit="s", doc="Duration of the sung parts."),
        column("singer_vocals_model", pa.string(), doc="Model ids and revisions."),
    ),
)
