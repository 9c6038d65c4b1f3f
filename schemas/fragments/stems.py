"""What a track is made of: the stems of a separation."""

import pyarrow as pa

from schemas.fragment import Fragment, column

NAMES = ("vocals", "drums", "bass", "other", "guitar", "piano")


def _columns(stem: str) -> tuple[pa.Field, ...]:
    return (
        column(
            f"{stem}_uri",
            pa.string(),
            doc="FLAC below the dataset, 44.1 kHz, stereo, 16 bit; null if not kept or unknown to the model.",
        ),
        column(
            f"{stem}_energy_share",
            pa.float32(),
            doc="Share of the summed energy of all stems, 0-1; null in silence or if unknown to the model.",
        ),
        column(
            f"{stem}_peak",
            pa.float32(),
            doc="Largest magnitude; above 1 the FLAC is divided by it. Null if unknown to the model.",
        ),
    )


STEMS = Fragment(
    name="stems",
    version=1,
    doc="Sources of the mix as Demucs separates them; files of those that are kept, measures of all that it knows.",
    fields=(
        *(field for stem in NAMES for field in _columns(stem)),
        column(
            "residual_share",
            pa.float32(),
            doc="Energy of the mix minus the sum of all stems, over that of the mix; null in silence.",
        ),
        column("stems_model", pa.string(), doc="Model id and revision."),
    ),
)
