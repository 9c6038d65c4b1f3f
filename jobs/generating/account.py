"""How a piece came about: what stands in the JSON beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurizers.weights import WEIGHTS, is_there, model_id
from jobs.generating import heard
from jobs.generating.request import Request, reads_prompts
from jobs.generating.vocoders import WITH_WEIGHTS
from training.conditioned import ConditionedTask
from training.fit import fitted
from training.generating.templates import Section
from training.generating.wish import Wish
from training.ldm import LdmTask
from training.vae import VaeTask

if TYPE_CHECKING:
    from jobs.generating.style import Style
    from training.generating.render import Renderer
    from training.trained import Trained

FORMAT = 1


@dataclass(frozen=True)
class Means:
    """What a piece was made with."""

    trained: Trained
    renderer: Renderer
    wish: Wish
    sections: Sequence[Section]
    style: Style | None
    judges: Sequence[str]
    """Weights that told the candidates apart."""


def account(request: Request, means: Means, chosen: int, scores: Sequence[float | None]) -> dict[str, Any]:
    """Everything but the sound itself, as plain values: the same for the same request, run and weights."""
    style = means.style
    return {
        "format": FORMAT,
        "muze": version("muze"),
        "options": asdict(request),
        "how": _how(request, means.trained),
        **_model(means.trained),
        "through": dict(means.renderer.through),
        "weights": _weights(means),
        "told": told(means),
        "sections": [asdict(section) for section in means.sections],
        "style": asdict(style) if style is not None else None,
        "files": _files(request),
        "candidates": {"chosen": chosen, "clap_scores": list(scores)} if scores else None,
        "notes": notes(request, means.trained),
    }


def notes(request: Request, trained: Trained) -> list[str]:
    """What one might not expect, a sentence each."""
    found, training = [], trained.run.training
    if request.prompt and not reads_prompts(trained.task):
        found.append(f"a model of {training} reads no prompts: it was not told {request.prompt!r}")
    if isinstance(trained.task, VaeTask):
        found.append("a VAE is no generator: this decodes draws of its prior, the standard normal")
    return found


def told(means: Means) -> list[str]:
    """The conditions that the model was told of; all others it had to make up."""
    task = means.trained.task
    known = {name for section in means.sections for name in section.of(means.wish).row()} & set(task.conditions)
    return sorted(known if reads_prompts(task) else known - {"prompt"})


def _how(request: Request, trained: Trained) -> dict[str, Any]:
    from training.generating.payloads import sampler_name  # imports torch

    task = trained.task
    how = asdict(request.how)
    return how | {"sampler": sampler_name(task, request.how)} if isinstance(task, LdmTask) else how


def _model(trained: Trained) -> dict[str, Any]:
    run, payload = trained.run, trained.payload
    return {
        "run": {
            "folder": str(run.folder.absolute()),
            "training": run.training,
            "set": list(run.assignments),
            "packs": list(run.packs),
            "checkpoint": trained.checkpoint.name,
            "settings": asdict(fitted(run.preset, payload)),  # which names the text encoder, not the folder it is in
        },
        "payload": asdict(payload),
        "statistics": asdict(trained.statistics) if trained.statistics is not None else None,
        "device": trained.device,
    }


def _weights(means: Means) -> list[str]:
    """Every weight that was loaded, with its revision, but for those of the run itself."""
    task = means.trained.run.preset.task  # which names the text encoder, and not the folder that it is in
    loaded = [identity for part, identity in means.renderer.through.items() if part != "vocoder" or "@" in identity]
    if isinstance(task, ConditionedTask) and task.text_encoder:
        known = task.text_encoder in WEIGHTS and is_there(task.text_encoder)
        loaded.append(model_id(task.text_encoder) if known else task.text_encoder)
    loaded += means.style.weights if means.style is not None else ()
    return [*loaded, *(model_id(name) for name in means.judges)]


def _files(request: Request) -> dict[str, str]:
    """The files that were heard, and the vocoder's if it is none of the store's, with their SHA-256."""
    given = [path for path in (request.style_of, request.continue_from) if path is not None]
    if request.vocoder:
        given += [str(Path(request.vocoder, its.parameters)) for its in WITH_WEIGHTS.values()]
    return {path: heard.sha256(path) for path in given if heard.is_file(path)}
