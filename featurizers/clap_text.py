"""What the prompt says: LAION-CLAP's text embedding, comparable with the audio embedding of the same model."""

from collections.abc import Sequence
from dataclasses import dataclass

from featurizers.clap_model import Model, TextTower, load_text_tower, weight_names
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.weights import model_id
from schemas.fragments.clap_text import CLAP_TEXT


@dataclass(frozen=True)
class ClapText(Featurizer):
    """The prompt as a unit vector; ``model`` must be that of ``clap`` for the two to be comparable."""

    model: Model = "music-audioset"
    writes = CLAP_TEXT
    reads = ("prompt",)
    hears = ()
    cost = 0.001
    gpu_share = 0.1

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which file depends on a setting
        """The weights of the model that is set."""
        return weight_names(self.model)

    def load(self) -> Extract:
        tower = load_text_tower(self.model)
        identity = model_id(*self.weights)
        return lambda batch: _features(tower, batch, identity)


def _features(tower: TextTower, batch: Sequence[Inputs], identity: str) -> list[Features]:
    prompts = [(inputs.columns["prompt"] or "").strip() for inputs in batch]
    written = [prompt for prompt in prompts if prompt]
    embeddings = iter(tower(written).tolist() if written else [])
    return [
        {"clap_text_embedding": next(embeddings) if prompt else None, "clap_text_model": identity} for prompt in prompts
    ]
