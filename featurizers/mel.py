"""Log-mel spectrograms that models train on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from featurizers.audio import View
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from schemas.fragments.mel import MEL
from schemas.mel_specs import MEL_SPECS, MelSpec

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

_PASS_FRAMES = 2048  # a few MiB of spectra at a time


@dataclass(frozen=True)
class Mel(Featurizer):
    """The log-mel of ``spec``, of each of two channels or of their mean.

    44k is the one that BigVGAN-v2's weights decode, 24k that of Vocos' weights, 32k the published one of the 32 kHz
    models.
    """

    spec: Literal["44k", "32k", "24k"] = "44k"
    stereo: bool = False
    writes = MEL
    cost = 0.004

    def __post_init__(self) -> None:
        if self.spec not in MEL_SPECS:
            raise ValueError(f"spec is {self.spec!r}, expected one of {', '.join(MEL_SPECS)}: choose one of them")

    def load(self) -> Extract:
        spec = MEL_SPECS[self.spec]
        filters = filters_of(spec)
        return lambda batch: [_features(inputs, spec, self.stereo, filters) for inputs in batch]


def _features(inputs: Inputs, spec: MelSpec, stereo: bool, filters: Floats) -> Features:
    mel = stored_log_mel(inputs, spec, stereo, filters)
    if mel is None:
        return dict.fromkeys(MEL.names)
    return {"mel": mel.tobytes(), "mel_shape": list(mel.shape), "mel_spec": json.dumps(spec.to_dict())}


def filters_of(spec: MelSpec) -> Floats:
    """Return the mel filters ``(num_bins, n_fft // 2 + 1)``."""
    from librosa.filters import mel as mel_filters

    filters: Floats = mel_filters(
        sr=spec.rate_hz,
        n_fft=spec.n_fft,
        n_mels=spec.num_bins,
        fmin=spec.fmin_hz,
        fmax=spec.fmax_hz,
        htk=spec.mel_scale == "htk",
        norm="slaney" if spec.norm == "area" else None,
    )
    return filters


def stored_log_mel(inputs: Inputs, spec: MelSpec, stereo: bool, filters: Floats) -> Halves | None:
    """Return the log-mels ``(channels, num_bins, frames)`` of the mix as packs hold them; None if it is too short."""
    view = View("mix", spec.rate_hz, None if stereo else 1)
    samples = _channels(inputs.audio(view).samples, stereo)
    if samples.shape[1] <= spec.pad_samples or spec.num_frames(samples.shape[1]) == 0:
        return None
    return np.stack([log_mel(channel, spec, filters).astype("<f2") for channel in samples])


def log_mel(samples: Floats, spec: MelSpec, filters: Floats) -> Floats:
    """Return the log-mel ``(num_bins, frames)`` of mono samples, in passes of bounded memory."""
    return np.concatenate([_log_mel(frames, spec, filters) for frames in _frames(samples, spec)], axis=1)


def _frames(samples: Floats, spec: MelSpec) -> Iterator[Floats]:
    """Yield views ``(frames, n_fft)`` of the padded samples."""
    padded = np.pad(samples, spec.pad_samples, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, spec.n_fft)[:: spec.hop_samples]
    windows = windows[: spec.num_frames(len(samples))]
    for start in range(0, len(windows), _PASS_FRAMES):
        yield windows[start : start + _PASS_FRAMES]


def _log_mel(frames: Floats, spec: MelSpec, filters: Floats) -> Floats:
    from scipy.fft import rfft
    from scipy.signal import get_window

    window = get_window("hann", spec.win_samples).astype(np.float32)
    before = (spec.n_fft - spec.win_samples) // 2
    window = np.pad(window, (before, spec.n_fft - spec.win_samples - before))
    spectrum = rfft(frames * window, axis=1)
    powers = np.square(spectrum.real) + np.square(spectrum.imag) + np.float32(spec.power_offset)
    mel: Floats = filters @ (powers ** np.float32(spec.power / 2)).T
    return np.log(np.maximum(mel, np.float32(spec.floor)))


def _channels(samples: Floats, stereo: bool) -> Floats:
    """Two channels, the only one twice, or one."""
    if not stereo:
        return samples[:1]
    return samples[:2] if samples.shape[0] > 1 else np.repeat(samples, 2, axis=0)
