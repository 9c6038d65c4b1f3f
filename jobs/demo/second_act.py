"""The demo's second act: from the dataset to models trained for a minute, and the sound that they make.

A language model of codec tokens: of EnCodec's where its weights are in the store, else of a codec that needs none. Then
a VAE of the songs' log-mels, and a diffusion model of its latents, whose latents become sound again. After so few steps
this is no music: it shows that everything fits together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

ENCODEC = "encodec-32khz"
VAE = "vae-demo"
WINDOW_S = 2.56
PROMPT = "a calm song in C major"
STEPS = 60
_SET = ("--set", f"looping.steps={STEPS}", "--set", "looping.validate_every=20", "--set", "looping.save_every=20")


@dataclass(frozen=True)
class Step:
    """A muze command line."""

    words: tuple[str, ...]
    done: Path | None = None
    """A file that is there once it need not be run again."""


def steps(music: str, out: Path, codec: str) -> Iterator[Step]:
    """The command lines, those done left to the caller; recipes are written into ``out`` on the way.

    Those of the codec come first: the others have a store of weights of their own, in ``out``.
    """
    yield from _codec_lm(music, out, codec)
    yield from _vae(music, out)
    yield from _diffusion(music, out)


def _codec_lm(music: str, out: Path, codec: str) -> Iterator[Step]:
    recipe = _recipe(out / "tokens.yaml", {"codec_tokens": {"codec": codec}})
    yield _build(music, out, recipe, "codec_tokens")
    yield from _trained(out, "codec-lm", "codec-lm-tiny")
    yield _generated(out, "codec-lm")


def _vae(music: str, out: Path) -> Iterator[Step]:
    recipe = _recipe(out / "mel.yaml", {"mel": {}})
    yield _build(music, out, recipe, "mel")
    yield from _trained(out, "vae", "vae-tiny", "--encoder-name", "demo", *_store(out))


def _diffusion(music: str, out: Path) -> Iterator[Step]:
    recipe = _recipe(out / "latents.yaml", {"latents": {"encoder": VAE}})
    yield _build(music, out, recipe, "latents", *_store(out))
    yield from _trained(out, "ldm", "dit-tiny")
    yield _generated(out, "ldm", *_store(out))


def _build(music: str, out: Path, recipe: Path, fragment: str, *more: str) -> Step:
    """Adds one fragment to the dataset; what is there is left alone."""
    words = ("build", music, "--out", str(out / "dataset"), "--recipe", str(recipe), "--only", fragment, *more)
    return Step(words)


def _trained(out: Path, task: str, training: str, *more: str) -> Iterator[Step]:
    dataset, pack, run = str(out / "dataset"), out / "packs" / task, out / "runs" / task
    yield Step(("snapshot", "create", dataset, task), out / "dataset" / "snapshots" / f"{task}.json")
    window = ("--window-s", str(WINDOW_S))
    yield Step(("pack", dataset, "--snapshot", task, "--task", task, *window, "--out", str(pack)), pack / "pack.json")
    resume = ("--resume",) if (run / "run.json").exists() else ()
    words = ("train", training, "--data", str(pack), "--out", str(run), *_SET, *more, *resume)
    yield Step(words, run / "checkpoints" / f"step-{STEPS:08d}" / "checkpoint.json")


def _generated(out: Path, task: str, *more: str) -> Step:
    sound = out / f"{task}.wav"
    words = ("generate", "--run", str(out / "runs" / task), "--prompt", PROMPT, "--duration", "10", "--out", str(sound))
    return Step((*words, *more), sound.with_suffix(".json"))


def _store(out: Path) -> tuple[str, str]:
    return "--weights", str(out / "weights")


def _recipe(path: Path, more: dict[str, dict[str, str]]) -> Path:
    """The bundled recipe and more, in a file."""
    bundled = yaml.safe_load((files("jobs") / "recipes" / "bundled.yaml").read_text())
    path.write_text(yaml.safe_dump({"fragments": bundled["fragments"] | more}, sort_keys=False))
    return path
