"""Whose voice it may be."""

import pyarrow as pa

from schemas.fragment import Fragment, column

SINGER = Fragment(
    name="singer",
    version=1,
    doc="Speaker embedding of the mix; on a full mix it also encodes the accompaniment.",
    fields=(
        column(
            "voice_embedding",
            pa.list_(pa.float32(), 256),
            doc="Resemblyzer (GE2E) embedding, unit length; null below -70 dBFS or 0.4 s.",
        ),
        column("singer_model", pa.string(), doc="Model id and revision."),
    ),
)
