"""A run judged on a split of a pack: its loss over all windows, and sounds for some of them."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from jobs.evaluating.embeddings import default_embedding, load_embedding
from jobs.evaluating.measures import Sounds, Vectors, adherence, clap_score, distances
from jobs.evaluating.sounds import made_sounds, reference_sounds
from jobs.evaluating.windows import first_windows, split_of
from training.evaluating.losses import perplexities, require, split_losses
from training.generating.how import How
from training.generating.render import Renderer
from training.pack import Pack
from training.trained import Trained
from training.vae import VaeTask


@dataclass(frozen=True)
class Request:
    """What to judge a run on."""

    split: str | None = None
    """None: test, or valid if test has no windows."""
    samples: int = 8
    """Windows that sounds are made for."""
    embedding: str | None = None
    """A name in ``embeddings``; None: CLAP where the store has it, else Resemblyzer."""
    how: How = field(default_factory=How)


def evaluate(
    trained: Trained, pack: Pack, request: Request, renderer: Renderer, say: Callable[[str], None]
) -> dict[str, Any]:
    """Return everything that was measured, in plain values; on a CPU the same again for the same run, pack and request.

    Raises SettingError for a pack that is not of the run's kind, WeightsError and NotInstalledError for an embedding
    that is not there.
    """
    require(trained, pack)
    split = split_of(pack, request.split)
    embedding = load_embedding(request.embedding or default_embedding())
    say(f"the loss of {pack.windows(split)} windows of {split}")
    losses = split_losses(trained, pack, split)
    sounds = _sounds(trained, pack, split, request, renderer, say)
    say(f"listening to {len(sounds.made)} sounds and as many windows")
    vectors = Vectors.of(sounds, embedding)
    return {
        **_facts(trained, pack, split),
        "loss": {
            "windows": losses.windows,
            "means": dict(losses.means),
            "perplexity": perplexities(trained, losses),
        },
        "sounds": _how_made(trained, sounds, request, renderer),
        "distances": distances(sounds, vectors),
        "clap_score": clap_score(sounds, vectors),
        "adherence": adherence(sounds),
    }


def _sounds(
    trained: Trained, pack: Pack, split: str, request: Request, renderer: Renderer, say: Callable[[str], None]
) -> Sounds:
    windows = first_windows(pack, split, request.samples)
    say(f"making {len(windows)} sounds of {pack.window_s:g} s")
    made, reference = made_sounds(trained, windows, request.how, renderer), reference_sounds(windows, renderer)
    return Sounds(pack, split, windows, made, reference, json.dumps(dict(renderer.through), sort_keys=True))


def _facts(trained: Trained, pack: Pack, split: str) -> dict[str, Any]:
    return {
        "run": str(trained.run.folder),
        "training": trained.run.training,
        "checkpoint": trained.checkpoint.name,
        "pack": pack.location,
        "split": split,
    }


def _how_made(trained: Trained, sounds: Sounds, request: Request, renderer: Renderer) -> dict[str, Any]:
    is_vae = isinstance(trained.task, VaeTask)
    return {
        "made": "reconstructed" if is_vae else "generated",
        "samples": len(sounds.windows),
        "duration_s": sounds.pack.window_s,
        "how": None if is_vae else asdict(request.how),
        "rendered_through": dict(renderer.through),
    }
