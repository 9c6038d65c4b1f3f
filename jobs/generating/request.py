"""What ``muze generate`` is asked for, and whether a run's model can use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jobs.generating.how_options import how_of
from training.codec_lm import CodecLmTask
from training.conditioned import ConditionedTask
from training.errors import SettingError
from training.generating.how import How
from training.ldm import LdmTask
from training.task import Task

MAX_DURATION_S = 3600.0
TEMPI_BPM = (20.0, 400.0)
MAX_CANDIDATES = 100


@dataclass(frozen=True)
class Request:
    """The options as they were given; None is what the model, or the default, decides."""

    run: str
    out: str
    checkpoint: str = "best"
    prompt: str | None = None
    duration: float | None = None
    steps: int | None = None
    cfg: float | None = None
    sampler: str | None = None
    seed: int = 0
    template: str | None = None
    style_of: str | None = None
    lyrics: str | None = None
    language: str = "en"
    tempo: float | None = None
    key: str | None = None
    genre: str | None = None
    vocoder: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    candidates: int = 1
    continue_from: str | None = None

    def __post_init__(self) -> None:
        """Raise SettingError for what no run could do."""
        if Path(self.out).suffix.lower() != ".wav":
            raise SettingError(f"--out is {self.out!r}: expected a name that ends in .wav")
        if self.duration is not None and not 0 < self.duration <= MAX_DURATION_S:
            limits = f"more than 0, and {MAX_DURATION_S:g} s at most"
            raise SettingError(f"--duration is {self.duration:g}: expected {limits}")
        slowest, fastest = TEMPI_BPM
        if self.tempo is not None and not slowest <= self.tempo <= fastest:
            raise SettingError(f"--tempo is {self.tempo:g}: expected {slowest:g} to {fastest:g} bpm")
        if not 1 <= self.candidates <= MAX_CANDIDATES:
            raise SettingError(f"--candidates is {self.candidates}: expected 1 to {MAX_CANDIDATES}")
        if self.candidates > 1 and not self.prompt:
            raise SettingError("--candidates are judged by how well they fit a prompt: add --prompt")
        _ = self.how

    @property
    def how(self) -> How:
        """How to sample. Raises SettingError that names the option."""
        given = {
            "seed": self.seed,
            "steps": self.steps,
            "guidance": self.cfg,
            "sampler": self.sampler,
            "temperature": self.temperature,
            "top_k": self.top_k,
            "top_p": self.top_p,
        }
        return how_of(given)

    def check(self, task: Task, training: str) -> None:
        """Raise SettingError for an option that a model of this task cannot use."""
        for name, usable in _USABLE.items():
            if getattr(self, name) is not None and not usable(task):
                option = name.replace("_", "-")
                raise SettingError(f"--{option} is nothing that a run of {training} can use: leave it out")
        if isinstance(task, LdmTask):
            from training.generating.payloads import sampler_name  # imports torch

            sampler_name(task, self.how)


def reads_prompts(task: Task) -> bool:
    """Whether its models are told the prompt."""
    return isinstance(task, ConditionedTask) and bool(task.text_encoder)


def _has(condition: str) -> Callable[[Task], bool]:
    return lambda task: condition in task.conditions


def _diffuses(task: Task) -> bool:
    return isinstance(task, LdmTask)


def _speaks(task: Task) -> bool:
    return isinstance(task, CodecLmTask)


_USABLE: dict[str, Callable[[Task], bool]] = {
    "steps": _diffuses,
    "sampler": _diffuses,
    "cfg": lambda task: isinstance(task, ConditionedTask),
    "temperature": _speaks,
    "top_k": _speaks,
    "top_p": _speaks,
    "continue_from": _speaks,
    "vocoder": lambda task: not _speaks(task),
    "template": _has("section_type"),
    "style_of": _has("voice"),
    "lyrics": _has("phonemes"),
    "tempo": _has("tempo_bpm"),
    "key": _has("key_index"),
    "genre": _has("genre"),
}
