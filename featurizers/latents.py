"""The mix as latents of a trained VAE, which latent diffusion trains on.

The VAE is a weight that ``muze train vae-...`` wrote: exported programs, run by torch alone. A track is encoded in
windows as long as those that it was trained on, see ``schemas.latent_windows``.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featurizers.device import device
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.mel import Floats, Halves, filters_of, log_mel, stored_log_mel
from featurizers.trained_weights import PREFIX
from featurizers.weights import model_id
from featurizers.weights_store import weight_folder
from schemas.fragments.latents import LATENTS
from schemas.latent_windows import window_latents, windows
from schemas.mel_specs import MelSpec

FORMAT = 1
"""Of ``encoder.json``, see ``training.export_encoder``."""


@dataclass(frozen=True)
class Latents(Featurizer):
    """Latents of the VAE ``encoder``, the name of a weight."""

    encoder: str = ""
    writes = LATENTS
    cost = 0.4  # of vae-44k
    gpu_share = 0.2

    def __post_init__(self) -> None:
        if not self.encoder.startswith(PREFIX):
            raise ValueError(
                f"encoder is {self.encoder!r}, expected the name of a weight that 'muze train vae-...' wrote, such as"
                " 'vae-songs': set it in the recipe"
            )

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which one is a setting
        """The weight that is set."""
        return (self.encoder,)

    def load(self) -> Extract:
        encoder = _Encoder(weight_folder(self.encoder))
        identity = model_id(self.encoder)
        return lambda batch: [{**_features(inputs, encoder), "latents_encoder": identity} for inputs in batch]


class _Encoder:
    """What ``training.export_encoder`` wrote into a folder, without its decoder."""

    def __init__(self, folder: Path) -> None:
        document = json.loads((folder / "encoder.json").read_text())
        if document["format"] != FORMAT:
            raise ValueError(f"{folder} has format {document['format']}, expected {FORMAT}: train the VAE anew")
        self._program = _program(folder / "encoder.pt2")
        self._statistics, self._latents = document["statistics"], document["latents"]
        self.spec = MelSpec.from_dict(document["mel"])
        self.stereo: bool = document["audio_channels"] == 2
        self.least_frames: int = document["least_frames"]
        self.factor: int = self._latents["factor"]
        self.window = window_latents(document["window_frames"], self.factor)
        self.filters = filters_of(self.spec)
        silence = np.zeros(self.spec.n_fft + self.spec.hop_samples, np.float32)
        self._silence = log_mel(silence, self.spec, self.filters).astype(np.float16)[:, :1]

    def __call__(self, mel: Halves) -> Halves:
        """Return latents of unit variance ``(channels, height, ceil(frames / factor))`` of a log-mel."""
        num_latents = -(-mel.shape[2] // self.factor)
        found = np.empty((self._latents["channels"], self._latents["height"], num_latents), "<f2")
        for window in windows(num_latents, self.window):
            found[:, :, window.first : window.last] = self._encode(mel, window.start)[:, :, window.kept]
        return found

    def _encode(self, mel: Halves, start: int) -> Floats:
        """Encode one window, filled up with silence beyond the end of the track."""
        import torch

        frames = mel[:, :, start * self.factor : (start + self.window) * self.factor]
        filled = np.empty((*mel.shape[:2], self.window * self.factor), np.float32)
        filled[:] = self._silence
        filled[:, :, : frames.shape[2]] = frames
        normalised = (filled - self._statistics["mean"]) / self._statistics["std"]
        with torch.inference_mode():
            latents = self._program(torch.from_numpy(normalised)[None].to(device()))[0]
        scaled: Floats = latents.float().cpu().numpy() * self._latents["scale_factor"]
        return scaled


def _program(path: Path) -> Callable[[Any], Any]:
    import torch.export
    from torch.export.passes import move_to_device_pass

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given buffer is not writable")  # torch's own, of its own reading
        return move_to_device_pass(torch.export.load(path), device()).module()


def _features(inputs: Inputs, encoder: _Encoder) -> Features:
    mel = stored_log_mel(inputs, encoder.spec, encoder.stereo, encoder.filters)
    if mel is None or mel.shape[2] < encoder.least_frames:
        return dict.fromkeys(LATENTS.names)
    latents = encoder(mel)
    return {
        "latents": latents.tobytes(),
        "latents_shape": list(latents.shape),
        "latents_rate_hz": encoder.spec.frames_a_second / encoder.factor,
    }
