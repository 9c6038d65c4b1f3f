"""The sung or played line: F0, vibrato, breaths."""

import pyarrow as pa

from schemas.fragment import Fragment, column

SPAN = pa.struct(
    [
        column("start_s", pa.float32(), unit="s", doc="Start of the span."),
        column("end_s", pa.float32(), unit="s", doc="End of the span."),
    ]
)

PITCH = Fragment(
    name="pitch",
    version=3,
    doc="F0 of the predominant voice, its vibrato, and breaths.",
    fields=(
        column(
            "f0_hz",
            pa.list_(pa.float32()),
            unit="hz",
            doc="F0 a frame by CREPE, refined on its harmonics; NaN where unvoiced.",
        ),
        column(
            "f0_unvoiced_hz",
            pa.list_(pa.float32()),
            unit="hz",
            doc="CREPE's best guess a frame where it is not voiced; NaN where it is.",
        ),
        column("f0_hop_s", pa.float32(), unit="s", doc="Seconds between frames; frame i is centred on i * f0_hop_s."),
        column("voiced", pa.list_(pa.bool_()), doc="Whether the frame is voiced."),
        column(
            "periodicity",
            pa.list_(pa.float32()),
            doc="CREPE's confidence in the F0 of the frame, 0-1, also where unvoiced.",
        ),
        column("vibrato_rate_hz", pa.float32(), unit="hz", doc="Median rate over vibrato notes; null without vibrato."),
        column(
            "vibrato_depth_cents",
            pa.float32(),
            unit="cents",
            doc="Half of peak to peak, median over vibrato notes; null without vibrato.",
        ),
        column(
            "vibrato_extent", pa.float32(), doc="Share of voiced time with vibrato, 0-1; null if nothing is voiced."
        ),
        column("breaths", pa.list_(SPAN), doc="Breath spans; on a full mix only those that nothing covers."),
        column("pitch_source", pa.string(), doc="Audio source that was tracked: vocals or mix."),
        column("pitch_model", pa.string(), doc="Model id and revision."),
    ),
)
