"""Vocos (Siuzdak, "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders", 2023).

The model is the one of the package ``vocos``. It is read from the folder that its author publishes: ``config.yaml`` and
``pytorch_model.bin``. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from schemas.mel_specs import MelSpec, vocos_spec

CONFIG, WEIGHTS = "config.yaml", "pytorch_model.bin"
_PARTS = {
    "feature_extractor": "vocos.feature_extractors.MelSpectrogramFeatures",
    "backbone": "vocos.models.VocosBackbone",
    "head": "vocos.heads.ISTFTHead",
}
"""The package imports and calls whatever a configuration names: these are what may be named."""


class LogMelVocos(nn.Module):
    """Log-mels ``(B, bins, frames)`` to samples ``(B, frames * hop_samples)``."""

    def __init__(self, model: nn.Module, centred: bool) -> None:
        super().__init__()
        self.model, self.centred = model, centred

    def forward(self, log_mel_BMK: Tensor) -> Tensor:
        if self.centred:  # it has sound between frames, and none after the last one
            log_mel_BMK = F.pad(log_mel_BMK, (0, 1), mode="replicate")
        return self.model.head(self.model.backbone(log_mel_BMK))  # type: ignore[no-any-return, operator]


def load_vocos(folder: Path) -> tuple[LogMelVocos, MelSpec]:
    """Read the published folder. Raises ValueError if it is no Vocos of log-mels.

    What is damaged raises what yaml, torch and the package raise: YAMLError, OSError, LookupError, TypeError,
    RuntimeError, EOFError or UnpicklingError.
    """
    from vocos import Vocos

    config = yaml.safe_load((folder / CONFIG).read_text())
    features = _checked(config, folder)
    model = Vocos.from_hparams(str(folder / CONFIG))
    model.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
    centred = features.get("padding", "center") == "center"
    spec = vocos_spec(features["sample_rate"], features["n_fft"], features["hop_length"], features["n_mels"], centred)
    return LogMelVocos(model.requires_grad_(False).eval(), centred), spec


def _checked(config: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """What the features are made with, once all parts are those of a Vocos of log-mels and fit each other."""
    for part, expected in _PARTS.items():
        if (found := config[part]["class_path"]) != expected:
            raise ValueError(
                f"{folder} has {part} {found}, expected {expected}: take a Vocos that was made for log-mels"
            )
    features: Mapping[str, Any] = config["feature_extractor"]["init_args"]
    heard = config["head"]["init_args"]
    taken, made = (
        (sizes["n_fft"], sizes["hop_length"], sizes.get("padding", padding))
        for sizes, padding in ((features, "center"), (heard, "same"))  # the package's own defaults
    )
    if taken != made:
        raise ValueError(
            f"{folder} takes frames of n_fft, hop_length and padding {taken} and makes sound of {made}, expected the"
            " same: take another Vocos"
        )
    return features
