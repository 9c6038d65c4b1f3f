"""What the track sounds like: LAION-CLAP's audio embedding of windows of 10 s over the whole track, and genres."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers.audio import View
from featurizers.batching import Batches
from featurizers.clap_model import AudioTower, Model, load_audio_tower, weight_names
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.singer import MIN_DURATION_S, SILENT_DBFS
from featurizers.weights import model_id
from schemas.fragments.clap import CLAP

Floats = npt.NDArray[np.float32]

RATE_HZ = 48000
WINDOW_SAMPLES = 480_000
BATCH_WINDOWS = 16
_MIX_48K_MONO = View("mix", RATE_HZ, 1)

GENRES = (
    "ambient",
    "blues",
    "classical",
    "country",
    "disco",
    "electronic",
    "folk",
    "funk",
    "hip hop",
    "jazz",
    "latin",
    "metal",
    "pop",
    "reggae",
    "rock",
    "soul",
)
_PROMPT = "This audio is a {genre} song."


@dataclass(frozen=True)
class Clap(Featurizer):
    """The mean over windows of 10 s, at unit length; ``windows`` keeps those of the windows too.

    The library takes one random crop of 10 s instead. Genres are told apart without training, by the prompt with
    which the network's authors report 71 % on GTZAN's ten genres; the text tower is loaded for the prompts, then
    dropped.
    """

    model: Model = "music-audioset"
    windows: bool = False
    writes = CLAP
    cost = 0.07
    gpu_share = 0.25

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which file depends on a setting
        """The weights of the model that is set."""
        return weight_names(self.model)

    def load(self) -> Extract:
        tower, logit_rows = load_audio_tower(self.model, [_PROMPT.format(genre=genre) for genre in GENRES])
        batches = Batches(BATCH_WINDOWS)
        identity = model_id(*self.weights)

        def measure(inputs: Inputs) -> Features:
            windows = embed(tower, batches, inputs.audio(_MIX_48K_MONO).samples[0])
            return {**self._features(windows, logit_rows), "clap_model": identity}

        return lambda batch: [measure(inputs) for inputs in batch]

    def _features(self, windows: list[Floats | None], logit_rows: Floats) -> Features:
        mean = _mean_direction([window for window in windows if window is not None])
        every = [None if window is None else window.tolist() for window in windows]
        return {
            "clap_audio_embedding": None if mean is None else mean.tolist(),
            "clap_windows": every if self.windows else None,
            "clap_genres": None if mean is None else _genres(logit_rows @ mean),
        }


def _genres(logits: Floats) -> list[Features]:
    """Every genre with its share of the softmax, best first."""
    powers = np.exp(logits - logits.max())
    scores = powers / powers.sum()
    return [{"genre": GENRES[i], "score": float(scores[i])} for i in np.argsort(-scores, kind="stable")]


def embed(tower: AudioTower, batches: Batches, samples: Floats) -> list[Floats | None]:
    """Return the unit vector ``(512,)`` of every window of ``samples`` at 48 kHz, None where it is silent.

    Each equals laion_clap's ``get_audio_embedding_from_data`` of that window alone. A window is silent below
    -70 dBFS, offset apart. Below 0.4 s there is no window.
    """
    cuts = list(cut_windows(samples))
    audible = [index for index, cut in enumerate(cuts) if not _is_silent(cut)]
    embeddings = batches.run(lambda few: [*tower(np.stack([_prepared(cuts[index]) for index in few]))], audible)
    found = dict(zip(audible, embeddings, strict=True))
    return [found.get(index) for index in range(len(cuts))]


def cut_windows(samples: Floats) -> Iterator[Floats]:
    """Yield the windows of 10 s: end to end, the last one moved back to end with the track, or all of a short track."""
    if len(samples) < MIN_DURATION_S * RATE_HZ:
        return
    for start in range(0, len(samples), WINDOW_SAMPLES):
        start = max(0, min(start, len(samples) - WINDOW_SAMPLES))
        yield samples[start : start + WINDOW_SAMPLES]


def _is_silent(samples: Floats) -> bool:
    return float(samples.std(dtype=np.float64)) < 10 ** (SILENT_DBFS / 20)


def _prepared(window: Floats) -> Floats:
    """A window as the library gives it to the network, ``(480000,)``.

    Samples as a 16 bit file would hold them; a short window as often as it fits wholly, then zeros.
    """
    quantised = ((window.clip(-1, 1) * 32767).astype(np.int16) / 32767.0).astype(np.float32)
    repeated = np.tile(quantised, WINDOW_SAMPLES // len(quantised))
    return np.pad(repeated, (0, WINDOW_SAMPLES - len(repeated)))


def _mean_direction(vectors: list[Floats]) -> Floats | None:
    if not vectors:
        return None
    total: Floats = np.sum(vectors, axis=0)
    return total / np.float32(np.linalg.norm(total))
