"""Which vocoder makes sound of log-mels: one with weights where they are, else Griffin-Lim."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from featurizers.weights import is_there, model_id
from featurizers.weights_store import weight_folder
from schemas.mel_specs import MEL_SPECS
from training.errors import SettingError

if TYPE_CHECKING:
    from schemas.mel_specs import MelSpec
    from training.vocoder import Vocoder

GRIFFIN_LIM, BIGVGAN = "griffin-lim", "bigvgan"
WEIGHT = "bigvgan-v2-44khz"
HELP = f"griffin-lim, bigvgan, or a BigVGAN's folder (default: bigvgan if {WEIGHT} is in the store and takes the mel)"


def vocoder_of(asked: str, spec: MelSpec, device: str) -> Vocoder:
    """Return ``griffin-lim``, ``bigvgan`` from the weights store, or the BigVGAN of a folder; its name says which.

    Empty is the BigVGAN of the store, if there is one and it was made for such mels, else Griffin-Lim. Raises
    SettingError if there is no such vocoder, or if it takes other mels, and WeightsError if its weight is not there.
    """
    from training.vocoder import load_vocoder

    try:
        if asked == GRIFFIN_LIM or (not asked and not _fits(spec)):
            return load_vocoder(GRIFFIN_LIM, spec)
        if asked in ("", BIGVGAN):
            return replace(load_vocoder(BIGVGAN, spec, weight_folder(WEIGHT), device), name=model_id(WEIGHT))
        if not (Path(asked) / "config.json").is_file():
            raise SettingError(
                f"there is no vocoder {asked!r}, expected {GRIFFIN_LIM}, {BIGVGAN} or the folder of a BigVGAN"
            )
        return load_vocoder(BIGVGAN, spec, Path(asked), device)
    except ValueError as error:
        raise SettingError(str(error)) from error


def _fits(spec: MelSpec) -> bool:
    """Whether the store's BigVGAN takes such mels; it need not be there for that."""
    return is_there(WEIGHT) and spec == MEL_SPECS["44k"]
