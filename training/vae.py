"""Training of a VAE on log-mels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from schemas.mel_specs import MEL_SPECS, MelSpec
from training.task import Task, Turn

if TYPE_CHECKING:
    from torch import Tensor, nn

    from training.batch import Batch
    from training.draws import Draws
    from training.models.discriminator import JudgedVae
    from training.models.vae import AudioVAE, Posterior, Shape
    from training.task import Losses

_CHANNELS = ((32, 64), (64, 96), (256, 128))
"""Latent channels up to which a VAE has which channels on its first level; each level has twice as many."""
NUM_LEVELS = 4


@dataclass(frozen=True)
class VaeTask(Task):
    """Trains an AudioVAE on normalised log-mels.

    A window's loss is the mean squared error, plus ``beta`` times the divergence of its latents from the standard
    normal (mean over latent values), plus ``spectral_weight`` times ``training.spectral_loss``, plus
    ``discriminator_weight`` times how well a discriminator recognises it. What rises or begins later in a run does so
    by windows, so that it needs no step: each window has its place in the run.
    """

    payload: ClassVar[str] = "mel"

    mel: Literal["32k", "44k", "24k"] = "44k"
    stereo: bool = False
    """Left and right as two channels."""
    latent_dim: int = 16
    """Channels of the latents, 8 to 256."""
    channels: tuple[int, ...] = ()
    """Of the four levels; empty: as the latent channels ask for."""
    beta: float = 1e-3
    beta_windows: int = 0
    """Windows over which beta rises from 0."""
    spectral_weight: float = 0.5
    discriminator_weight: float = 0.0
    """0: there is none."""
    discriminator_channels: int = 64
    discriminator_after_windows: int = 0
    """Windows before it begins."""
    window_frames: int = 1024
    """Frames of a window, for the estimate of work; any number trains."""

    def __post_init__(self) -> None:
        if not 8 <= self.latent_dim <= 256:
            raise ValueError(f"latent_dim is {self.latent_dim}, expected 8 to 256")
        if self.channels and (len(self.channels) != NUM_LEVELS or min(self.channels) < 1):
            raise ValueError(f"channels is {list(self.channels)}, expected {NUM_LEVELS} numbers, or none")

    @property
    def spec(self) -> MelSpec:
        """What its log-mels are."""
        return MEL_SPECS[self.mel]

    @property
    def shape(self) -> Shape:
        """Sizes of the model."""
        from training.models.vae import Shape

        first = next(channels for latents, channels in _CHANNELS if self.latent_dim <= latents)
        by_latents = tuple(first * 2**level for level in range(NUM_LEVELS))
        return Shape(self.latent_dim, self.channels or by_latents, 2 if self.stereo else 1)

    def build(self) -> nn.Module:
        """A ``JudgedVae``."""
        from training.models.discriminator import JudgedVae, PatchDiscriminator
        from training.models.vae import AudioVAE

        shape = self.shape
        judge = PatchDiscriminator(shape.audio_channels, self.discriminator_channels)
        vae = AudioVAE(shape, surplus_bins=-self.spec.num_bins % shape.factor)
        return JudgedVae(vae, judge if self.discriminator_weight else None)

    def turns(self) -> tuple[Turn, ...]:
        def judge_parameters(module: nn.Module) -> list[nn.Parameter]:
            judge = _parts(module).discriminator
            return list(judge.parameters()) if judge is not None else []

        model = Turn("model", lambda module: list(_parts(module).vae.parameters()), self._losses)
        judge = Turn("discriminator", judge_parameters, self._judge_losses)
        return (model, judge) if self.discriminator_weight else (model,)

    def _losses(self, module: nn.Module, batch: Batch, draws: Draws) -> Losses:
        """Validation takes the whole beta and leaves the discriminator out: its totals can be compared over a run."""
        from training.models.discriminator import taken_for_real_loss
        from training.spectral_loss import spectral_loss

        parts = _parts(module)
        found, posterior = self._reconstructed(parts.vae, batch, draws)
        losses = {
            "reconstruction": (found - batch.payload).square().flatten(1).mean(dim=1),
            "kl": posterior.kl(),
            "spectral": spectral_loss(found, batch.payload),
        }
        beta_B = self.beta * _risen(batch.positions, self.beta_windows if module.training else 0)
        total_B = losses["reconstruction"] + beta_B * losses["kl"] + self.spectral_weight * losses["spectral"]
        if parts.discriminator is not None:
            losses["adversarial"] = taken_for_real_loss(parts.discriminator(found).float())
            if module.training:
                total_B = total_B + self.discriminator_weight * self._begun(batch) * losses["adversarial"]
        return {"total": total_B, **losses}

    def _judge_losses(self, module: nn.Module, batch: Batch, draws: Draws) -> Losses:
        import torch

        from training.models.discriminator import told_apart_loss

        parts = _parts(module)
        assert parts.discriminator is not None
        with torch.no_grad():
            found, _ = self._reconstructed(parts.vae, batch, draws)
        real, made = (parts.discriminator(mel).float() for mel in (batch.payload, found))
        told_apart_B = told_apart_loss(real, made)
        begun_B = self._begun(batch) if module.training else 1.0
        return {"total": begun_B * told_apart_B, "told_apart": told_apart_B}

    def _reconstructed(self, vae: AudioVAE, batch: Batch, draws: Draws) -> tuple[Tensor, Posterior]:
        shape = vae.latent_shape(*batch.payload.shape[2:])
        found, posterior = vae(batch.payload, draws.normal("latents", shape))
        return found.float(), posterior

    def _begun(self, batch: Batch) -> Tensor:
        return (batch.positions >= self.discriminator_after_windows).float()

    def flops_a_window(self) -> float:
        """Of all turns, counting a backward pass as two forward ones, and one forward one for inputs alone.

        The discriminator sees the reconstruction twice and the window once, and its turn reconstructs once more.
        """
        vae, judge = _forward_flops(self)
        return 4.0 * vae + 8.0 * judge if self.discriminator_weight else 3.0 * vae

    def tokens_a_window(self) -> int:
        return self.window_frames

    def blocks(self, module: nn.Module) -> list[nn.Module]:
        return _parts(module).vae.blocks()


def _parts(module: nn.Module) -> JudgedVae:
    """The module as what ``build`` made."""
    return cast("JudgedVae", module)


def _risen(positions_B: Tensor, windows: int) -> Tensor:
    """From 0 to 1 over that many windows."""
    import torch

    return (positions_B / windows).clamp(max=1) if windows else torch.ones_like(positions_B, dtype=torch.float32)


@cache
def _forward_flops(task: VaeTask) -> tuple[int, int]:
    """Of the VAE, and of the discriminator."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), torch.no_grad():
        module, mel = (
            _parts(task.build()),
            torch.zeros(1, task.shape.audio_channels, task.spec.num_bins, task.window_frames),
        )
        found = []
        for part in (module.vae, module.discriminator):
            with FlopCounterMode(display=False) as counter:
                if part is not None:
                    part(mel)
            found.append(counter.get_total_flops())
    return found[0], found[1]
