"""Everything a window is known by, as a backbone takes it: a vector, a sequence for the text and one for the voice."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.condition_groups import GROUPS, SPANS_OF
from training.conditions import BY_NAME
from training.models.condition_encoders import OrNull, VectorEncoder, encoder, masked_mean, sinusoids
from training.models.voice_attention import ECAPA_WIDTH, VOICE_WIDTH, VoiceEmbeddingFusion


class Conditioning(NamedTuple):
    """What is known of B windows, encoded."""

    section_BD: Tensor
    text_BLD: Tensor
    mask_BL: Tensor
    """Bool: what of the text there is."""
    voice_BVD: Tensor


def known(batch: Batch, name: str) -> tuple[Tensor, Tensor]:
    """Return a condition's tensor and which windows have it; a placeholder and none where the batch lacks it.

    A sequence that is empty in all windows has a placeholder, too: one element that does not count.
    """
    nobody_B = torch.zeros(batch.size, dtype=torch.bool, device=batch.payload.device)
    present_B = batch.present.get(SPANS_OF.get(name, name), nobody_B)
    value = batch.conditions.get(name)
    if value is None:
        return _placeholder(batch, name), nobody_B
    return (value if value.numel() else _placeholder(batch, name)), present_B


def _placeholder(batch: Batch, name: str) -> Tensor:
    condition = BY_NAME.get(name)
    kind, size = (condition.kind, condition.size) if condition else ("spans", 1)
    shape = {"vector": (size,), "curve": (1,), "spans": (1, 2), "symbols": (1,)}.get(kind, ())
    dtype = torch.int64 if kind in ("label", "symbols") else torch.float32
    fill = -1 if kind == "spans" else 0
    return torch.full((batch.size, *shape), fill, dtype=dtype, device=batch.payload.device)


class SectionConditioningModule(nn.Module):
    """A vector of all that is known of a window but its voice."""

    def __init__(self, text_width: int, fusion_width: int, width: int) -> None:
        super().__init__()
        encoders = {
            name: OrNull(VectorEncoder(text_width, size) if name == "prompt" else encoder(name, size), size)
            for size, names in GROUPS.values()
            for name in names
        }
        self.encoders = nn.ModuleDict(encoders)
        self.fusion = nn.Sequential(
            nn.Linear(sum(size for size, _ in GROUPS.values()), fusion_width),
            nn.SiLU(),
            nn.Linear(fusion_width, fusion_width),
            nn.SiLU(),
            nn.Linear(fusion_width, width),
        )

    def forward(self, batch: Batch, text_BD: Tensor, has_text_B: Tensor) -> Tensor:
        """Return ``(B, width)``; ``text_BD`` is the mean of the text."""

        def encoded(name: str) -> Tensor:
            value, present_B = (text_BD, has_text_B) if name == "prompt" else known(batch, name)
            return self.encoders[name](value, present_B)  # type: ignore[no-any-return]

        groups = [torch.stack([encoded(name) for name in names]).sum(dim=0) for _, names in GROUPS.values()]
        return self.fusion(torch.cat(groups, dim=1))  # type: ignore[no-any-return]


class VoiceTokens(nn.Module):
    """A voice as a short sequence to attend to, the way IP-Adapter (Ye et al., 2023) shows a picture to a UNet."""

    def __init__(self, num_tokens: int, width: int) -> None:
        super().__init__()
        self.voice = OrNull(VectorEncoder(VOICE_WIDTH, VOICE_WIDTH), VOICE_WIDTH)
        self.ecapa = OrNull(VectorEncoder(ECAPA_WIDTH, VOICE_WIDTH), VOICE_WIDTH)
        self.fusion = VoiceEmbeddingFusion()
        self.tokens = nn.Linear(VOICE_WIDTH, num_tokens * width)
        self.norm = nn.LayerNorm(width)
        self.width = width

    def forward(self, batch: Batch) -> Tensor:
        """Return ``(B, num_tokens, width)``."""
        fused_BD = self.fusion(self.voice(*known(batch, "voice")), self.ecapa(*known(batch, "ecapa")))
        return self.norm(self.tokens(fused_BD).unflatten(1, (-1, self.width)))  # type: ignore[no-any-return]


class Conditioner(nn.Module):
    """The conditioning trunk. Where a window has no text, all its tokens are the learned one."""

    def __init__(self, text_width: int, fusion_width: int, section_width: int, num_voice_tokens: int) -> None:
        super().__init__()
        self.null_text_D = nn.Parameter(torch.randn(text_width) * 0.02)
        self.section = SectionConditioningModule(text_width, fusion_width, section_width)
        self.voice = VoiceTokens(num_voice_tokens, text_width)

    def forward(self, batch: Batch) -> Conditioning:
        text_BLD, mask_BL, has_text_B = self._text(batch)
        section_BD = self.section(batch, masked_mean(text_BLD, mask_BL), has_text_B)
        seen_BLD = torch.where(has_text_B[:, None, None], text_BLD, self.null_text_D)
        return Conditioning(section_BD, seen_BLD, mask_BL | ~has_text_B[:, None], self.voice(batch))

    def _text(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        if "text" not in batch.conditions:
            text_BLD = self.null_text_D.detach().float().expand(batch.size, 1, -1)
            mask_BL = torch.zeros(batch.size, 1, dtype=torch.bool, device=text_BLD.device)
        else:
            text_BLD, mask_BL = batch.conditions["text"], batch.conditions["text_mask"]
        nobody_B = torch.zeros(batch.size, dtype=torch.bool, device=mask_BL.device)
        return text_BLD, mask_BL, batch.present.get("prompt", nobody_B) & mask_BL.any(dim=1)


class TimeEmbedding(nn.Module):
    """How noisy a window is, and its section vector, as one vector."""

    def __init__(self, sinusoid_width: int, section_width: int, width: int) -> None:
        super().__init__()
        self.sinusoid_width = sinusoid_width
        self.time = nn.Sequential(nn.Linear(sinusoid_width, width), nn.SiLU(), nn.Linear(width, width))
        self.section = nn.Linear(section_width, width)

    def forward(self, time_B: Tensor, section_BD: Tensor) -> Tensor:
        """Return ``(B, width)`` for times from 0, clean, to 1000, nothing but noise."""
        time_BD = self.time(sinusoids(time_B, self.sinusoid_width))
        return time_BD + self.section(section_BD)  # type: ignore[no-any-return]
