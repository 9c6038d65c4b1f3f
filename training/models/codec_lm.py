"""A transformer decoder over the tokens of an audio codec: a prefix-LM, or one that attends to its context."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.batch import Batch
from training.codec_lm import AUDIO_PROMPT
from training.models.codec_context import Context, ContextEncoder
from training.models.decoder_block import Cache, DecoderBlock
from training.patterns import NOTHING, pattern


@dataclass(frozen=True)
class CodecLmShape:
    """How a codec language model is built."""

    architecture: Literal["prefix", "cross"]
    """Where the context is: before the tokens in one sequence (Raffel et al., 2020), or attended to in every block."""
    pattern: Literal["flat", "delay", "parallel"]
    codebooks: int
    codebook_size: int
    layers: int
    width: int
    head_width: int
    conditions: tuple[str, ...]
    text_width: int
    text_tokens: int
    """0: it reads no text."""
    prompt_frames: int
    """0: it hears no audio prompt."""


class CodecLm(nn.Module):
    """Predicts every token of a sequence from the steps before.

    Each codebook has an embedding table and a head of its own; the embeddings of a step are added. A table has one row
    more than the codebook, for the place without a token, the one before the first step included. Places are told by
    rotating queries and keys (RoPE), from the first token of the prefix on.
    """

    def __init__(self, shape: CodecLmShape) -> None:
        super().__init__()
        if shape.width % shape.head_width or shape.head_width % 2:
            raise ValueError(
                f"a width of {shape.width} does not divide into heads of {shape.head_width}, an even width"
            )
        self.shape = shape
        self.pattern = pattern(shape.pattern, shape.codebooks)
        self.tables = nn.Embedding(shape.codebooks * (shape.codebook_size + 1), shape.width)
        self.context = ContextEncoder(
            shape.conditions, shape.width, shape.text_width, shape.text_tokens, shape.prompt_frames
        )
        crosses = shape.architecture == "cross"
        self.layers = nn.ModuleList(DecoderBlock(shape.width, shape.head_width, crosses) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        heads = (nn.Linear(shape.width, shape.codebook_size, bias=False) for _ in range(shape.codebooks))
        self.heads = nn.ModuleList(heads)
        self._initialise()

    def forward(self, sequence_BRS: Tensor, batch: Batch) -> Tensor:
        """Return logits ``(B, S, R, codebook_size)`` of each step of a sequence (see ``training.patterns``)."""
        return self.predicted(self.shifted(sequence_BRS), self.known(batch))

    def known(self, batch: Batch) -> Context:
        """What a batch is conditioned on, encoded."""
        prompt_BKT = batch.conditions.get(AUDIO_PROMPT)
        if prompt_BKT is None or not self.shape.prompt_frames:
            return self.context(batch, None)  # type: ignore[no-any-return]
        codebooks_K = torch.arange(self.shape.codebooks, device=prompt_BKT.device)
        prompt_BTD = self._embedded(prompt_BKT, codebooks_K[:, None])
        return self.context(batch, prompt_BTD)  # type: ignore[no-any-return]

    def shifted(self, sequence_BRS: Tensor) -> Tensor:
        """The inputs that predict a sequence: nothing, and all of its steps but the last."""
        return F.pad(sequence_BRS, (1, -1), value=NOTHING)

    def predicted(
        self, inputs_BRL: Tensor, context: Context, step: int = 0, caches: Sequence[Cache] | None = None
    ) -> Tensor:
        """Return logits ``(B, L, R, codebook_size)`` of L steps from ``step``, given what is in the steps before them.

        With caches, which have seen all earlier inputs, L is 1 for any but the first call.
        """
        prefix = self._prefix(context)
        codebooks_RL = self.pattern.codebooks_of(step - 1, inputs_BRL.shape[2], inputs_BRL.device)
        x_BLD = self._embedded(inputs_BRL, codebooks_RL)
        ahead, first = (0, prefix + step) if step else (prefix, 0)
        if ahead:
            x_BLD = torch.cat([context.tokens_BLD, x_BLD], dim=1)
        for number, layer in enumerate(self.layers):
            x_BLD = layer(x_BLD, *context, ahead, first, caches[number] if caches else None)
        return self._logits(self.norm(x_BLD[:, ahead:]), step)

    def caches(self, context: Context, steps: int) -> list[Cache]:
        """Empty caches for a sequence of so many steps."""
        return [Cache(self._prefix(context) + steps) for _ in self.layers]

    def blocks(self) -> list[nn.Module]:
        """Its layers."""
        return list(self.layers)

    def _prefix(self, context: Context) -> int:
        return context.tokens_BLD.shape[1] if self.shape.architecture == "prefix" else 0

    def _embedded(self, tokens_BRL: Tensor, codebooks_RL: Tensor) -> Tensor:
        rows = self.shape.codebook_size + 1
        known_BRL = torch.where(tokens_BRL < 0, self.shape.codebook_size, tokens_BRL)
        return self.tables(known_BRL + codebooks_RL * rows).sum(dim=1)  # type: ignore[no-any-return]

    def _logits(self, x_BLD: Tensor, step: int) -> Tensor:
        if self.pattern.streams > 1 or self.shape.codebooks == 1:
            return torch.stack([head(x_BLD) for head in self.heads], dim=2)
        num_heads, length = len(self.heads), x_BLD.shape[1]
        before = step % num_heads
        whole_BLD = F.pad(x_BLD, (0, 0, before, -(before + length) % num_heads))  # whole frames
        logits = [head(whole_BLD[:, number::num_heads]) for number, head in enumerate(self.heads)]
        return torch.stack(logits, dim=2).flatten(1, 2)[:, before : before + length, None]

    def _initialise(self) -> None:
        """As GPT-2 (Radford et al., 2019): the more layers add to the residual stream, the less each adds."""
        for name, part in self.layers.named_modules():
            if isinstance(part, nn.Linear):
                adds = name.endswith((".out", "mlp.2"))
                nn.init.normal_(part.weight, std=0.02 / math.sqrt(2 * len(self.layers)) if adds else 0.02)
        for weight in (self.tables.weight, *self.heads.parameters()):
            nn.init.normal_(weight, std=0.02)
