"""doctor: says what is wrong with a machine, and is right about it."""

import json
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import jobs.checks
from featurizers.weights import WEIGHTS
from featurizers.weights_store import LOCATION
from harness import ROOT, muze
from jobs.checks import FAIL, OK, WARN, check_machine
from jobs.commands.doctor import RECIPES
from jobs.main import main
from jobs.weights import names_for


def states() -> dict[str, str]:
    return {check.name: check.state for check in check_machine()}


def test_this_machine_passes_and_everything_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (code == 0) == document["ok"]
    found = {check["name"]: check for check in document["checks"]}
    assert {"python", "cores", "memory", "disk", "shared memory", "codecs"} <= found.keys()
    assert {f"package {name}" for name in ("ray", "duckdb", "deltalake", "pyarrow", "librosa", "torch")} <= found.keys()
    assert {f"weights {name}" for name in WEIGHTS} <= found.keys()
    assert found["package ray"]["detail"] == metadata.version("ray")
    assert not any("pytest" in name or "hypothesis" in name for name in found)
    failed = [name for name, check in found.items() if check["state"] == FAIL and name != "disk"]
    assert failed == []


def test_licences_say_whether_commercial_use_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    weights = {row["name"]: row for row in json.loads(capsys.readouterr().out)["weights"]}
    assert weights.keys() == WEIGHTS.keys()
    for name, row in weights.items():
        assert row["commercial_use"] is WEIGHTS[name].commercial_use
        assert row["licence"] == WEIGHTS[name].licence
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["madmom-key", "CC-BY-NC-SA-4.0", "no"] for line in lines)


def test_a_package_that_is_not_there_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    needs = ["numpy>=2", "no-such-package>=1", 'nor-this-one==2; extra == "mir"', 'optional-one; extra == "s3"']
    monkeypatch.setattr(metadata, "requires", lambda _: needs)
    found = {check.name: check for check in check_machine()}
    assert found["package numpy"].state == OK
    assert found["package no-such-package"].state == FAIL
    assert "muze[mir]" in found["package nor-this-one"].detail
    assert "package optional-one" not in found
    assert main(["doctor"]) == 1
    assert "2 checks failed" in capsys.readouterr().out


def test_people_are_told_in_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path / "empty"))
    main(["doctor"])
    lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert sum("package" in line for line in lines) == 1
    bundled = sum(weight.packaged for weight in WEIGHTS.values())
    assert f"ok    weights: {bundled} as pinned" in lines
    lacking = [name for name in names_for("full") if not WEIGHTS[name].packaged]
    told = f"{len(lacking)} of {len(names_for('full'))} weights not pulled: 'muze models pull --recipe full'"
    assert f"warn  recipe full: {told}" in lines
    assert not any("recipe bundled" in line for line in lines)
    loaded = {name for recipe in RECIPES for name in names_for(recipe)}
    others = [name for name, weight in WEIGHTS.items() if not weight.packaged and name not in loaded]
    assert any(line.startswith(f"warn  other weights: {len(others)} not pulled") for line in lines)


def test_every_recipe_is_looked_at() -> None:
    assert {f"{name}.yaml" for name in RECIPES} == {path.name for path in (ROOT / "jobs/recipes").iterdir()}


def test_what_is_wrong_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: ["numpy>=2", "no-such-package>=1", "ray"])
    monkeypatch.setattr(jobs.checks, "verify", lambda name: ["it is short"] if name == "madmom-key" else [])
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "fail  package no-such-package: not installed: pip install no-such-package" in lines
    assert "ok    packages: 2 installed" in lines
    assert "fail  weights madmom-key: it is short" in lines


def test_damaged_weights_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(WEIGHTS))
    problems: dict[str, list[str]] = {name: ["a.pth has 3 bytes instead of 4"]}
    monkeypatch.setattr(jobs.checks, "verify", lambda weight: problems.get(weight, []))
    found = {check.name: check for check in check_machine()}
    assert (found[f"weights {name}"].state, found[f"weights {name}"].detail) == (FAIL, problems[name][0])


def test_little_room_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def usage(path: str) -> Any:
        return SimpleNamespace(free=2**30, total=64 * 2**20)

    monkeypatch.setattr(jobs.checks.shutil, "disk_usage", usage)
    monkeypatch.setattr(jobs.checks.psutil, "virtual_memory", lambda: SimpleNamespace(available=2**30, total=4 * 2**30))
    found = states()
    assert (found["disk"], found["shared memory"], found["memory"]) == (FAIL, WARN, WARN)


def test_a_missing_codec_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"opus"})
    found = {check.name: check for check in check_machine()}
    assert (found["codecs"].state, found["codecs"].detail) == (FAIL, "missing opus")


@pytest.mark.soak
def test_ray_starts_when_asked() -> None:
    document = json.loads(muze("doctor", "--ray", "--json", code=None).stdout)
    [ray] = [check for check in document["checks"] if check["name"] == "ray"]
    assert ray["state"] == OK, ray
