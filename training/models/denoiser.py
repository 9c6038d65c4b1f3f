"""A backbone and what tells it about the windows."""

from __future__ import annotations

from torch import Tensor, nn

from training.batch import Batch
from training.models.conditioning import Conditioner
from training.models.dit import Dit
from training.models.unet import UNetV2


class Denoiser(nn.Module):
    """Everything of a latent diffusion model that is trained."""

    def __init__(self, conditioner: Conditioner, backbone: UNetV2 | Dit) -> None:
        super().__init__()
        self.conditioner = conditioner
        self.backbone = backbone

    def forward(self, noisy_BCHW: Tensor, time_B: Tensor, batch: Batch) -> Tensor:
        """Return what the objective has it predict, of the shape of ``noisy_BCHW``."""
        return self.backbone(noisy_BCHW, time_B, self.conditioner(batch))  # type: ignore[no-any-return]
