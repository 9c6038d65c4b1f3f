"""AudioVAE: log-mels to latents and back, laid out as the AutoencoderKL of Rombach et al. (2022)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS_A_LEVEL = 2
"""Of the encoder; the decoder has one more."""
_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE = -30.0, 20.0
_EPSILON = 1e-6


@dataclass(frozen=True)
class Shape:
    """Sizes of an AudioVAE."""

    latent_channels: int
    channels: tuple[int, ...]
    """Of each level; every level but the last halves bins and frames."""
    audio_channels: int = 1

    @property
    def factor(self) -> int:
        """Bins and frames that become one: 8 for four levels."""
        return 1 << (len(self.channels) - 1)


@dataclass(frozen=True)
class Posterior:
    """Normal distributions of latents, ``(B, latent_channels, bins / factor, frames / factor)`` each, rounded up."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Return latents, given standard normal noise."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def kl(self) -> Tensor:
        """Return the divergence from the standard normal, ``(B,)``: the mean over latent values, in nats."""
        kl = 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)
        return kl.flatten(1).mean(dim=1)


def normalisation(channels: int) -> nn.GroupNorm:
    """32 groups; four channels a group where there are fewer than 64, since a group of one forgets its level."""
    groups = 32 if channels >= 64 else max(1, channels // 4)
    return nn.GroupNorm(math.gcd(groups, channels), channels, eps=_EPSILON)


class ResBlock(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.first_norm = normalisation(channels)
        self.first = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.second_norm = normalisation(out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW = self.first(F.silu(self.first_norm(x_BCHW)))
        return self.skip(x_BCHW) + self.second(F.silu(self.second_norm(y_BCHW)))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Every place looks at all others, with one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normalisation(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        x_BLC = self.norm(x_BCHW).flatten(2).transpose(1, 2)
        query, key, value = (part[:, None] for part in self.query_key_value(x_BLC).chunk(3, dim=2))
        y_BLC = self.out(F.scaled_dot_product_attention(query, key, value)[:, 0])
        return x_BCHW + y_BLC.transpose(1, 2).reshape(x_BCHW.shape)  # type: ignore[no-any-return]


class Downsample(nn.Module):
    """Half as many bins and frames; zeros are added at the upper and right end only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.conv(F.pad(x_BCHW, (0, 1, 0, 1)))  # type: ignore[no-any-return]


class Upsample(nn.Module):
    """Twice as many bins and frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.conv(F.interpolate(x_BCHW, scale_factor=2.0, mode="nearest"))  # type: ignore[no-any-return]


def _middle(channels: int) -> nn.Sequential:
    return nn.Sequential(ResBlock(channels, channels), Attention(channels), ResBlock(channels, channels))


def _level(channels: int, out_channels: int, blocks: int) -> list[nn.Module]:
    return [ResBlock(channels if number == 0 else out_channels, out_channels) for number in range(blocks)]


def _end(channels: int, out_channels: int) -> list[nn.Module]:
    return [normalisation(channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)]


class Encoder(nn.Module):
    """Log-mels to means and logarithms of variances of latents."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.factor = shape.factor
        channels, outputs = shape.channels, 2 * shape.latent_channels
        layers: list[nn.Module] = [nn.Conv2d(shape.audio_channels, channels[0], 3, padding=1)]
        for before, after in zip((channels[0], *channels), channels, strict=False):
            layers += [*_level(before, after, BLOCKS_A_LEVEL), Downsample(after)]
        end = [*_middle(channels[-1]), *_end(channels[-1], outputs), nn.Conv2d(outputs, outputs, 1)]
        self.layers = nn.Sequential(*layers[:-1], *end)  # the last level halves nothing

    def forward(self, mel_BCMK: Tensor) -> tuple[Tensor, Tensor]:
        bins, frames = (latent_size(size, self.factor) * self.factor - size for size in mel_BCMK.shape[2:])
        padding = (0, frames, 0, bins)
        mean, log_variance = self.layers(F.pad(mel_BCMK, padding, mode="replicate")).float().chunk(2, dim=1)
        return mean, log_variance.clamp(_LEAST_LOG_VARIANCE, _MOST_LOG_VARIANCE)


def latent_size(size: int, factor: int) -> int:
    """Frames, or bins, of the latents of that many; written so that torch.export can tell their range."""
    return (size + factor - 1) // factor


class WithoutHighest(nn.Module):
    """Leaves out the highest bins: those that the encoder filled up with."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, mel_BCMK: Tensor) -> Tensor:
        return mel_BCMK[:, :, : mel_BCMK.shape[2] - self.bins]


def _decoder(shape: Shape, surplus_bins: int) -> nn.Sequential:
    channels, latents = shape.channels[::-1], shape.latent_channels
    layers: list[nn.Module] = [nn.Conv2d(latents, latents, 1), nn.Conv2d(latents, channels[0], 3, padding=1)]
    layers += _middle(channels[0])
    for before, after in zip((channels[0], *channels), channels, strict=False):
        layers += [*_level(before, after, BLOCKS_A_LEVEL + 1), Upsample(after)]
    end = _end(channels[-1], shape.audio_channels)
    return nn.Sequential(*layers[:-1], *end, *([WithoutHighest(surplus_bins)] if surplus_bins else []))


class AudioVAE(nn.Module):
    """Normalised log-mels ``(B, audio_channels, bins, frames)`` to latents and back.

    Frames are any number: the last one is repeated up to a multiple of ``shape.factor``. So is the highest bin, if
    ``surplus_bins`` says by how many the mels of this model miss a multiple.
    """

    def __init__(self, shape: Shape, surplus_bins: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = Encoder(shape)
        self.decoder = _decoder(shape, surplus_bins)

    def encode(self, mel_BCMK: Tensor) -> Posterior:
        """Return the distribution of the latents, ``ceil(frames / factor)`` wide."""
        return Posterior(*self.encoder(mel_BCMK))

    def decode(self, latents_BLHW: Tensor) -> Tensor:
        """Return log-mels of ``factor`` times as many frames, and bins but for the surplus."""
        return self.decoder(latents_BLHW)  # type: ignore[no-any-return]

    def forward(self, mel_BCMK: Tensor, noise_BLHW: Tensor | None = None) -> tuple[Tensor, Posterior]:
        """Return the reconstruction of as many frames, and what it was decoded from; without noise, from its mean."""
        posterior = self.encode(mel_BCMK)
        latents = posterior.mean if noise_BLHW is None else posterior.sample(noise_BLHW)
        return self.decode(latents)[..., : mel_BCMK.shape[3]], posterior

    def latent_shape(self, bins: int, frames: int) -> tuple[int, int, int]:
        """Channels, height and width of the latents of a mel."""
        factor = self.shape.factor
        return self.shape.latent_channels, latent_size(bins, factor), latent_size(frames, factor)

    def blocks(self) -> list[nn.Module]:
        """The residual blocks, and the attention in the middles."""
        return [part for part in self.modules() if isinstance(part, ResBlock | Attention)]


def num_parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters())
