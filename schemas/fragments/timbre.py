"""Spectral shape and onset statistics."""

import pyarrow as pa

from schemas.fragment import Fragment, column


def _mean_and_std(name: str, unit: str | None, doc: str) -> tuple[pa.Field, pa.Field]:
    return (
        column(f"{name}_mean", pa.float32(), unit=unit, doc=f"{doc}: mean over frames."),
        column(f"{name}_std", pa.float32(), unit=unit, doc=f"{doc}: standard deviation over frames."),
    )


TIMBRE = Fragment(
    name="timbre",
    version=1,
    doc="librosa summaries of the mono mix at 22050 Hz, frames of 2048 samples every 512.",
    fields=(
        column("mfcc_mean", pa.list_(pa.float32(), 20), doc="Mean of 20 mel-frequency cepstral coefficients."),
        column("mfcc_std", pa.list_(pa.float32(), 20), doc="Standard deviation of the 20 coefficients."),
        *_mean_and_std("spectral_centroid_hz", "hz", "Centre of mass of the spectrum"),
        *_mean_and_std("spectral_bandwidth_hz", "hz", "Spread around the centroid"),
        *_mean_and_std("spectral_rolloff_hz", "hz", "Frequency below which 85 % of the magnitude lies"),
        *_mean_and_std("spectral_flatness", None, "Tonal (0) to noise-like (1, also in silence)"),
        column("spectral_contrast_mean_db", pa.list_(pa.float32(), 7), unit="db", doc="Peak to valley in 7 bands."),
        *_mean_and_std("zero_crossing_rate", None, "Share of samples where the sign changes"),
        column("onset_rate_hz", pa.float32(), unit="hz", doc="Detected onsets a second."),
        column(
            "tempogram_ratio",
            pa.list_(pa.float32(), 13),
            doc="Tempogram at 13 metrical ratios of the tempo (librosa.feature.tempogram_ratio); null without onsets.",
        ),
    ),
)
