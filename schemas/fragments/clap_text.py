"""What the prompt says, in the space that audio and text share."""

import pyarrow as pa

from schemas.fragment import Fragment, column

CLAP_TEXT = Fragment(
    name="clap_text",
    version=1,
    doc="CLAP embedding of the prompt, comparable with that of any audio by the same model.",
    fields=(
        column(
            "clap_text_embedding",
            pa.list_(pa.float32(), 512),
            doc="Embedding of the first 77 tokens of the prompt, unit length; null without a prompt.",
        ),
        column("clap_text_model", pa.string(), doc="Model id and revision."),
    ),
)
