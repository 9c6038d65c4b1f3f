"""Which of some candidates fits a prompt best, as CLAP hears it."""

import math
from collections.abc import Sequence

import numpy as np

from featurizers.audio import Audio, Samples, Sound, View
from featurizers.clap import BATCH_WINDOWS, RATE_HZ, embed
from featurizers.clap_model import Model, load_audio_tower, weight_names
from featurizers.weights import is_there
from training.errors import SettingError

MODEL: Model = "music-audioset"


def require_clap() -> tuple[str, ...]:
    """Return the weights that judge. SettingError if the store does not have them."""
    names = weight_names(MODEL)
    if missing := [name for name in names if not is_there(name)]:
        pull = " ".join(missing)
        raise SettingError(f"--candidates are judged by CLAP, whose weights are missing: 'muze models pull {pull}'")
    return names


def clap_scores(prompt: str, sounds: Sequence[Samples], rate_hz: int) -> list[float]:
    """Cosine of the prompt and each sound ``(channels, samples)``, -1 to 1; -inf for silence."""
    from featurizers.batching import Batches

    tower, [row] = load_audio_tower(MODEL, [prompt])
    text, batches, scores = row / np.linalg.norm(row), Batches(BATCH_WINDOWS), []
    for samples in sounds:
        mono = Sound.of(mix=Audio(samples, rate_hz)).view(View("mix", RATE_HZ, 1)).samples[0]
        windows = [window for window in embed(tower, batches, mono) if window is not None]
        total = np.sum(windows, axis=0) if windows else np.zeros_like(text)
        length = float(np.linalg.norm(total))
        scores.append(float(text @ total) / length if length > 0 else -math.inf)
    return scores
