"""``--set a.b=c``: the right setting gets the right type, and everything else is a sentence."""

from dataclasses import dataclass

import pytest

from training.config import Looping, Optimizing, Preset, changed
from training.errors import SettingError
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
        ("looping.step=3", "there is no setting 'looping.step': 'step' is unknown, the nearest is 'steps'"),
        ("loping.steps=3", "'loping' is unknown, the nearest is 'looping'"),
        ("looping.steps", "expected section.name=value"),
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
