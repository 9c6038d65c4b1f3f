"""Speaker embeddings by ECAPA-TDNN, as speechbrain trained it on VoxCeleb.

Desplanques, Thienpondt and Demuynck, "ECAPA-TDNN: Emphasized channel attention, propagation and aggregation in TDNN
based speaker verification" (Interspeech 2020).
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.batching import Batches
from featurizers.device import device
from featurizers.singer import normalising_gain
from featurizers.weights_store import weight_folder

Floats = npt.NDArray[np.float32]

WEIGHT = "ecapa-voxceleb"
RATE_HZ = 16000
MIN_DURATION_S = 1.0
MAX_WINDOW_S = 10.0
BATCH_WINDOWS = 16


def load_encoder() -> Any:
    """Return speechbrain's encoder. WeightsError if its folder is not what was pulled.

    The folder's ``hyperparams.yaml`` names classes to make, so it is code: verified like the rest before it is read.
    """
    import_speechbrain()
    from speechbrain.inference.classifiers import EncoderClassifier
    from speechbrain.utils.fetching import FetchConfig

    folder = str(weight_folder(WEIGHT))
    return EncoderClassifier.from_hparams(
        source=folder,
        savedir=None,  # neither links nor copies
        overrides={"pretrained_path": folder},  # the file itself names a hub
        fetch_config=FetchConfig(allow_network=False),
        run_opts={"device": "cuda:0" if device() == "cuda" else "cpu"},  # without a number it warns
    )


def import_speechbrain() -> None:
    """Import speechbrain without what it does to the process.

    It makes every model multiply in TF32 and compile without profiles. And it keeps modules under old names that warn
    or import something missing when merely looked at, which happens to all of ``sys.modules`` in pickling by value.
    """
    os.environ.setdefault("SB_DISABLE_QUIRKS", "allow_tf32,disable_jit_profiling")
    import speechbrain.inference.classifiers  # noqa: F401
    from speechbrain.utils.importutils import LazyModule

    for name in [name for name, module in sys.modules.items() if issubclass(type(module), LazyModule)]:
        del sys.modules[name]


def embed(encoder: Any, batches: Batches, samples: Floats) -> Floats | None:
    """Return the unit-length embedding ``(192,)`` of samples at 16 kHz, or None if they are below 1 s or silent.

    The mean, at unit length, of the unit-length embeddings of windows of equal length: as few as 10 s allow, so that
    none is below 5 s unless the whole is. All is brought to -30 dBFS before.
    """
    import torch

    gain = normalising_gain(samples)
    if len(samples) < MIN_DURATION_S * RATE_HZ or gain is None:
        return None

    def unit_vectors(windows: Sequence[Floats]) -> list[Floats]:
        with torch.inference_mode():
            embeddings = encoder.encode_batch(torch.from_numpy(np.stack(windows) * np.float32(gain)))[:, 0]
            return [*torch.nn.functional.normalize(embeddings, dim=1).cpu().numpy()]

    total = np.sum(batches.run(unit_vectors, [*equal_windows(samples)]), axis=0)
    embedding: Floats = total / np.linalg.norm(total)
    return embedding


def equal_windows(samples: Floats) -> Floats:
    """The fewest windows of at most 10 s and equal length, ``(windows, samples)``, without the few samples over."""
    num_windows = -int(-len(samples) // (MAX_WINDOW_S * RATE_HZ))
    length = len(samples) // num_windows
    return samples[: num_windows * length].reshape(num_windows, length)
