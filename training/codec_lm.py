"""Language models over the tokens of an audio codec."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal

from training.batch import Batch
from training.conditioned import ConditionedTask
from training.draws import Draws
from training.errors import SettingError
from training.task import Turn

if TYPE_CHECKING:
    from torch import Tensor, nn

    from training.models.codec_lm import CodecLm
    from training.task import Losses
    from training.token_sampling import Sampling

TOKENS = (
    *(
        "section_type",
        "section_position",
        "section_energy",
        "tempo_bpm",
        "key_index",
        "time_signature",
        "current_chord",
    ),
    *("loudness_lufs", "has_vocals", "sentiment", "genre", "artist", "clap_audio", "clap_text", "voice", "ecapa"),
)
"""Conditions that are a token of the context each."""

AUDIO_PROMPT = "audio_prompt"
"""A condition that is cut from the window itself: in a batch int64 ``(B, codebooks, prompt_frames)``."""


@dataclass(frozen=True)
class CodecLmTask(ConditionedTask):
    """Trains a decoder to predict codec tokens; every condition is optional, the audio prompt too."""

    payload: ClassVar[str] = "tokens"
    conditions: ClassVar[tuple[str, ...]] = ("prompt", *TOKENS)

    architecture: Literal["prefix", "cross"] = "prefix"
    pattern: Literal["flat", "delay", "parallel"] = "flat"
    codebooks: int = 4
    codebook_size: int = 2048
    frames_a_s: float = 50.0
    window_frames: int = 512
    """Of the pack's windows: 10.24 s."""
    layers: int = 24
    width: int = 1024
    head_width: int = 64
    prompt_s: float = 0.0
    """The first seconds of a window are an audio prompt, and the model learns to predict the rest of it, so that later
    it goes on in the manner of what it is given, and is dropped as ``audio_prompt``. 0: there is none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompt_frames >= self.window_frames:
            raise ValueError(f"prompt_s is {self.prompt_s}, expected less than a window, of which a part is predicted")
        if self.width % self.head_width:
            raise ValueError(f"width is {self.width}, expected a multiple of head_width, {self.head_width}")

    @property
    def prompt_frames(self) -> int:
        """The length of the audio prompt."""
        return round(self.prompt_s * self.frames_a_s)

    @property
    def predicted_frames(self) -> int:
        """The length of what the model predicts of a window."""
        return self.window_frames - self.prompt_frames

    def build(self) -> nn.Module:
        """A ``CodecLm``."""
        from training.models.codec_lm import CodecLm, CodecLmShape

        return CodecLm(
            CodecLmShape(
                architecture=self.architecture,
                pattern=self.pattern,
                codebooks=self.codebooks,
                codebook_size=self.codebook_size,
                layers=self.layers,
                width=self.width,
                head_width=self.head_width,
                conditions=TOKENS,
                text_width=self.text_width,
                text_tokens=self.text_tokens if self.text_encoder else 0,
                prompt_frames=self.prompt_frames,
            )
        )

    def turns(self) -> tuple[Turn, ...]:
        return (Turn("codec-lm", lambda module: list(module.parameters()), self._losses),)

    def _losses(self, module: nn.Module, batch: Batch, draws: Draws) -> Losses:
        """Mean cross entropy of a window's tokens, in nats, of all and by codebook. Validation drops nothing."""
        import torch.nn.functional as F

        from training.patterns import NOTHING, pattern

        batch = self.prompted(batch)
        known = batch.dropped(self.drops(draws)) if module.training else batch
        order = pattern(self.pattern, self.codebooks)
        sequence_BRS, _ = order.apply(known.payload)
        logits_BSRV = module(sequence_BRS, known)
        targets_BSR = sequence_BRS.transpose(1, 2)
        loss_N = F.cross_entropy(
            logits_BSRV.flatten(0, 2).float(), targets_BSR.flatten(), ignore_index=NOTHING, reduction="none"
        )
        loss_BKT = order.revert(loss_N.view(targets_BSR.shape).transpose(1, 2))
        counts_BKT = (known.payload >= 0).to(loss_BKT.dtype)
        by_codebook_BK = loss_BKT.sum(dim=2) / counts_BKT.sum(dim=2).clamp(min=1)
        total_B = loss_BKT.sum(dim=(1, 2)) / counts_BKT.sum(dim=(1, 2)).clamp(min=1)
        return {"total": total_B} | {f"codebook_{number}": loss for number, loss in enumerate(by_codebook_BK.unbind(1))}

    def prompted(self, batch: Batch) -> Batch:
        """The batch with its windows cut into audio prompt and payload. Raises SettingError for other windows."""
        import torch

        from training.patterns import NOTHING

        expected = (self.codebooks, self.window_frames)
        if tuple(batch.payload.shape[1:]) != expected:
            found = " x ".join(map(str, batch.payload.shape[1:]))
            raise SettingError(
                f"windows have {found} tokens, this model is of {expected[0]} x {expected[1]}: take a pack of the same"
                f" codec, with windows of {self.window_frames / self.frames_a_s:g} s"
            )
        tokens_BKT = batch.payload.masked_fill(batch.payload < 0, NOTHING)
        prompt_BKT, rest_BKT = tokens_BKT[:, :, : self.prompt_frames], tokens_BKT[:, :, self.prompt_frames :]
        if not self.prompt_frames:
            return replace(batch, payload=rest_BKT)
        everybody_B = torch.ones(batch.size, dtype=torch.bool, device=tokens_BKT.device)
        return replace(
            batch,
            payload=rest_BKT,
            conditions=batch.conditions | {AUDIO_PROMPT: prompt_BKT},
            present=batch.present | {AUDIO_PROMPT: everybody_B},
        )

    @property
    def droppable(self) -> tuple[str, ...]:
        return (*self.conditions, AUDIO_PROMPT)

    def flops_a_window(self) -> float:
        """Of the decoder, counting a backward pass as two forward ones and causal attention as attention to everything.

        A text encoder is not counted.
        """
        return 3.0 * _forward_flops(self)

    def tokens_a_window(self) -> int:
        return self.codebooks * self.predicted_frames

    def blocks(self, module: nn.Module) -> list[nn.Module]:
        return module.blocks()  # type: ignore[operator, no-any-return]


def sampled(module: CodecLm, task: CodecLmTask, batch: Batch, frames: int, sampling: Sampling, draws: Draws) -> Tensor:
    """Return tokens ``(B, codebooks, frames)`` that begin with the batch's payload and go on from there.

    The batch is encoded (``Task.load_encoders``). An audio prompt is in its conditions under ``audio_prompt``, of
    ``task.prompt_frames`` frames, and is no part of what is returned.
    """
    import torch

    from training.token_sampling import generate

    everything = {name: torch.ones_like(has) for name, has in batch.present.items()}
    with torch.no_grad():
        known, nothing = module.known(batch), module.known(batch.dropped(everything))
    return generate(module, known, nothing, batch.payload, frames, task.predicted_frames, sampling, draws)


@cache
def _forward_flops(task: CodecLmTask) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from training.patterns import pattern

    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        tokens_BKT = torch.zeros(1, task.codebooks, task.window_frames, dtype=torch.int64)
        batch = task.prompted(Batch(tokens_BKT, torch.zeros(1, dtype=torch.int64)))
        sequence_BRS, _ = pattern(task.pattern, task.codebooks).apply(batch.payload)
        task.build()(sequence_BRS, batch)
    return int(counter.get_total_flops())
