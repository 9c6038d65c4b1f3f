"""Tokens of an audio codec, for training."""

import pyarrow as pa

from schemas.fragment import Fragment, column

CODEC_TOKENS = Fragment(
    name="codec_tokens",
    version=1,
    doc="The mix as tokens of an audio codec; null if the track is too short for a frame.",
    fields=(
        column("tokens", pa.binary(), doc="Values as little-endian uint16 in the order of tokens_shape."),
        column("tokens_shape", pa.list_(pa.int32()), doc="Codebooks, frames."),
        column("tokens_rate_hz", pa.float32(), unit="hz", doc="Frames a second."),
        column("codebook_size", pa.int32(), doc="Tokens are below this."),
        column("codec_tokens_model", pa.string(), doc="Model id and revision of the codec."),
    ),
)
