"""Log-mel spectrograms, for training."""

import pyarrow as pa

from schemas.fragment import Fragment, column

MEL = Fragment(
    name="mel",
    version=1,
    doc="Log-mel spectrogram of the mix, as schemas/mel_specs.py defines it; null if the track is too short for one.",
    fields=(
        column("mel", pa.binary(), doc="Values as little-endian float16 in the order of mel_shape."),
        column("mel_shape", pa.list_(pa.int32()), doc="Audio channels, mel bins, frames."),
        column("mel_spec", pa.string(), doc="The numbers that define it, as JSON."),
    ),
)
