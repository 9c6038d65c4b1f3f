"""A discriminator of patches of log-mels, for a VAE whose mels are to be sharp."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from training.models.vae import AudioVAE, normalisation

_HALVINGS = 3
_SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """Says of each patch of 8 bins and 8 frames whether it is real (Isola et al., 2017), above 0 if it is.

    Groups of channels are normalised, not batches: what it says of a window depends on nothing else.
    """

    def __init__(self, audio_channels: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(audio_channels, channels, 4, 2, 1), nn.LeakyReLU(_SLOPE)]
        for halving in range(1, _HALVINGS):
            before, after = channels * 2 ** (halving - 1), channels * 2**halving
            layers += [nn.Conv2d(before, after, 4, 2, 1), normalisation(after), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(after, 1, 3, padding=1))

    def forward(self, mel_BCMK: Tensor) -> Tensor:
        """Return logits ``(B, 1, bins / 8, frames / 8)``. There have to be 8 frames."""
        return self.layers(mel_BCMK)  # type: ignore[no-any-return]


class JudgedVae(nn.Module):
    """What trains: a VAE, and the discriminator that judges it, if there is one."""

    def __init__(self, vae: AudioVAE, discriminator: PatchDiscriminator | None) -> None:
        super().__init__()
        self.vae = vae
        self.discriminator = discriminator


def told_apart_loss(real_logits: Tensor, made_logits: Tensor) -> Tensor:
    """What a discriminator minimises, ``(B,)``: the hinge loss of Lim and Ye (2017)."""
    losses = F.relu(1 - real_logits) + F.relu(1 + made_logits)
    return 0.5 * losses.flatten(1).mean(dim=1)


def taken_for_real_loss(made_logits: Tensor) -> Tensor:
    """What the model that made them minimises, ``(B,)``."""
    return -made_logits.flatten(1).mean(dim=1)
