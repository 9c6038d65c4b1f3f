"""Tempo, beats and metre."""

import pyarrow as pa

from schemas.fragment import Fragment, column

RHYTHM = Fragment(
    name="rhythm",
    version=1,
    doc="Beats and downbeats; all null or empty where there is no pulse: silence, or fewer than four beats.",
    fields=(
        column("tempo_bpm", pa.float32(), unit="bpm", doc="Tempo of a least-squares line through the beats."),
        column(
            "tempo_confidence", pa.float32(), doc="1 / (1 + (r / 0.05)^2), r = RMS distance in beats from that line."
        ),
        column("beats_s", pa.list_(pa.float32()), unit="s", doc="Beat times."),
        column("beat_numbers", pa.list_(pa.int8()), doc="Position of each beat in its bar, 1 = downbeat."),
        column("downbeats_s", pa.list_(pa.float32()), unit="s", doc="Downbeat times, a subset of beats_s."),
        column("time_signature", pa.string(), doc="Beats a bar over an assumed quarter note, e.g. 4/4, 3/4."),
        column("rhythm_model", pa.string(), doc="Model id and revision."),
    ),
)
