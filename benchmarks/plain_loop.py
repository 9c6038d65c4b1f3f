"""The training loop that one writes by hand."""

import time
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch

from training.draws import Draws
from training.meters import synchronize


def plain(preset: Any, batches: list[Any], device: str) -> list[dict[str, Any]]:
    """What one writes by hand, and the same figures."""
    looping, optimizing = preset.looping, preset.optimizing
    torch.manual_seed(looping.seed)
    module, encode = preset.task.build().to(device), preset.task.load_encoders(device)
    [turn] = preset.task.turns()
    if looping.compile:
        for block in preset.task.blocks(module):
            block.compile()
    optimizer = torch.optim.AdamW(
        module.parameters(), optimizing.learning_rate, optimizing.betas, weight_decay=optimizing.weight_decay
    )
    is_bf16 = looping.precision == "bf16"
    kept: list[dict[str, Any]] = []
    for _ in range(2):
        synchronize(device)
        started_s = time.perf_counter()
        for batch in islice(batches, len(kept) * looping.log_every, (len(kept) + 1) * looping.log_every):
            part = encode(batch.to(device))
            with torch.autocast(device, torch.bfloat16) if is_bf16 else nullcontext():
                loss = turn.losses(module, part, Draws(looping.seed, part.positions))["total"].mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), optimizing.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
        total = float(loss.detach())
        elapsed_s = time.perf_counter() - started_s
        kept.append({f"{turn.name}/total": total, "windows_a_s": looping.log_every * looping.batch_windows / elapsed_s})
    return kept
