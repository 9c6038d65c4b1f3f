"""What makes a run's sound, found in the weights store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from featurizers.codecs import codec_id
from featurizers.weights import model_id
from featurizers.weights_store import WeightsError, weight_folder
from jobs.generating.vocoders import vocoder_of
from schemas.codecs import NEURAL
from training.codec_lm import CodecLmTask
from training.errors import SettingError
from training.ldm import LdmTask
from training.vae import VaeTask

if TYPE_CHECKING:
    from training.generating.render import Renderer
    from training.trained import Trained


def renderer_of(trained: Trained, vocoder: str = "") -> Renderer:
    """Return what turns into sound what a run makes.

    ``vocoder`` is as in ``vocoder_of``. Raises SettingError if it takes other mels, or if the weights are not those
    that the run was trained on, and WeightsError if they are not in the store.
    """
    from training.codecs import load_codec
    from training.export_encoder import load_exported
    from training.generating import render

    task = trained.task
    if isinstance(task, CodecLmTask):
        identity = str(trained.payload.spec["codec"])
        name = identity.partition("@")[0]
        if vocoder:
            raise SettingError(f"the run makes tokens of {name}, which need no vocoder: leave it out")
        identity = _checked(identity, name, codec_id)
        codec = load_codec(name, weight_folder(name) if name in NEURAL else None, trained.device)
        codec.require(task.codebooks, task.codebook_size, task.frames_a_s)
        return render.of_tokens(codec, identity)
    if isinstance(task, VaeTask):
        return render.of_mels(vocoder_of(vocoder, task.spec, trained.device))
    assert isinstance(task, LdmTask)
    encoder = str(trained.payload.spec["encoder"])
    name = encoder.partition("@")[0]
    identity = _checked(encoder, name, model_id)
    decoder = load_exported(weight_folder(name), trained.device)
    return render.of_latents(decoder, identity, vocoder_of(vocoder, decoder.spec, trained.device))


def training_renderer_of(trained: Trained) -> Renderer:
    """The same for a run that trains, which goes on without: SettingError for weights that are not there, too."""
    try:
        return renderer_of(trained)
    except WeightsError as error:
        raise SettingError(str(error)) from error


def _checked(trained_on: str, name: str, identity: Callable[[str], str]) -> str:
    """The identity of a weight in the store. SettingError if the run was trained on another revision of it."""
    try:
        found = identity(name)
    except KeyError:
        raise SettingError(f"the run was trained on {trained_on}, and there is no weight of that name") from None
    if "@" in trained_on and found != trained_on:
        raise SettingError(f"the run was trained on {trained_on}, the weights store has {found}: get the former back")
    return found
