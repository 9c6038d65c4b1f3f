"""The command line: help, exit codes, one sentence for a bad argument, and a README that tells the truth."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes import Fake
from harness import write_recipe, write_tones
from inline import without_ray
from jobs.commands import status
from jobs.main import COMMANDS, main
from training.presets import all_presets

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_stands_in_the_readme(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"example: muze {command}" in capsys.readouterr().out
    assert f"`muze {command} " in README or f"`muze {command}`" in README


def test_the_readme_names_no_command_that_is_not_there() -> None:
    named = set(re.findall(r"^\$? ?muze (\w+) .*(?:--|\"|/)|`muze (\w+)", README, re.MULTILINE))
    assert len(named) > len(COMMANDS) // 2
    assert {name for pair in named for name in pair if name} <= set(COMMANDS)


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


BAD_BUILDS = {
    "no such folder": (["build", "/no/such/folder", "--out", "{out}"], "no such file or folder"),
    "unknown recipe": (["build", "{music}", "--out", "{out}", "--recipe", "bundeld"], "unknown recipe 'bundeld'"),
    "unknown fragment": (
        ["build", "{music}", "--out", "{out}", "--recipe", "bundled", "--only", "rythm"],
        "unknown fragment 'rythm'",
    ),
    "fragment of another recipe": (
        ["build", "{music}", "--out", "{out}", "--recipe", "bundled", "--only", "mel"],
        "fragment 'mel' is not in recipe bundled, which has harmony, level,",
    ),
    "foreign folder": (["build", "{music}", "--out", "{music}", "--recipe", "bundled"], "no muze dataset"),
    "limit": (["build", "{music}", "--out", "{out}", "--limit", "0"], "--limit is 0: expected more than 0"),
    "duration": (
        ["build", "{music}", "--out", "{out}", "--max-duration-s", "nan"],
        "--max-duration-s is nan: expected more than 0",
    ),
    "error limit": (["build", "{music}", "--out", "{out}", "--error-limit", "2"], "expected a share from 0 to 1"),
    "only nothing": (
        ["build", "{music}", "--out", "{out}", "--only", ","],
        "--only is ',': expected fragments, such as",
    ),
    "metadata": (["build", "{music}", "--out", "{out}", "--metadata", "/no/such.csv"], "cannot read --metadata"),
    "not a dataset": (["status", "{music}"], "no dataset at"),
    "demo onto a file": (["demo", "--out", __file__], f"{__file__!r} is no folder: give a folder for --out"),
    "no command to submit": (["submit"], "no command given"),
}


@pytest.mark.parametrize("case", BAD_BUILDS)
def test_bad_arguments_get_one_sentence_and_exit_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, sentence = BAD_BUILDS[case]
    music = write_tones(tmp_path / "music", 2)
    assert main([word.format(music=music, out=tmp_path / "dataset") for word in words]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "dataset").exists(), "nothing was written"


def test_an_unknown_option_gets_the_usage_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["query", "dataset", "SELECT 1", "--jsn"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: muze query ")
    assert said.endswith("muze query: error: unrecognized arguments: --jsn\n")


def test_build_prints_exactly_one_json_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_ray(monkeypatch)
    music, recipe = write_tones(tmp_path / "music", 3), write_recipe(tmp_path)
    words = ["build", str(music), "--out", str(tmp_path / "dataset"), "--recipe", str(recipe), "--json"]
    assert main([*words, "--dry-run"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["to_process"], plan["fragments"]["power"]["new"]) == (3, 3)
    assert not (tmp_path / "dataset").exists(), "a dry run writes nothing"
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    keys = {"run_id", "tracks", "new", "unchanged", "failed", "audio_hours", "wall_s", "realtime_factor", "fragments"}
    assert keys <= report.keys()
    assert report["fragments"]["power"].keys() == {"rows", "new", "failed", "skipped", "seconds"}
    for command in ("status", "failures"):
        assert main([command, str(tmp_path / "dataset"), "--json"]) == 0
        json.loads(capsys.readouterr().out)


def test_a_full_disk_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Fake(tmp_path)
    made.run({"tracks": "0123456789abcdef"})
    assert main(["query", made.location, "SELECT range FROM range(100000)", "--out", "/dev/full"]) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("muze query: [Errno 28] No space left on device")


def raising(error: Exception) -> Callable[..., int]:
    def run(*_: Any) -> int:
        raise error

    return run


def test_only_what_the_machine_lacks_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_delta = OSError("Generic error\n \x1b[31m>\x1b[0m No space left on device (os error 28)")
    monkeypatch.setattr(status, "run", raising(of_delta))
    assert main(["status", "dataset"]) == 1
    assert "Generic error > No space left on device (os error 28); once" in capsys.readouterr().err
    for error in (FileNotFoundError(2, "No such file"), OSError("Generic error (os error 2)"), OSError("odd")):
        monkeypatch.setattr(status, "run", raising(error))
        with pytest.raises(type(error)):
            main(["status", "dataset"])


def test_the_help_of_train_names_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    named = set(re.findall(r"[a-z]+(?:-\w+)*", capsys.readouterr().out))
    assert set(all_presets()) <= named


@pytest.mark.parametrize("document", ["{}", "[]", '{"format": "one"}'])
def test_what_is_no_pack_is_not_a_newer_one(document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pack.json").write_text(document)
    assert main(["train", "vae-tiny", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert f"pack.json of {tmp_path} is damaged or of something else" in said
    assert "update muze" not in said
