"""Settings of a run: presets are functions that return them, and ``a.b=c`` changes one."""

import dataclasses
import difflib
import math
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import yaml

from schemas.setting_types import UNFIT, fitted, in_words
from training.errors import SettingError
from training.task import Task

T = TypeVar("T")


@dataclass(frozen=True)
class Optimizing:
    """AdamW (Loshchilov and Hutter, 2019), its schedule, and the moving average of the weights."""

    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    warmup_share: float = 0.1
    """Of the steps, linear from 0."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    final_share: float = 0.1
    """Of the learning rate, what the schedule ends at."""
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    """0 switches it off."""

    def __post_init__(self) -> None:
        """Raises SettingError for a number that no optimizer takes; a rate of 0 is a run that learns nothing."""
        _expect("optimizing", self, ("learning_rate", "weight_decay"), "a finite number, 0 or more", _is_finite)
        _expect("optimizing", self, ("warmup_share", "final_share"), "a share from 0 to 1", lambda x: 0 <= x <= 1)
        _expect("optimizing", self, ("betas", "ema_decay"), "0 or more and less than 1", lambda x: 0 <= x < 1)
        _expect("optimizing", self, ("clip_norm",), "more than 0", lambda x: x > 0)


@dataclass(frozen=True)
class Looping:
    """How long, in which portions, and what is written down."""

    steps: int = 1000
    batch_windows: int = 16
    """Windows a step, over all workers."""
    micro_windows: int = 16
    """Windows a forward pass of one worker at most; gradients of the rest of its share are accumulated."""
    precision: Literal["bf16", "fp32"] = "bf16"
    parallel: Literal["ddp", "fsdp"] = "ddp"
    seed: int = 0
    log_every: int = 10
    validate_every: int = 500
    validation_windows: int = 64
    """Of the valid split, rounded up to whole batches."""
    save_every: int = 500
    keep: int = 3
    """Checkpoints with the best validation loss that stay, besides the last."""
    sample_every: int = 0
    """Steps from one sound in the log to the next, see ``training.listening``. 0: there are none."""
    sample_prompts: tuple[str, ...] = (
        "A calm piano piece in A minor, 80 beats per minute.",
        "An energetic rock song with drums, distorted guitars and a singer.",
    )
    """What a conditioned model is asked for."""
    compile: bool = False
    checkpoint_blocks: bool = False
    """Recompute activations of the task's blocks in the backward pass: less memory, a third more work."""

    def __post_init__(self) -> None:
        """Raises SettingError for a number of nothing."""
        portions = ("steps", "batch_windows", "micro_windows", "validation_windows")
        _expect("looping", self, (*portions, "log_every", "validate_every", "save_every"), "1 or more", lambda x: x > 0)
        _expect("looping", self, ("seed", "keep", "sample_every"), "0 or more", lambda x: x >= 0)


def _is_finite(number: float) -> bool:
    return 0 <= number < math.inf


def _expect(section: str, settings: Any, names: Sequence[str], words: str, holds: Callable[[float], bool]) -> None:
    """Raise SettingError, which says what was expected, unless it holds for every number of these settings."""
    for name in names:
        value = getattr(settings, name)
        if not all(map(holds, value if isinstance(value, tuple) else (value,))):
            raise SettingError(f"{section}.{name} is {value}, expected {words}")


@dataclass(frozen=True)
class Preset:
    """Everything a run is made of but its data."""

    task: Task
    optimizing: Optimizing = Optimizing()
    looping: Looping = Looping()


def changed(preset: Preset, assignments: Sequence[str]) -> Preset:
    """Return the preset with every ``section.name=value`` applied. Raises SettingError; what is near is named."""
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise SettingError(f"got --set {assignment!r}, expected section.name=value, such as looping.steps=100")
        preset = _with(preset, path.strip().split("."), text.strip(), path)
    return preset


def _with(settings: T, path: Sequence[str], text: str, whole: str) -> T:
    name, *rest = path
    fields = {field.name: field for field in dataclasses.fields(settings)}  # type: ignore[arg-type]
    if name not in fields:
        raise SettingError(_no_such(name, settings, whole))
    value = getattr(settings, name)
    if rest and not dataclasses.is_dataclass(value):
        raise SettingError(f"there is no setting {whole!r}: {name!r} has no parts")
    if not rest and dataclasses.is_dataclass(value):
        raise SettingError(f"{whole!r} is a section, expected one of its settings, such as {whole}.{_first(value)}")
    new = _with(value, rest, text, whole) if rest else _parsed(text, typing.get_type_hints(type(settings))[name], whole)
    try:
        return dataclasses.replace(settings, **{name: new})  # type: ignore[type-var]
    except ValueError as error:
        message = str(error)
        raise SettingError(message if message.startswith(whole) else f"{whole}={text}: {message}") from error


def _no_such(name: str, settings: Any, whole: str) -> str:
    """One sentence with the settings there are, and with the one that was meant where that can be told."""
    names = [field.name for field in dataclasses.fields(settings)]
    sections = [section for section in names if dataclasses.is_dataclass(getattr(settings, section))]
    within = [f"{section}.{name}" for section in sections if hasattr(getattr(settings, section), name)]
    near = within or difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"there is no setting {whole!r}{hint}: {name!r} is unknown, expected one of {', '.join(names)}"


def _first(settings: Any) -> str:
    return dataclasses.fields(settings)[0].name


def _parsed(text: str, hint: Any, path: str) -> Any:
    """The value that a text stands for, as YAML has it, if it is of the type that the setting has."""
    readings = (_loaded(text), _number(text), text)
    fits = (fit for reading in readings if (fit := fitted(reading, hint)) is not UNFIT)
    value = next(fits, UNFIT)
    if value is UNFIT:
        raise SettingError(f"{path} is {text!r}, expected {in_words(hint)}")
    return value


def _loaded(text: str) -> Any:
    """What YAML has in a text; the text itself, where it is none."""
    try:
        return yaml.safe_load(text) if text else ""
    except yaml.YAMLError:
        return text


def _number(text: str) -> str | float:
    """YAML takes 1e-4 for a word."""
    try:
        return float(text)
    except ValueError:
        return text
