"""A VAE with random weights, exported as ``muze train vae-...`` writes it into the store."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

NAME = "vae-tiny"
MEL = "32k"
FACTOR = 8
WINDOW_FRAMES = 128


def write_vae(folder: Path, stereo: bool = False) -> None:
    """Write the folder of a VAE that was trained on windows of ``WINDOW_FRAMES`` log-mel frames."""
    folder.mkdir(parents=True)
    for name, content in _exported(stereo).items():
        (folder / name).write_bytes(content)


@cache
def _exported(stereo: bool) -> dict[str, bytes]:
    """To export takes seconds: once a process."""
    import torch

    from training.export_encoder import Statistics, export_encoder
    from training.vae import VaeTask

    task = VaeTask(MEL, stereo=stereo, latent_dim=8, channels=(4, 4, 8, 8), window_frames=WINDOW_FRAMES)
    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        export_encoder(task.build().eval(), task, Path(folder), Statistics(mean=-5.0, std=2.5, latent_std=0.4))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
