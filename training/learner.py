"""One optimisation step: every turn's losses over this worker's share of a batch, and what they change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.config import Preset
from training.draws import Draws
from training.errors import DivergedError
from training.parallel import Step, prepared, sharing
from training.schedule import rate_at
from training.workers import Workers


class Learner:
    """The turns of a preset over a module, which it makes ready for the workers, and their optimizers."""

    def __init__(self, module: nn.Module, preset: Preset, workers: Workers) -> None:
        self._preset = preset
        self._workers = workers
        self.steps = prepared(module, preset, workers)
        self.optimizers = [self._optimizer(step.chosen) for step in self.steps]

    def _optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        optimizing = self._preset.optimizing
        return torch.optim.AdamW(
            parameters,
            lr=optimizing.learning_rate,
            betas=optimizing.betas,
            weight_decay=optimizing.weight_decay,
            fused=True,
        )

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return rate_at(step, self._preset.looping.steps, self._preset.optimizing)

    def autocast(self) -> Any:
        """The precision of forward passes."""
        if self._preset.looping.precision == "fp32":
            return nullcontext()
        return torch.autocast(torch.device(self._workers.device).type, torch.bfloat16)

    def learn(self, step: int, parts: Sequence[Batch]) -> dict[str, Tensor]:
        """Take every turn over the parts of a batch that are this worker's share.

        Returns ``turn/loss`` -> ``(windows,)`` of this worker, and ``turn/gradient_norm``, of all. Raises DivergedError
        if a loss or a gradient of any worker is not finite, naming the step, counted from 1, and the tracks.
        """
        figures: dict[str, Tensor] = {}
        rate = self.rate(step)
        for turn, optimizer in zip(self.steps, self.optimizers, strict=True):
            losses = self._gradients(turn, parts)
            norm = self._clipped(turn)
            self._check(f"step {step + 1} ({turn.turn.name})", losses, norm, parts)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            found = {**losses, "gradient_norm": norm}
            figures |= {f"{turn.turn.name}/{name}": value for name, value in found.items()}
        return figures

    def _gradients(self, turn: Step, parts: Sequence[Batch]) -> dict[str, Tensor]:
        """Accumulate the gradients of a turn, and return its losses: name -> this worker's ``(windows,)``."""
        num_windows = sum(part.size for part in parts)
        turn.choose()
        found: dict[str, list[Tensor]] = {}
        for number, part in enumerate(parts):
            with sharing(turn, number == len(parts) - 1), self.autocast():
                losses = turn(part, Draws(self._preset.looping.seed, part.positions))
                (losses["total"].sum() / num_windows).backward()  # type: ignore[no-untyped-call]
            for name, value in losses.items():
                found.setdefault(name, []).append(value.detach().float())
        return {name: torch.cat(values) for name, values in found.items()}

    def _clipped(self, turn: Step) -> Tensor:
        norm = nn.utils.clip_grad_norm_(turn.chosen, self._preset.optimizing.clip_norm)
        return norm.full_tensor() if hasattr(norm, "full_tensor") else norm  # of all shards

    def _check(self, where: str, losses: dict[str, Tensor], norm: Tensor, parts: Sequence[Batch]) -> None:
        """Stop everywhere if a loss or the gradient of any worker is not finite."""
        bad = ~losses["total"].isfinite()
        if self._workers.mean((bad.any() | ~norm.isfinite()).float()) == 0:
            return
        names = [track_id for part in parts for track_id in part.track_ids]
        found = self._gathered([name for name, is_bad in zip(names, bad.tolist(), strict=True) if is_bad])
        what = f"the loss of tracks {found}" if found else f"the gradient of tracks {self._gathered(names)}"
        raise DivergedError(
            f"{what} is not finite in {where}: lower optimizing.learning_rate, or look at those tracks; the last"
            " checkpoint is whole"
        )

    def _gathered(self, names: list[str]) -> str:
        """Those of all workers."""
        everybody = self._workers.gathered(names)
        return ", ".join(sorted({name for some in everybody for name in some}))  # type: ignore[attr-defined]
