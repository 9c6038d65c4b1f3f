"""Runs that are opened: with a text encoder that the driver has verified, and at the checkpoint that was asked for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from featurizers.weights import model_id
from featurizers.weights_store import LOCATION, Store, WeightsError
from harness import muze
from jobs.main import main
from jobs.trained_runs import text_encoder_of
from tiny_runs import CODEC, TinyRuns, take_weights, trained_run
from tiny_t5 import WIDTH, write_t5
from training.codec_lm import CodecLmTask
from training.errors import SettingError
from training.pack import Pack
from training.ray_train import Shown, _work
from training.run_folder import Run, begin
from training.vae import VaeTask

T5 = "flan-t5-base"
SETTINGS = (
    *("task.layers=1", "task.width=64", f"task.text_encoder={T5}", f"task.text_width={WIDTH}"),
    *("looping.steps=1", "looping.batch_windows=4", "looping.micro_windows=4", "looping.validate_every=1"),
)
SET = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture(autouse=True)
def store(runs: TinyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of this process: the codec of the runs, and a T5."""
    store = Store(tmp_path / "weights")
    take_weights(store, runs.store, CODEC)
    write_t5(store.path(T5))
    store.record(T5, "tiny")
    monkeypatch.setenv(LOCATION, str(store.root))
    return store


@pytest.fixture
def flipped(store: Store) -> str:
    """What is said of a T5 that has a byte which it did not have when it was pulled."""
    file = store.path(T5) / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    return f"weight {T5}: model.safetensors has checksum "


def pack_of(run: Path) -> str:
    return Run.read(run).packs[0]


def task_of(text_encoder: str, width: int = WIDTH) -> CodecLmTask:
    return CodecLmTask("prefix", "flat", text_encoder=text_encoder, text_width=width)


def failed(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code of a command that fails, and the last line of what it says; it says nothing else on stdout."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    printed = capsys.readouterr()
    assert code != 0
    assert printed.out == ""
    return code, printed.err.splitlines()[-1]


def test_where_a_text_encoder_is(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [text_encoder_of(task) for task in (VaeTask(), task_of(""), task_of("hash", 64))] == ["", "", "hash"]
    assert text_encoder_of(task_of(T5)) == str(store.path(T5))
    write_t5(tmp_path / "mine")  # in no store, and in no lock
    monkeypatch.chdir(tmp_path)
    assert text_encoder_of(task_of("mine")) == str(tmp_path / "mine")
    with pytest.raises(
        SettingError, match=r"^task.text_encoder is 'none': expected hash, a folder, or a weight such as"
    ):
        text_encoder_of(task_of("none"))
    with pytest.raises(SettingError, match=rf"^text encoder {T5} is {WIDTH} wide, task.text_width is 768: set that$"):
        text_encoder_of(task_of(T5, 768))


def test_a_folder_of_its_name_does_not_stand_in_for_a_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_t5(tmp_path / T5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(LOCATION, str(tmp_path / "none"))
    with pytest.raises(WeightsError, match=f"it is not in the store .*: get it with 'muze models pull {T5}'"):
        text_encoder_of(task_of(T5))


def test_nothing_is_trained_without_a_text_encoder(
    runs: TinyRuns, tmp_path: Path, flipped: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("train", "codec-lm-tiny", "--data", pack_of(runs.prefix), "--out", tmp_path / "run", *SET)
    code, sentence = failed(capsys, *words)
    assert code == 1
    assert flipped in sentence
    code, sentence = failed(capsys, *words, "--weights", tmp_path / "none")
    assert code == 1
    assert f"muze train: weight {T5}: it is not in the store {tmp_path / 'none'}: get it with" in sentence
    assert not (tmp_path / "run").exists()
    assert main(["train", "codec-lm-a", "--dry-run"]) == 0  # which needs no weights


def test_a_run_that_goes_on_keeps_the_text_encoder_that_it_began_with(
    runs: TinyRuns, flipped: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--set`` need not be said again: what counts is what the run was begun with, here ``hash``."""
    words = ("train", "codec-lm-tiny", "--data", pack_of(runs.prefix), "--out", runs.prefix, "--resume", *SET)
    code, sentence = failed(capsys, *words)
    assert code == 2
    assert "a resumed run keeps its settings" in sentence


def on_ray(folder: Path, pack: str) -> None:
    muze("train", "codec-lm-tiny", "--data", pack, "--out", folder, *SET)


def in_this_process(folder: Path, pack: str) -> None:
    """What a worker does."""
    run = begin(Run(folder, "codec-lm-tiny", SETTINGS, (pack,), None, Pack.open(pack).payload), resume=False)
    told = {"threads": torch.get_num_threads(), "shown": Shown(), "text_encoder": text_encoder_of(run.preset.task)}
    _work({"run": run, **told})


@pytest.mark.parametrize("train", [in_this_process, pytest.param(on_ray, marks=pytest.mark.soak)])
def test_a_run_with_a_text_encoder_of_the_store(
    train: Callable[[Path, str], None],
    runs: TinyRuns,
    store: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Workers are told where it is, and what is opened afterwards is verified again."""
    pack, run = pack_of(runs.prefix), tmp_path / "run"
    train(run, pack)
    assert Run.read(run).preset.task.text_encoder == T5  # type: ignore[attr-defined]  # by name: stores move
    made = ("generate", "--run", run, "--out", tmp_path / "a.wav", "--duration", 0.05, "--prompt", "slow rain")
    capsys.readouterr()
    assert main([*map(str, made), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == [model_id(CODEC), model_id(T5)]

    store.path(T5).joinpath("config.json").write_text("{}")
    for words in (made, ("evaluate", "--run", run, "--data", pack)):
        code, sentence = failed(capsys, *words)
        assert code == 1
        assert f"muze {words[0]}: weight {T5}: config.json has 2 bytes instead of" in sentence


def test_the_checkpoint_that_is_asked_for(runs: TinyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ("task.mel=32k", "task.channels=[4,4,8,8]", "looping.steps=2", "looping.save_every=1")
    run = trained_run(tmp_path / "run", "vae-tiny", Path(pack_of(runs.vae)), *settings)
    manifests = sorted(run.glob("checkpoints/*/checkpoint.json"))
    for manifest, loss in zip(manifests, (0.5, 0.75), strict=True):
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"validation_loss": loss}))

    def made(*words: str) -> tuple[str, str]:
        assert main(["generate", "--run", str(run), "--out", str(tmp_path / "a.wav"), "--json", *words]) == 0
        document = json.loads(capsys.readouterr().out)
        return document["run"]["checkpoint"], document["audio"]["sha256"]

    capsys.readouterr()
    first, second = made("--checkpoint", "1"), made("--checkpoint", "2")
    assert (first[0], second[0]) == ("step-00000001", "step-00000002")
    assert first[1] != second[1]
    assert made("--checkpoint", "last") == second
    assert made() == made("--checkpoint", "best") == first
    for words in (("generate", "--out", tmp_path / "b.wav"), ("evaluate", "--data", pack_of(runs.vae))):
        code, sentence = failed(capsys, *words, "--run", run, "--checkpoint", "7")
        assert code == 2
        assert sentence == f"muze {words[0]}: the run has no checkpoint '7', expected best, last or one of 1, 2"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", "{", "is damaged, run.json is not what was written"),
        ("run.json", '{"training": "codec-lm-tiny"}', "is damaged, run.json is not what was written: KeyError: 'set'"),
        ("checkpoints/step-00000003/checkpoint.json", "{", "cannot be read, it is damaged or of another model"),
        ("checkpoints/step-00000003/.metadata", "{", "cannot be read, it is damaged or of another model"),
        ("checkpoints/step-00000003/__0_0.distcp", "{", "cannot be read, it is damaged or of another model"),
        ("checkpoints/step-00000003/__0_0.distcp", None, "cannot be read, it is damaged or of another model"),
    ],
)
def test_a_damaged_run_is_a_sentence(
    runs: TinyRuns, tmp_path: Path, file: str, content: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs.prefix, tmp_path / "run")
    (tmp_path / "run" / file).unlink()
    if content is not None:
        (tmp_path / "run" / file).write_text(content)
    _, sentence = failed(capsys, "generate", "--run", tmp_path / "run", "--prompt", "x", "--out", tmp_path / "x.wav")
    assert said in sentence
    assert not (tmp_path / "x.wav").exists()
