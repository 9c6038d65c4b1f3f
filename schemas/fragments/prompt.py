"""A caption in words."""

import pyarrow as pa

from schemas.fragment import Fragment, column

PROMPT = Fragment(
    name="prompt",
    version=2,  # bump when the templates change what they say
    doc="A caption made of tags and measured features; what is unknown or uncertain is not said.",
    fields=(
        column("prompt", pa.string(), doc="One or two English sentences; from an endpoint, what it answered."),
        column("prompt_source", pa.string(), doc="What wrote it: template, or endpoint: and the name of its model."),
    ),
)
