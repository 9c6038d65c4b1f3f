"""A task for the data at hand: what follows from the pack need not be set, and what contradicts it is refused."""

from dataclasses import replace

from training.codec_lm import CodecLmTask
from training.conditioned import ConditionedTask
from training.config import Preset
from training.errors import SettingError
from training.ldm import LdmTask
from training.pack_format import Payload
from training.task import Task
from training.vae import VaeTask


def fitted(preset: Preset, payload: Payload, text_encoder: str = "") -> Preset:
    """Return the preset for windows of this payload. SettingError if its task cannot read them.

    ``text_encoder`` is where the one that the task names is on this machine; empty: where it says.
    """
    task = preset.task
    if payload.name != task.payload:
        raise SettingError(f"the pack holds {payload.name}, this training reads {task.payload}: pack it for this one")
    task = _fitted(task, payload)
    if isinstance(task, ConditionedTask) and text_encoder:
        task = replace(task, text_encoder=text_encoder)
    return replace(preset, task=task)


def _fitted(task: Task, payload: Payload) -> Task:
    if isinstance(task, VaeTask):
        return _vae(task, payload)
    if isinstance(task, LdmTask):
        channels, height, width = payload.shape
        return replace(task, latent_shape=(channels, height, width))
    if isinstance(task, CodecLmTask):
        codebooks, frames = payload.shape
        size = payload.spec["codebook_size"]
        return replace(task, codebooks=codebooks, codebook_size=size, window_frames=frames, frames_a_s=payload.rate_hz)
    return task


def _vae(task: VaeTask, payload: Payload) -> VaeTask:
    channels, _, frames = payload.shape
    if payload.spec != task.spec.to_dict():
        raise SettingError(
            f"the pack's mels are of {payload.spec['rate_hz']} Hz and differ from those of task.mel={task.mel}: pack"
            " those, or set task.mel"
        )
    return replace(task, stereo=channels == 2, window_frames=frames)
