"""Latents of a VAE of one's own, for training."""

import pyarrow as pa

from schemas.fragment import Fragment, column

LATENTS = Fragment(
    name="latents",
    version=1,
    doc="The mix as latents of a VAE that muze train wrote; null if the track has too few log-mel frames for one.",
    fields=(
        column(
            "latents",
            pa.binary(),
            doc="Values as little-endian float16 in the order of latents_shape, scaled to unit variance.",
        ),
        column(
            "latents_shape",
            pa.list_(pa.int32()),
            doc="Channels, height (mel bins over the VAE's factor), width (log-mel frames over it, rounded up).",
        ),
        column("latents_rate_hz", pa.float32(), unit="hz", doc="Latents a second, along the width."),
        column("latents_encoder", pa.string(), doc="Weight and revision of the VAE."),
    ),
)
