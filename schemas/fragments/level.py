"""How loud a track is."""

import pyarrow as pa

from schemas.fragment import Fragment, column

LEVEL = Fragment(
    name="level",
    version=1,
    doc="Loudness by ITU-R BS.1770 and EBU R 128.",
    fields=(
        column("loudness_lufs", pa.float32(), unit="LUFS", doc="Integrated loudness; null below 0.4 s or in silence."),
        column(
            "loudness_range_lu",
            pa.float32(),
            unit="LU",
            doc="Loudness range (EBU Tech 3342); null below 3 s or in silence.",
        ),
        column("true_peak_db", pa.float32(), unit="dBTP", doc="True peak, 4x oversampled; null in digital silence."),
        column(
            "energy",
            pa.float32(),
            doc="Loudness mapped linearly from -40..-5 LUFS to 0..1 and clipped; 0 in silence, null below 0.4 s.",
        ),
    ),
)
