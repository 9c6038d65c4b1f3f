"""When notes begin."""

import pyarrow as pa

from schemas.fragment import Fragment, column

ONSET = pa.struct(
    [
        column("time_s", pa.float32(), unit="s", doc="Time of the onset."),
        column("strength", pa.float32(), doc="0-1, mean rise of the log spectrum, the strongest of the track = 1."),
        column(
            "band",
            pa.string(),
            doc="Where the spectrum rises most: low (below 160 Hz), mid, or high (from 4 kHz).",
        ),
    ]
)

ONSETS = Fragment(
    name="onsets",
    version=2,
    doc="Onsets of notes and drums in the mix, mono at 22050 Hz; those within 30 ms of a stronger one are left out.",
    fields=(
        column(
            "onsets",
            pa.list_(ONSET),
            doc="Onsets in order of time; what sounds from the start is none. Empty in silence or steady sound.",
        ),
    ),
)
