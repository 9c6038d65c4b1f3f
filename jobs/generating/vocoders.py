"""Which vocoder makes sound of log-mels: one with weights where they are, else Griffin-Lim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featurizers.weights import is_there, model_id
from featurizers.weights_store import weight_folder
from schemas.mel_specs import MEL_SPECS
from training.errors import SettingError

if TYPE_CHECKING:
    from schemas.mel_specs import MelSpec
    from training.vocoder import Vocoder

GRIFFIN_LIM = "griffin-lim"


@dataclass(frozen=True)
class WithWeights:
    """A vocoder of the weights store."""

    weight: str
    mel: str
    """What it takes, of ``MEL_SPECS``."""
    config: str
    """A file by which a folder is known to be one."""
    parameters: str
    """The file with its weights."""


WITH_WEIGHTS = {
    "bigvgan": WithWeights("bigvgan-v2-44khz", "44k", "config.json", "bigvgan_generator.pt"),
    "vocos": WithWeights("vocos-mel-24khz", "24k", "config.yaml", "pytorch_model.bin"),
}
_BY_MEL = " and ".join(f"{name} for {its.mel}" for name, its in WITH_WEIGHTS.items())
HELP = (
    f"{GRIFFIN_LIM}, {', '.join(WITH_WEIGHTS)}, or the folder of a BigVGAN or a Vocos (default: that whose weights are"
    f" in the store and take the mel, {_BY_MEL}, else {GRIFFIN_LIM})"
)


def vocoder_of(asked: str, spec: MelSpec, device: str) -> Vocoder:
    """Return ``griffin-lim``, ``bigvgan`` or ``vocos`` of the weights store, or that of a folder; its name says which.

    Empty is the one of the store that was made for such mels, if it is there, else Griffin-Lim. Raises SettingError if
    there is no such vocoder, or if it takes other mels, and WeightsError if its weight is not there.
    """
    from training.vocoder import load_vocoder

    name = asked or _fitting(spec)
    try:
        if name == GRIFFIN_LIM:
            return load_vocoder(GRIFFIN_LIM, spec)
        if name in WITH_WEIGHTS:
            weight = WITH_WEIGHTS[name].weight
            return replace(load_vocoder(name, spec, weight_folder(weight), device), name=model_id(weight))
        return load_vocoder(_kind(Path(name)), spec, Path(name), device)
    except ValueError as error:
        raise SettingError(str(error)) from error


def _fitting(spec: MelSpec) -> str:
    """The vocoder of the store that takes such mels."""
    fitting = (name for name, its in WITH_WEIGHTS.items() if spec == MEL_SPECS[its.mel] and is_there(its.weight))
    return next(fitting, GRIFFIN_LIM)


def _kind(folder: Path) -> str:
    """Which vocoder a folder holds. Raises SettingError if it is none."""
    for name, its in WITH_WEIGHTS.items():
        if (folder / its.config).is_file():
            return name
    raise SettingError(
        f"there is no vocoder {str(folder)!r}, expected {GRIFFIN_LIM}, {', '.join(WITH_WEIGHTS)} or the folder of a"
        " BigVGAN or a Vocos"
    )
