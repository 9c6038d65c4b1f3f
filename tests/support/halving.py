"""Featurizers that make, hear and need no audio source, for tests of the engine."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import soundfile

from featurizers.audio import MIX, AudioFile, View
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from schemas.fragment import Fragment, column


@dataclass(frozen=True)
class Halves(Featurizer):
    """Offers the mix, made quieter, as the source ``vocals``. A factor of 0 is refused for every track."""

    factor: float = 0.5
    bytes_a_s: float = 16_000.0
    offers: ClassVar[Mapping[str, str]] = {"vocals": "vocals_uri"}

    @property
    def object_bytes_a_s(self) -> float:  # type: ignore[override]  # a setting, to plan for more than there is
        return self.bytes_a_s

    writes: ClassVar[Fragment] = Fragment(
        "halves", 1, "A quieter mix.", (column("vocals_uri", pa.string(), doc="Path below the dataset."),)
    )

    def load(self) -> Extract:
        return lambda batch: [self._halve(inputs) for inputs in batch]

    def _halve(self, inputs: Inputs) -> Features:
        if self.factor == 0:
            raise ValueError("nothing would be left")
        mix = inputs.audio(MIX)
        path = Path(tempfile.mkdtemp()) / "vocals.flac"
        soundfile.write(path, mix.samples.T * np.float32(self.factor), mix.rate_hz, subtype="PCM_16")
        return {"vocals_uri": AudioFile(path)}


@dataclass(frozen=True)
class Levels(Featurizer):
    """Measures the vocals where there are any, else the mix."""

    hears: ClassVar[tuple[str, ...]] = ("vocals", "mix")
    writes: ClassVar[Fragment] = Fragment(
        "levels",
        1,
        "How loud.",
        (
            column("level", pa.float32(), doc="Largest magnitude."),
            column("level_source", pa.string(), doc="What was measured."),
            column("level_gpus", pa.string(), doc="GPUs that the worker was given; null if nobody said."),
        ),
    )

    def load(self) -> Extract:
        def extract(batch: Sequence[Inputs]) -> list[Features]:
            return [self._measure(inputs) for inputs in batch]

        return extract

    def _measure(self, inputs: Inputs) -> Features:
        level = float(np.abs(inputs.audio(View(inputs.source)).samples).max())
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
        return {"level": level, "level_source": inputs.source, "level_gpus": gpus}


@dataclass(frozen=True)
class OnlyVocals(Levels):
    """Has no use for a mix."""

    hears: ClassVar[tuple[str, ...]] = ("vocals",)
    writes: ClassVar[Fragment] = Fragment("only_vocals", 1, "How loud.", ())


@dataclass(frozen=True)
class Spoken(Featurizer):
    """Needs columns only."""

    hears: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ("tracks",)
    writes: ClassVar[Fragment] = Fragment(
        "spoken", 1, "Words.", (column("words", pa.string(), doc="About the track."),)
    )

    def load(self) -> Extract:
        return lambda batch: [{"words": f"a track of {i.columns['duration_s']:.1f} s, {i.track_id[:4]}"} for i in batch]


@dataclass(frozen=True)
class Heavy(Levels):
    """Would like half a GPU."""

    hears: ClassVar[tuple[str, ...]] = ("mix",)
    gpu_share: ClassVar[float] = 0.5
    writes: ClassVar[Fragment] = Fragment(
        "heavy",
        1,
        "Largest magnitude.",
        (
            column("heavy_level", pa.float32(), doc="Largest magnitude."),
            column("gpus", pa.string(), doc="GPUs that the worker was given; null if nobody said."),
        ),
    )

    def load(self) -> Extract:
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
        return lambda batch: [{"heavy_level": float(np.abs(i.audio(MIX).samples).max()), "gpus": gpus} for i in batch]
