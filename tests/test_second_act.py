"""The demo's second act: command lines that muze takes, over recipes that it reads, in an order that makes sense."""

from pathlib import Path

import pytest

from jobs.demo.second_act import ENCODEC, STEPS, VAE, Step, steps
from jobs.main import COMMANDS, parser
from jobs.named_recipes import load_recipe
from schemas import sine_tokens as sines
from training.presets import preset_of


@pytest.mark.parametrize("codec", [ENCODEC, sines.CODEC])
def test_every_step_is_a_command_line_that_muze_takes(codec: str, tmp_path: Path) -> None:
    lines = parser()
    found = list(steps("songs", tmp_path, codec))
    for step in found:
        lines.parse_args(step.words)
    verbs = [step.words[0] for step in found]
    assert set(verbs) <= set(COMMANDS)
    trained = ["codec-lm-tiny", "vae-tiny", "dit-tiny"]
    assert [step.words[1] for step in found if step.words[0] == "train"] == trained
    needed = (ENCODEC,) if codec == ENCODEC else ()
    assert load_recipe(str(tmp_path / "tokens.yaml")).weights(("codec_tokens",)) == needed
    for number, verb in enumerate(verbs):
        if verb == "train":  # what a training reads is built, pinned and packed right before it
            assert verbs[number - 3 : number] == ["build", "snapshot", "pack"]


def test_recipes_and_settings_are_such_that_there_are(tmp_path: Path) -> None:
    for step in steps("songs", tmp_path, sines.CODEC):
        if step.words[0] == "build":
            only = _after(step, "--only")
            assert only in load_recipe(_after(step, "--recipe")).fragments
        if step.words[0] == "train":
            assignments = [step.words[n + 1] for n, word in enumerate(step.words) if word == "--set"]
            assert preset_of(step.words[1], assignments).looping.steps == STEPS
    assert load_recipe(str(tmp_path / "latents.yaml")).weights(("latents",)) == (VAE,)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    found = list(steps("songs", tmp_path, sines.CODEC))
    assert [step.words[0] for step in found if step.done is None] == ["build"] * 3  # which looks for itself
    done = [step.done for step in found if step.done is not None]
    assert len(done) == len(set(done))


def test_a_training_that_was_stopped_goes_on(tmp_path: Path) -> None:
    (tmp_path / "runs" / "vae").mkdir(parents=True)
    (tmp_path / "runs" / "vae" / "run.json").write_text("{}")
    found = steps("songs", tmp_path, sines.CODEC)
    resumed = {step.words[1]: "--resume" in step.words for step in found if "train" in step.words}
    assert resumed == {"codec-lm-tiny": False, "vae-tiny": True, "dit-tiny": False}


def _after(step: Step, option: str) -> str:
    return step.words[step.words.index(option) + 1]
