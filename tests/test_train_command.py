"""``muze train``: what it says before it starts, what it refuses, and a real run on Ray that is killed and goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from featurizers.weights_store import Store
from harness import command as command_line
from harness import environment
from jobs.main import main
from tiny_pack import tiny_pack
from training.checkpoint import Checkpoints, load_weights
from training.errors import SettingError
from training.fit import fitted
from training.init_from import require_same_model
from training.logbook import read_metrics
from training.loop import Loop
from training.pack import Pack
from training.presets import all_presets, preset_of
from training.ray_train import Crew
from training.run_folder import Run, begin
from training.stream import Stream
from training.workers import Workers

SETTINGS = ("task.mel=32k", "looping.steps=9", "looping.save_every=3", "looping.validate_every=9")


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packs")
    return {task: tiny_pack(folder / task, task, window_s=0.64, hop_s=0.64) for task in ("vae", "ldm", "codec-lm")}


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_dry_run_needs_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "train", "vae-128", "--dry-run", "--json", "--set", "looping.steps=7")
    needs = json.loads(out)
    assert code == 0
    assert needs.keys() == {"parameters", "parameters_by_part", "state_gib", "steps"}
    assert needs["parameters"] == sum(needs["parameters_by_part"].values()) == pytest.approx(224e6, rel=0.03)
    assert needs["state_gib"] == pytest.approx(needs["parameters"] * 20 / 2**30)
    assert needs["steps"] == 7
    code, out, _ = said(capsys, "train", "vae-128", "--dry-run", "--set", "optimizing.ema_decay=0")
    assert "226.7 M parameters" in out
    assert "3.38 GiB" in out


BAD = {
    "training": (["vae-44"], "there is no training 'vae-44', the nearest is 'vae-44k'"),
    "setting": (["vae-tiny", "--set", "task.latents=8"], "(did you mean latent_dim?): 'latents' is unknown"),
    "no data": (["vae-tiny", "--out", "{out}"], "--data PACK and --out RUN are needed"),
    "run is a file": (["vae-tiny", "--data", "{vae}", "--out", __file__], f"{__file__!r} is no folder"),
    "no pack": (["vae-tiny", "--data", "{out}/none", "--out", "{out}/run"], "none"),
    "run behind a URL": (
        ["vae-tiny", "--data", "{vae}", "--out", "s3://b/run"],
        "--out is 's3://b/run': expected a path",
    ),
    "no room": (
        ["vae-tiny", "--data", "{vae}", "--out", "/proc/run", "--set", "task.mel=32k"],
        "cannot write --out '/proc/run': No such file",
    ),
    "gpus": (
        ["vae-tiny", "--data", "{vae}", "--out", "{out}/run", "--gpus", "--workers", "64"],
        "--gpus wants 64 of them and this machine has",
    ),
    "workers": (["vae-tiny", "--data", "{vae}", "--out", "{out}/run", "--workers", "0"], "--workers is 0"),
    "uneven": (
        ["vae-tiny", "--data", "{vae}", "--out", "{out}/run", "--set", "task.mel=32k", "--workers", "3"],
        "3 workers cannot share batches of",
    ),
    "payload": (["vae-tiny", "--data", "{codec-lm}", "--out", "{out}/run"], "the pack holds tokens, this training"),
    "mel": (["vae-tiny", "--data", "{vae}", "--out", "{out}/run"], "mels are of 32000 Hz and differ"),
    "no run": (
        ["vae-tiny", "--data", "{vae}", "--out", "{out}/run", "--set", "task.mel=32k", "--init-from", "{out}/other"],
        "there is no run in",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_sentence(
    case: str, packs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, sentence = BAD[case]
    places = {"out": tmp_path, **packs}
    code, out, error = said(capsys, "train", *(word.format(**places) for word in words))
    assert (code, out) == (2, "")
    assert sentence in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_wandb_without_its_package_is_one_sentence(
    packs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    words = ["vae-tiny", "--data", str(packs["vae"]), "--out", str(tmp_path / "run"), "--wandb", "songs"]
    code, out, error = said(capsys, "train", *words)
    assert (code, out) == (2, "")
    assert error.strip().endswith("--wandb needs the package wandb, which is not installed: pip install 'muze[wandb]'")


@pytest.mark.parametrize(("task", "name"), [("vae", "vae-tiny"), ("ldm", "ldm-tiny"), ("codec-lm", "codec-lm-tiny")])
def test_a_task_takes_the_shape_of_the_pack(packs: dict[str, Path], task: str, name: str) -> None:
    settings = ["task.mel=32k"] if task == "vae" else []
    pack = Pack.open(str(packs[task]))
    found = fitted(preset_of(name, settings), pack.payload).task
    shapes: dict[str, Any] = {
        "vae": lambda: (found.window_frames,) == pack.payload.shape[2:],
        "ldm": lambda: found.latent_shape == pack.payload.shape,
        "codec-lm": lambda: (found.codebooks, found.window_frames) == pack.payload.shape,
    }
    assert shapes[task]()
    with pytest.raises(SettingError, match="this training reads"):
        fitted(preset_of("ldm-tiny" if task == "vae" else "vae-tiny"), pack.payload)


def test_every_preset_says_what_it_is() -> None:
    presets = all_presets()
    for name in ("vae-8", "vae-heavy", "ldm-256", "ldm-768", "dit-b", "codec-lm-a", "codec-lm-b", "dit-tiny"):
        assert presets[name]().looping.steps > 0


def test_a_run_keeps_its_settings(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", "vae-tiny", ("task.beta=0.5",), ("/pack",))
    assert begin(run, resume=False) == run == Run.read(tmp_path / "run")
    with pytest.raises(SettingError, match="add --resume"):
        begin(run, resume=False)
    longer = Run(run.folder, "vae-tiny", ("looping.steps=9",), ("/pack",))
    assert begin(longer, resume=True).assignments == ("task.beta=0.5", "looping.steps=9")
    with pytest.raises(SettingError, match=r"keeps its settings, got task.beta=0.1"):
        begin(Run(run.folder, "vae-tiny", ("task.beta=0.1",), ("/pack",)), resume=True)
    with pytest.raises(SettingError, match="trains vae-tiny on /pack, not vae-8 on /pack"):
        begin(Run(run.folder, "vae-8", (), ("/pack",)), resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(SettingError, match="is there and no run"):
        begin(Run(tmp_path / "mine", "vae-tiny", (), ("/pack",)), resume=False)


def test_a_pack_that_moved_is_the_same_and_one_made_anew_is_not(packs: dict[str, Path], tmp_path: Path) -> None:
    def run(location: str, contents: str) -> Run:
        return Run(tmp_path / "run", "vae-tiny", (), (location,), contents=(contents,) if contents else ())

    moved = shutil.copytree(packs["vae"], tmp_path / "moved")
    contents = Pack.open(str(packs["vae"])).contents
    assert Pack.open(str(moved)).contents == contents
    assert Pack.open(str(tiny_pack(tmp_path / "anew", "vae", 8, seed=9))).contents != contents
    begin(run("/pack", contents), resume=False)
    assert begin(run("/moved", contents), resume=True) == run("/moved", contents) == Run.read(tmp_path / "run")
    with pytest.raises(SettingError, match="was trained on other windows than there are now in /moved"):
        begin(run("/moved", "made anew"), resume=True)
    with pytest.raises(SettingError, match="on /moved, not vae-tiny on /elsewhere"):
        begin(run("/elsewhere", ""), resume=True)


def test_a_run_is_not_resumed_over_a_pack_made_anew(
    packs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    location, folder = str(packs["vae"]), tmp_path / "run"
    begin(Run(folder, "vae-tiny", ("task.mel=32k",), (location,), contents=("another pack",)), resume=False)
    words = ["vae-tiny", "--data", location, "--out", str(folder), "--weights", str(tmp_path / "store")]
    code, out, error = said(capsys, "train", *words, "--resume")
    assert (code, out) == (2, "")
    assert f"was trained on other windows than there are now in {location}" in error


def test_the_last_value_of_a_setting_counts(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", "vae-tiny", ("looping.steps=100", "task.beta=0.1", "task.beta=0.5"), ("/pack",))
    begin(run, resume=False)
    for steps in (200, 100, 300):
        given = ("looping.steps=7", f"looping.steps={steps}")
        resumed = begin(Run(run.folder, "vae-tiny", given, ("/pack",)), resume=True)
        assert resumed.preset.looping.steps == Run.read(run.folder).preset.looping.steps == steps
        assert resumed.identity == run.identity
        assert len(resumed.assignments) == 3
    with pytest.raises(SettingError, match=r"keeps its settings, got task.beta=0.1"):
        begin(Run(run.folder, "vae-tiny", ("task.beta=0.1",), ("/pack",)), resume=True)
    begin(Run(run.folder, "vae-tiny", ("task.beta=0.5",), ("/pack",)), resume=True)


def test_weights_of_another_model_are_refused_before_workers_start(
    packs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = Pack.open(str(packs["vae"]))
    settings = ("task.mel=32k", "looping.steps=1", "looping.batch_windows=2")
    other = Run(tmp_path / "other", "vae-tiny", settings, (str(packs["vae"]),))
    other.write()
    preset = fitted(other.preset, pack.payload)
    Loop(preset, Stream([pack]), Checkpoints(other.checkpoints, 1), None, Workers()).run()
    checkpoint = other.checkpoints / "step-00000001"
    require_same_model(preset, checkpoint)
    words = ["vae-tiny", "--data", str(packs["vae"]), "--out", str(tmp_path / "run"), "--init-from", str(other.folder)]
    code, _, error = said(capsys, "train", *words, "--set", "task.mel=32k", "--set", "task.latent_dim=32")
    assert code == 2
    assert f"the weights of '{checkpoint}' are of another model: of vae." in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def test_a_run_on_ray_that_is_killed_goes_on_where_it_was(packs: dict[str, Path], tmp_path: Path) -> None:
    settings = [word for assignment in SETTINGS for word in ("--set", assignment)]
    words = ["train", "vae-tiny", "--data", str(packs["vae"]), "--out", str(tmp_path / "run"), *settings]
    command = command_line(*words, "--weights", str(tmp_path / "store"))
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", 3)
    killed = subprocess.Popen(command, env=environment(), start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + 300
        while checkpoints.latest() is None and time.monotonic() < deadline_s:
            time.sleep(0.05)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    assert checkpoints.latest() is not None
    done = subprocess.run([*command, "--resume", "--json"], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["figures"]["step"], said["encoder"]) == (9, "vae-run")
    assert Store(tmp_path / "store").problems("vae-run") == []
    assert [line["step"] for line in read_metrics(tmp_path / "run")][-1] == 9

    pack = Pack.open(str(packs["vae"]))
    preset = fitted(preset_of("vae-tiny", SETTINGS), pack.payload)
    undisturbed = Loop(preset, Stream([pack]), Checkpoints(tmp_path / "alone", 3), None, Workers())
    threads = torch.get_num_threads()
    torch.set_num_threads(Crew().threads)  # sums in another order differ in the last digit, and Adam enlarges that
    try:
        undisturbed.run()
    finally:
        torch.set_num_threads(threads)
    found = preset.task.build()
    load_weights(tmp_path / "run" / "checkpoints" / "step-00000009", found, averaged=False)
    expected = weights(undisturbed.module)
    for name, value in weights(found).items():
        assert torch.equal(value, expected[name]), name
