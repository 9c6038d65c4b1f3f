"""What a featurizer is: settings as fields, ``load()`` returns the function that extracts, and it takes a batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from featurizers.audio import Audio, Sound, View
from schemas.fragment import Fragment

Features = dict[str, Any]
"""One value for every column of the fragment, ``track_id`` excepted; an ``AudioFile`` becomes its path."""


@dataclass(frozen=True)
class Inputs:
    """What one track offers a featurizer: its audio views and the columns of what it reads."""

    sound: Sound
    columns: Mapping[str, Any] = field(default_factory=dict)
    track_id: str = ""
    source: str = "mix"
    """The first source of ``hears`` that the recipe has."""

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
    """Fragments whose columns it needs; a recipe must have them. ``tracks`` is in every recipe."""
    prefers: ClassVar[tuple[str, ...]] = ()
    """Fragments whose columns it reads where the recipe has them; without, their columns are absent."""
    hears: ClassVar[tuple[str, ...]] = ("mix",)
    """Audio sources in order of preference: it gets the first that the recipe has. Empty if it needs no audio."""
    offers: ClassVar[Mapping[str, str]] = {}
    """Audio source -> its column that holds an ``AudioFile``: what others may hear."""
    weights: ClassVar[tuple[str, ...]] = ()
    """Names in ``featurizers.weights`` of the weight files it loads."""
    cost: ClassVar[float] = 0.01
    """Estimated CPU seconds a second of audio, for planning before any run has measured it."""
    gpu_share: ClassVar[float] = 0.0
    """Part of a GPU that its models need where there is one; 0 runs on cores everywhere."""
    object_bytes_a_s: ClassVar[float] = 0.0
    """Estimated bytes of audio files it writes a second of audio."""

    @abstractmethod
    def load(self) -> Extract:
        """Import libraries, read weights, and return the extracting function. Once per worker."""
