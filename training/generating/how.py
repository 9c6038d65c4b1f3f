"""How a model is sampled: what differs between kinds of models is left alone by those that do not need it."""

import math
from dataclasses import dataclass

from training.errors import SettingError

MAX_STEPS = 1000
"""As many times as models are trained on: more change nothing."""


@dataclass(frozen=True)
class How:
    """The same settings, seed and wishes make the same sound on the same machine."""

    steps: int = 50
    """Of a diffusion model."""
    guidance: float = 3.0
    """Scale of classifier-free guidance: 0 ignores what is asked for, 1 heeds it, more exaggerates."""
    sampler: str = ""
    """A name in ``training.samplers``; empty: euler for a flow, dpm-solver for the others."""
    seed: int = 0
    temperature: float = 1.0
    """Of a language model: 0 takes the likeliest token."""
    top_k: int = 250
    """Of that many likeliest tokens; 0 for all."""
    top_p: float = 1.0
    """Of the fewest likeliest tokens that together have this probability."""

    def __post_init__(self) -> None:
        """Raise SettingError for what cannot be, which begins with the name of the setting."""
        if not 1 <= self.steps <= MAX_STEPS:
            raise SettingError(f"steps is {self.steps}, expected 1 to {MAX_STEPS}")
        if not math.isfinite(self.guidance):
            raise SettingError(f"guidance is {self.guidance}, expected a finite number")
        if not 0 <= self.temperature < math.inf:
            raise SettingError(f"temperature is {self.temperature}, expected 0 or more, and finite")
        if self.top_k < 0:
            raise SettingError(f"top_k is {self.top_k}, expected 0 or more")
        if not 0 < self.top_p <= 1:
            raise SettingError(f"top_p is {self.top_p}, expected more than 0, and 1 at most")
