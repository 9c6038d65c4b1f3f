"""Tempo, beats and metre."""

import pyarrow as pa

from schemas.fragment import Fragment, column

TEMPO_CANDIDATE = pa.struct(
    [
        column("tempo_bpm", pa.float32(), unit="bpm", doc="The tempo, or a half, a third, twice or three times that."),
        column("salience", pa.float32(), doc="0-1, how much of the onsets' energy pulses so; they sum to 1."),
    ]
)

RHYTHM = Fragment(
    name="rhythm",
    version=2,
    doc="Beats and downbeats; all null or empty where there is no pulse: silence, or fewer than four beats.",
    fields=(
        column("tempo_bpm", pa.float32(), unit="bpm", doc="Tempo of a least-squares line through the beats."),
        column("tempo_confidence", pa.float32(), doc="0-1, probability that the tempo is within 4 % of a listener's."),
        column("tempo_candidates", pa.list_(TEMPO_CANDIDATE), doc="Tempi at which one may tap, most salient first."),
        column(
            "tempo_agreement",
            pa.float32(),
            doc="1 if librosa's tempo is the same within 4 %, 0.5 if it is 2, 3, 1/2 or 1/3 times that, else 0.",
        ),
        column("beats_s", pa.list_(pa.float32()), unit="s", doc="Beat times."),
        column("beat_numbers", pa.list_(pa.int8()), doc="Position of each beat in its bar, 1 = downbeat."),
        column("downbeats_s", pa.list_(pa.float32()), unit="s", doc="Downbeat times, a subset of beats_s."),
        column("beat_agreement", pa.float32(), doc="0-1, F-measure with librosa's beats, tolerance 70 ms."),
        column("time_signature", pa.string(), doc="Beats a bar over an assumed quarter note, e.g. 4/4, 3/4."),
        column(
            "time_signature_confidence",
            pa.float32(),
            doc="0-1, of the beats a bar among those tried; null if a single number was.",
        ),
        column("rhythm_model", pa.string(), doc="Model id and revision; spectral-flux where none is loaded."),
    ),
)
