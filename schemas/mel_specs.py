"""What exactly a log-mel is: the numbers that featurizers, packs, models and vocoders have to agree on."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_PADDINGS = ("reflect", "reflect-centred")


@dataclass(frozen=True)
class MelSpec:
    """A log-mel spectrogram, ``(num_bins, samples // hop_samples)``.

    ``pad_samples`` are added to both ends; frame ``k`` is the padded sound from ``k * hop_samples`` on, ``n_fft``
    samples under a periodic Hann window of ``win_samples``. Its value is ``log(max(filters @ spectrum, floor))`` with
    ``spectrum = (|STFT|**2 + power_offset) ** (power / 2)`` and triangular filters, of equal area (Slaney's) or of
    equal height.
    """

    rate_hz: int
    n_fft: int
    win_samples: int
    hop_samples: int
    num_bins: int
    fmin_hz: float
    fmax_hz: float
    mel_scale: Literal["slaney", "htk"] = "slaney"
    power: float = 1.0
    """1 for magnitudes, 2 for powers."""
    power_offset: float = 1e-9
    """Keeps the gradient of a magnitude finite."""
    log: Literal["ln"] = "ln"
    floor: float = 1e-5
    padding: Literal["reflect", "reflect-centred"] = "reflect"
    """The sound is mirrored at its ends: each frame is in the middle of its hop, or, centred, at the beginning."""
    norm: Literal["area", "peak"] = "area"
    """What the filters have in common; a peak is 1."""

    def __post_init__(self) -> None:
        known = {"mel_scale": ("slaney", "htk"), "log": ("ln",), "padding": _PADDINGS, "norm": ("area", "peak")}
        if any(getattr(self, name) not in values for name, values in known.items()):
            raise ValueError(
                f"a log-mel of scale {self.mel_scale}, log {self.log}, padding {self.padding} and norm {self.norm} is"
                " unknown"
            )

    @property
    def pad_samples(self) -> int:
        """Samples mirrored at each end. A sound has to be longer than that."""
        return self.n_fft // 2 if self.padding == "reflect-centred" else (self.n_fft - self.hop_samples) // 2

    @property
    def frames_a_second(self) -> float:
        """Frames of a second of sound."""
        return self.rate_hz / self.hop_samples

    def num_frames(self, num_samples: int) -> int:
        """Frames of a sound of that many samples."""
        return num_samples // self.hop_samples

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``norm`` only if it is another than that of all specs before there was a choice."""
        values = dataclasses.asdict(self)
        if self.norm == "area":
            del values["norm"]  # so that packs and models of those specs remain what they are
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "MelSpec":
        """Read what ``to_dict`` gave. Raises TypeError for fields that are missing or unknown."""
        return cls(**values)

    def differences(self, other: "MelSpec") -> str:
        """Where two specs differ, for a message: ``hop_samples 320 and 512, ...``; empty if they are equal."""
        mine, its = dataclasses.asdict(self), dataclasses.asdict(other)
        return ", ".join(f"{name} {mine[name]} and {its[name]}" for name in mine if mine[name] != its[name])


def vocos_spec(rate_hz: int, n_fft: int, hop_samples: int, num_bins: int, centred: bool = True) -> MelSpec:
    """That of Vocos' ``MelSpectrogramFeatures`` (Siuzdak, 2023), so that its weights decode our mels.

    The offset is far below its floor, where it has none: the gradient of a magnitude is finite. Centred ones of Vocos
    have one frame more, at the very end of the sound.
    """
    return MelSpec(
        rate_hz,
        n_fft,
        n_fft,
        hop_samples,
        num_bins,
        0.0,
        float(rate_hz // 2),
        mel_scale="htk",
        power_offset=1e-20,
        floor=1e-7,
        padding="reflect-centred" if centred else "reflect",
        norm="peak",
    )


MEL_SPECS = {
    # The published front end of 32 kHz; what it leaves open is as below.
    "32k": MelSpec(32_000, 1024, 1024, 320, 128, 0.0, 16_000.0),
    # That of BigVGAN-v2 44khz_128band_512x (Lee et al., 2023), so that its weights decode our mels.
    "44k": MelSpec(44_100, 2048, 2048, 512, 128, 0.0, 22_050.0),
    "24k": vocos_spec(24_000, 1024, 256, 100),
}
