"""What a featurizer is: settings as fields, ``load()`` returns the function that extracts, and it takes a batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from featurizers.audio import Audio, Sound, View
from schemas.fragment import Fragment

Features = dict[str, Any]
"""One value for every column of the fragment, ``track_id`` excepted."""


@dataclass(frozen=True)
class Inputs:
    """What one track offers a featurizer: its audio views and the columns it declared in ``reads``."""

    sound: Sound
    columns: Mapping[str, Any] = field(default_factory=dict)

    def audio(self, view: View) -> Audio:
        return self.sound.view(view)


Extract = Callable[[Sequence[Inputs]], list[Features]]


@dataclass(frozen=True)
class Featurizer(ABC):
    """Turns audio views and columns into the columns of one fragment.

    Subclasses are frozen dataclasses whose fields are the settings; every field enters the
    fingerprint. Nothing heavy is imported or read before ``load()``.
    """

    writes: ClassVar[Fragment]
    reads: ClassVar[tuple[str, ...]] = ()
    """Fragments whose columns it needs; a recipe must have them."""
    weights: ClassVar[tuple[str, ...]] = ()
    """Names in ``featurizers.weights`` of the weight files it loads."""
    cost: ClassVar[float] = 0.01
    """Estimated CPU seconds a second of audio, for planning before any run has measured it."""

    @abstractmethod
    def load(self) -> Extract:
        """Import libraries, read weights, and return the extracting function. Once per worker."""
