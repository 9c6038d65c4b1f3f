"""Sounds and texts as vectors, by the featurizers that put them into datasets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featurizers.audio import Audio, Sound
from featurizers.clap import Clap
from featurizers.clap_text import ClapText
from featurizers.featurizer import Featurizer, Inputs
from featurizers.singer import Singer
from featurizers.weights import is_there, model_id
from featurizers.weights_store import WeightsError
from jobs.extras import load
from pipeline.recipe import Recipe
from training.errors import SettingError
from training.pack import Pack

Vector = npt.NDArray[np.float32]

_AUDIO: dict[str, tuple[Featurizer, str, str]] = {
    "clap": (Clap(), "clap_audio_embedding", "clap"),
    "resemblyzer": (Singer(), "voice_embedding", "voice"),
}
"""A featurizer, its column, and the extra with its packages."""
EMBEDDINGS = tuple(_AUDIO)


@dataclass(frozen=True)
class Embedding:
    """What turns sounds into vectors."""

    name: str
    model: str
    """Its weights and their revisions."""
    embed: Callable[[Audio], Vector | None]
    """A sound as a vector; None if it is silent or too short."""


def has_clap() -> bool:
    """Whether the weights store has CLAP, its text tower's tokenizer too."""
    return all(map(is_there, Clap().weights))


def default_embedding() -> str:
    """``clap`` where the store has it, else ``resemblyzer``, which ships with its package and knows voices best."""
    return "clap" if has_clap() else "resemblyzer"


def load_embedding(name: str) -> Embedding:
    """Load an embedding of ``EMBEDDINGS``.

    Raises SettingError for another, WeightsError if its weights are missing, NotInstalledError if packages are.
    """
    if name not in _AUDIO:
        raise SettingError(f"there is no embedding {name!r}, expected one of {', '.join(EMBEDDINGS)}")
    featurizer, column, extra = _AUDIO[name]
    lacking = [weight for weight in featurizer.weights if not is_there(weight)]
    if lacking:
        raise WeightsError(
            f"embedding {name} needs the weight {lacking[0]}, which is not in the store: get it with 'muze models pull"
            f" {lacking[0]}', or take --embedding resemblyzer"
        )
    extract = load(featurizer, extra, f"embedding {name}")

    def embed(audio: Audio) -> Vector | None:
        found = extract([Inputs(Sound.of(mix=audio))])[0][column]
        return None if found is None else np.array(found, np.float32)

    return Embedding(name, model_id(*featurizer.weights), embed)


def text_vectors(texts: Sequence[str | None]) -> list[Vector | None]:
    """CLAP's vector of each text, comparable with its vectors of sounds; None where there is no text.

    Raises NotInstalledError without CLAP's packages.
    """
    nothing, extract = Sound({}), load(ClapText(), "clap", "the CLAP score")
    found = extract([Inputs(nothing, {"prompt": text}) for text in texts])
    vectors = [features["clap_text_embedding"] for features in found]
    return [None if vector is None else np.array(vector, np.float32) for vector in vectors]


def pack_has_these(pack: Pack) -> bool:
    """Whether the CLAP embeddings of a pack's tracks are by the model that ``load_embedding`` loads.

    Fingerprints say so; whether a dataset keeps the embeddings of a track's parts as well does not matter.
    """
    ours = {Recipe("", (Clap(windows=windows),)).fingerprints["clap"] for windows in (False, True)}
    theirs = {snapshot["fragments"].get("clap", {}).get("fingerprint") for snapshot in pack.document["snapshots"]}
    return theirs <= ours
