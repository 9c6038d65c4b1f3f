"""The learning rate over a run: a linear warm-up, then a fall."""

import math

from training.config import Optimizing


def rate_at(step: int, steps: int, settings: Optimizing) -> float:
    """Return the learning rate of a step, 0 to ``steps - 1``.

    It rises over the first ``warmup_share`` of the steps, reaching ``learning_rate`` at their end, and falls to
    ``final_share`` of it by half a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017) or a line, or stays.
    """
    warmup = round(settings.warmup_share * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - 1 - warmup)
    falls = {"cosine": (1 + math.cos(math.pi * progress)) / 2, "linear": 1 - progress, "constant": 1.0}
    final = 1.0 if settings.schedule == "constant" else settings.final_share
    return settings.learning_rate * (final + (1 - final) * falls[settings.schedule])
