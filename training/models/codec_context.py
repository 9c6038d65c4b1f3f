"""What a codec language model is told of a window: a token a condition, the text, and a few seconds of audio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.batch import Batch
from training.codec_lm import AUDIO_PROMPT
from training.models.condition_encoders import OrNull, encoder
from training.models.conditioning import known


class Context(NamedTuple):
    """The context of B windows: of all of them, the same number of tokens."""

    tokens_BLD: Tensor
    mask_BL: Tensor
    """Bool: False where a text has ended."""


def joined(*contexts: Context) -> Context:
    """The contexts as those of one batch."""
    tokens, masks = zip(*contexts, strict=True)
    return Context(torch.cat(tokens), torch.cat(masks))


class ContextEncoder(nn.Module):
    """Conditions that a window lacks, and words beyond its last, are learned vectors."""

    def __init__(
        self, conditions: Sequence[str], width: int, text_width: int, text_tokens: int, prompt_frames: int
    ) -> None:
        super().__init__()
        self.conditions = nn.ModuleDict({name: OrNull(encoder(name, width), width) for name in conditions})
        self.text = PlacedSequence(text_width, text_tokens, width) if text_tokens else None
        self.prompt = PlacedSequence(width, prompt_frames, width) if prompt_frames else None
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: Batch, prompt_BTD: Tensor | None) -> Context:
        """``prompt_BTD`` are the embedded tokens of the audio prompt; None if no window has one."""
        tokens = [encode(*known(batch, name))[:, None] for name, encode in self.conditions.items()]
        masks = [torch.ones_like(token_B1D[:, :, 0], dtype=torch.bool) for token_B1D in tokens]
        if self.text is not None:
            words_BLD, is_word_BL = _words(batch, self.text.in_width)
            has_text_B = _present(batch, "prompt") & is_word_BL.any(dim=1)
            token_BLD, is_word_BL = self.text(words_BLD, is_word_BL & has_text_B[:, None])
            tokens.append(token_BLD)
            masks.append(is_word_BL | ~has_text_B[:, None])  # all of them together say that there is none
        if self.prompt is not None:
            has_prompt_B1 = _present(batch, AUDIO_PROMPT)[:, None]
            frames_BTD = tokens[0][:, :0] if prompt_BTD is None else prompt_BTD
            token_BLD, _ = self.prompt(frames_BTD, has_prompt_B1.expand(frames_BTD.shape[:2]))
            tokens.append(token_BLD)
            masks.append(torch.ones_like(token_BLD[:, :, 0], dtype=torch.bool))
        return Context(self.norm(torch.cat(tokens, dim=1)), torch.cat(masks, dim=1))


class PlacedSequence(nn.Module):
    """A sequence, cut or filled up to a length, of which every place is known by a learned vector."""

    def __init__(self, in_width: int, length: int, width: int) -> None:
        super().__init__()
        self.in_width = in_width
        self.project = nn.Linear(in_width, width)
        self.null_D = nn.Parameter(torch.randn(width) * 0.02)
        self.place_LD = nn.Parameter(torch.randn(length, width) * 0.02)

    def forward(self, x_BLD: Tensor, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(B, length, width)``, the learned null where there is nothing, and where there is something."""
        missing = len(self.place_LD) - x_BLD.shape[1]
        x_BLD = F.pad(F.layer_norm(x_BLD, x_BLD.shape[2:]), (0, 0, 0, missing))  # cut where it is negative
        mask_BL = F.pad(mask_BL, (0, missing))
        y_BLD = torch.where(mask_BL[:, :, None], self.project(x_BLD), self.null_D)
        return y_BLD + self.place_LD, mask_BL


def _words(batch: Batch, width: int) -> tuple[Tensor, Tensor]:
    """The encoded text ``(B, L, width)`` and which of its places count; a batch that has none has no places."""
    if "text" not in batch.conditions:
        shape, device = (batch.size, 0), batch.payload.device
        return torch.zeros(*shape, width, device=device), torch.zeros(shape, dtype=torch.bool, device=device)
    return batch.conditions["text"], batch.conditions["text_mask"]


def _present(batch: Batch, name: str) -> Tensor:
    nobody_B = torch.zeros(batch.size, dtype=torch.bool, device=batch.payload.device)
    return batch.present.get(name, nobody_B)
