"""A multi-resolution spectral loss on log-mels.

The losses of this name compare STFTs of several window lengths (Yamamoto, Song and Kim, "Parallel WaveGAN", 2020). Of a
mel there is no sound to take other STFTs of, but a longer window is about the mean over neighbouring frames, and a
shorter one about that over neighbouring bins. So the magnitudes ``exp(log_mel)`` are averaged over several rectangles,
and for each of those the two terms of that paper are taken: the mean difference of logarithms, and the spectral
convergence ``|found - wanted| / |wanted|`` of Frobenius norms (Arik, Jun and Diamos, 2018).

On mels normalised to unit variance ``exp`` gives magnitudes to the power of ``1 / std``: compressed, as loudness is.
"""

import torch.nn.functional as F
from torch import Tensor

RESOLUTIONS = ((1, 1), (1, 4), (1, 16), (4, 1), (16, 1))
"""Bins and frames that are averaged; at the upper and right end what is left of a rectangle."""
_LOUDEST = 12.0
"""Of logarithms: a model that starts far off must not overflow. No sound gets there."""


def spectral_loss(found_BCMK: Tensor, wanted_BCMK: Tensor) -> Tensor:
    """Return a loss a window ``(B,)``, 0 for equal log-mels."""
    found, wanted = (log_mel.float().clamp(max=_LOUDEST).exp() for log_mel in (found_BCMK, wanted_BCMK))
    losses = [_one(_averaged(found, size), _averaged(wanted, size)) for size in RESOLUTIONS]
    return sum(losses[1:], losses[0]) / len(losses)


def _averaged(magnitudes: Tensor, size: tuple[int, int]) -> Tensor:
    fitting = (min(size[0], magnitudes.shape[2]), min(size[1], magnitudes.shape[3]))
    return F.avg_pool2d(magnitudes, fitting, ceil_mode=True)


def _one(found: Tensor, wanted: Tensor) -> Tensor:
    logarithms_B = (found.clamp(min=1e-12).log() - wanted.clamp(min=1e-12).log()).abs().flatten(1).mean(dim=1)
    return logarithms_B + _norm(found - wanted) / _norm(wanted)


def _norm(magnitudes: Tensor) -> Tensor:
    return (magnitudes.square().flatten(1).sum(dim=1) + 1e-12).sqrt()
