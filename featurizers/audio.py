"""Decoded audio and the views of it that featurizers ask for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  # (channels, samples)


@dataclass(frozen=True)
class Audio:
    """Decoded samples, float32 ``(channels, samples)`` with full scale 1.0, and their rate."""

    samples: Samples
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return float(self.samples.shape[1] / self.rate_hz)


@dataclass(frozen=True)
class AudioFile:
    """A FLAC file that a featurizer wrote, as the value of a column.

    The engine takes the file into the dataset and puts its path there, relative to the dataset, in its place.
    """

    path: Path


@dataclass(frozen=True)
class View:
    """A named source at a rate and channel count; ``None`` keeps what the source has."""

    source: str = "mix"
    rate_hz: int | None = None
    num_channels: int | None = None


MIX = View("mix")
MIX_44K_MONO = View("mix", 44100, 1)
MIX_22K_MONO = View("mix", 22050, 1)
MIX_16K_MONO = View("mix", 16000, 1)
VOCALS_16K_MONO = View("vocals", 16000, 1)


@dataclass
class Sound:
    """The audio sources of one track; each source and each view of it is computed at most once, then kept."""

    sources: Mapping[str, Callable[[], Audio]]
    """Source -> what decodes or fetches it when it is first asked for."""
    _views: dict[View, Audio] = field(default_factory=dict)

    @classmethod
    def of(cls, **sources: Audio) -> "Sound":
        """The sound of audio that is at hand."""
        return cls({name: partial(sources.__getitem__, name) for name in sources})

    def view(self, view: View) -> Audio:
        """Return the audio of a view. KeyError if the track has no such source."""
        if view not in self._views:
            self._views[view] = self._compute(view)
        return self._views[view]

    def _compute(self, view: View) -> Audio:
        if view.rate_hz is None and view.num_channels is None:
            return self.sources[view.source]()
        if view.num_channels == 1 and view.rate_hz is not None:
            mono = self.view(View(view.source, None, 1))
            return _resampled(mono, view.rate_hz)
        audio = self.view(View(view.source))
        if view.num_channels == 1 and audio.samples.shape[0] > 1:
            audio = Audio(audio.samples.mean(axis=0, keepdims=True, dtype=np.float32), audio.rate_hz)
        return _resampled(audio, view.rate_hz or audio.rate_hz)


def _resampled(audio: Audio, rate_hz: int) -> Audio:
    if audio.rate_hz == rate_hz or audio.samples.shape[1] == 0:
        return Audio(audio.samples, rate_hz)
    import soxr

    resampled = soxr.resample(np.ascontiguousarray(audio.samples.T), audio.rate_hz, rate_hz, quality="HQ")
    return Audio(np.ascontiguousarray(resampled.T, dtype=np.float32), rate_hz)
