"""Featurizers that want a pulled weight, for tests of what happens without it."""

from dataclasses import dataclass
from typing import ClassVar

from featurizers.featurizer import Extract, Featurizer
from schemas.fragment import Fragment


@dataclass(frozen=True)
class Speakers(Featurizer):
    """Loads ECAPA's weights."""

    weights: ClassVar[tuple[str, ...]] = ("ecapa-voxceleb",)
    writes: ClassVar[Fragment] = Fragment("speakers", 1, "Nothing.", ())

    def load(self) -> Extract:
        return lambda batch: [{} for _ in batch]


@dataclass(frozen=True)
class Loud(Featurizer):
    """Reads what needs the weight."""

    reads: ClassVar[tuple[str, ...]] = ("speakers",)
    writes: ClassVar[Fragment] = Fragment("loud", 1, "Nothing.", ())

    def load(self) -> Extract:
        return lambda batch: [{} for _ in batch]
