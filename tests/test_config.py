"""``--set a.b=c``: the right setting gets the right type, and everything else is a sentence."""

from dataclasses import dataclass

import pytest

from training.config import Looping, Optimizing, Preset, changed
from training.errors import SettingError
from training.presets import all_presets, preset_of
from training.task import Task


@dataclass(frozen=True)
class Nothing(Task):
    width: int = 4
    multipliers: tuple[int, ...] = (1, 2)
    path: str | None = None
    payload = "mel"

    def build(self):
        raise NotImplementedError

    def turns(self):
        raise NotImplementedError

    def tokens_a_window(self):
        return 0

    def flops_a_window(self):
        raise NotImplementedError

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError("width must be 1 or more")


PRESET = Preset(Nothing())


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("looping.steps=20", Preset(Nothing(), looping=Looping(steps=20))),
        ("optimizing.learning_rate=1e-3", Preset(Nothing(), optimizing=Optimizing(learning_rate=1e-3))),
        ("optimizing.learning_rate=1", Preset(Nothing(), optimizing=Optimizing(learning_rate=1.0))),
        ("optimizing.betas=[0.5, 0.9]", Preset(Nothing(), optimizing=Optimizing(betas=(0.5, 0.9)))),
        ("optimizing.schedule=constant", Preset(Nothing(), optimizing=Optimizing(schedule="constant"))),
        ("looping.compile=true", Preset(Nothing(), looping=Looping(compile=True))),
        ("task.width = 8", Preset(Nothing(width=8))),
        ("task.multipliers=[1,2,4,4]", Preset(Nothing(multipliers=(1, 2, 4, 4)))),
        ("task.path=null", Preset(Nothing(path=None))),
        ("task.path=a=b", Preset(Nothing(path="a=b"))),
    ],
)
def test_a_setting_is_changed(assignment: str, expected: Preset) -> None:
    assert changed(PRESET, [assignment]) == expected


def test_several_and_the_last_one_counts() -> None:
    preset = changed(PRESET, ["looping.steps=1", "task.width=2", "looping.steps=3"])
    assert (preset.looping.steps, preset.task) == (3, Nothing(width=2))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "looping.step=3",
            "there is no setting 'looping.step' (did you mean steps?): 'step' is unknown, expected one of",
        ),
        ("loping.steps=3", "(did you mean looping?): 'loping' is unknown, expected one of task, optimizing, looping"),
        ("steps=3", "there is no setting 'steps' (did you mean looping.steps?)"),
        ("optimizing.lr=3", "there is no setting 'optimizing.lr': 'lr' is unknown, expected one of learning_rate, "),
        ("looping.steps", "expected section.name=value"),
        ("optimizing.betas=[0.9", "optimizing.betas is '[0.9', expected a list"),
        ("looping=3", "'looping' is a section, expected one of its settings"),
        ("looping.steps.x=3", "'steps' has no parts"),
        ("looping.steps=1.5", "looping.steps is '1.5', expected a whole number"),
        ("looping.steps=true", "expected a whole number"),
        ("looping.compile=1", "expected true or false"),
        ("optimizing.schedule=cosinus", "expected one of cosine, linear, constant"),
        ("optimizing.betas=0.9", "expected a list"),
        ("optimizing.betas=[1]", "expected a list"),
        ("task.width=0", "task.width=0: width must be 1 or more"),
    ],
)
def test_what_cannot_be_is_a_sentence(assignment: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        changed(PRESET, [assignment])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("looping.steps=-3", "looping.steps is -3, expected 1 or more"),
        *(
            (f"looping.{name}=0", f"looping.{name} is 0, expected 1 or more")
            for name in ("steps", "batch_windows", "micro_windows", "validation_windows")
        ),
        *(
            (f"looping.{name}=0", f"looping.{name} is 0, expected 1 or more")
            for name in ("log_every", "validate_every", "save_every")
        ),
        ("looping.sample_every=-1", "looping.sample_every is -1, expected 0 or more"),
        ("looping.keep=-1", "looping.keep is -1, expected 0 or more"),
        ("looping.seed=-1", "looping.seed is -1, expected 0 or more"),
        ("optimizing.learning_rate=nan", "optimizing.learning_rate is nan, expected a finite number, 0 or more"),
        ("optimizing.learning_rate=-1e-4", "optimizing.learning_rate is -0.0001, expected a finite number"),
        ("optimizing.learning_rate=.inf", "optimizing.learning_rate is inf, expected a finite number, 0 or more"),
        ("optimizing.weight_decay=-1", "optimizing.weight_decay is -1.0, expected a finite number, 0 or more"),
        ("optimizing.warmup_share=1.5", "optimizing.warmup_share is 1.5, expected a share from 0 to 1"),
        ("optimizing.final_share=-0.1", "optimizing.final_share is -0.1, expected a share from 0 to 1"),
        ("optimizing.ema_decay=1", "optimizing.ema_decay is 1.0, expected 0 or more and less than 1"),
        ("optimizing.betas=[0.9, 1]", "optimizing.betas is (0.9, 1.0), expected 0 or more and less than 1"),
        ("optimizing.betas=[.nan, 0.9]", "optimizing.betas is (nan, 0.9), expected 0 or more and less than 1"),
        ("optimizing.clip_norm=0", "optimizing.clip_norm is 0.0, expected more than 0"),
    ],
)
def test_a_number_out_of_its_range_is_one_sentence(assignment: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        changed(PRESET, [assignment])
    assert str(error.value).startswith(message)


def test_the_ends_of_ranges_are_settings() -> None:
    ends = ["optimizing.warmup_share=0", "optimizing.final_share=1", "optimizing.ema_decay=0", "looping.keep=0"]
    preset = changed(PRESET, [*ends, "optimizing.learning_rate=0", "optimizing.betas=[0, 0]", "looping.steps=1"])
    assert preset.optimizing == Optimizing(0.0, (0.0, 0.0), 0.01, 0.0, "cosine", 1.0, 1.0, 0.0)
    assert preset.looping == Looping(steps=1, keep=0)


def test_every_preset_is_within_the_ranges() -> None:
    presets = {name: make() for name, make in all_presets().items()}
    assert {"vae-44k", "ldm", "dit-b", "codec-lm-b"} <= presets.keys()
    assert all(preset.looping.steps > 0 for preset in presets.values())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ldm-520", "there is no training 'ldm-520', the nearest is 'ldm-"),
        ("piano", "there is no training 'piano': expected one of vae-8, "),
    ],
)
def test_the_nearest_training_is_named_if_one_is_near(name: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        preset_of(name)
    assert str(error.value).startswith(message)
