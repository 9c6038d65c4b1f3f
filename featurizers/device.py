"""Where a worker's models run."""

import os


def device() -> str:
    """Return ``cuda`` where this worker was given a GPU, else ``cpu``.

    Ray shows a worker the GPUs it was given through CUDA_VISIBLE_DEVICES, and an empty list to a worker without.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
