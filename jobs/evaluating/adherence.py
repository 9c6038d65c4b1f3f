"""Whether a sound has the tempo and the key that were asked for, as muze's own featurizers hear it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs
from featurizers.harmony import Harmony
from featurizers.rhythm import Rhythm
from featurizers.tempo import is_close
from jobs.extras import load

OCTAVES = (1.0, 2.0, 3.0, 1 / 2, 1 / 3)
"""Times the tempo at which one may tap as well."""


@dataclass(frozen=True)
class Heard:
    """What a sound was heard to be; None where there is no pulse, or no key."""

    tempo_bpm: float | None
    key_index: int | None
    models: str
    """What heard it."""


def load_ears() -> Callable[[Audio], Heard]:
    """Load the featurizers ``rhythm`` and ``harmony`` as recipes have them by default. Raises NotInstalledError."""
    rhythm, harmony = load(Rhythm(), "mir", "hearing the tempo"), load(Harmony(), "mir", "hearing the key")

    def hear(audio: Audio) -> Heard:
        sound = Sound.of(mix=audio)
        beats = rhythm([Inputs(sound)])[0]
        keys = harmony([Inputs(sound, beats)])[0]
        return Heard(beats["tempo_bpm"], keys["key_index"], f"{beats['rhythm_model']} {keys['harmony_model']}")

    return hear


def tempo_adherence(asked: Sequence[float | None], heard: Sequence[float | None]) -> dict[str, Any] | None:
    """How near tempi are to those asked for, None if none was.

    ``accuracy_1`` is the share within 4 %, ``accuracy_2`` that within 4 % of it, its double or triple, half or third
    (Gouyon et al., "An experimental comparison of audio tempo induction algorithms", 2006). A sound without a pulse
    counts as missed; the mean relative error is over those with one, None if there are none.
    """
    pairs = [(want, found) for want, found in zip(asked, heard, strict=True) if want]
    if not pairs:
        return None
    known = [(want, found) for want, found in pairs if found is not None]
    return {
        "asked": len(pairs),
        "heard": len(known),
        "accuracy_1": sum(is_close(found, want) for want, found in known) / len(pairs),
        "accuracy_2": sum(any(is_close(found, want * by) for by in OCTAVES) for want, found in known) / len(pairs),
        "mean_relative_error": sum(abs(found / want - 1) for want, found in known) / len(known) if known else None,
    }


def key_adherence(asked: Sequence[int | None], heard: Sequence[int | None]) -> dict[str, Any] | None:
    """How near keys, by ``key_index``, are to those asked for, None if none was. One without a key counts as missed."""
    pairs = [(want, found) for want, found in zip(asked, heard, strict=True) if want is not None]
    if not pairs:
        return None
    scores = [0.0 if found is None else key_score(want, found) for want, found in pairs]
    return {
        "asked": len(pairs),
        "heard": sum(found is not None for _, found in pairs),
        "accuracy": sum(score == 1 for score in scores) / len(pairs),
        "weighted_score": sum(scores) / len(pairs),
    }


def key_score(asked: int, heard: int) -> float:
    """MIREX's score of a key: 1 the same, 0.5 a fifth above, 0.3 relative, 0.2 parallel, else 0."""
    if asked == heard:
        return 1.0
    steps, same_mode = (heard - asked) % 12, asked // 12 == heard // 12
    if same_mode:
        return 0.5 if steps == 7 else 0.0
    relative = 9 if asked < 12 else 3  # A minor is 9 above C major, C major 3 above A minor
    return {relative: 0.3, 0: 0.2}.get(steps, 0.0)
