"""The end of ``muze train vae-...``: a weight in the store, once, whole, and never over one of another run."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

import jobs.commands.train
import pipeline.ray_session
import training.export_encoder
from featurizers.weights import verify
from featurizers.weights_store import LOCATION, Store
from jobs.main import main
from tiny_pack import tiny_pack
from training.checkpoint import Checkpoints
from training.export_encoder import load_exported
from training.fit import fitted
from training.loop import Loop
from training.pack import Pack
from training.run_folder import Run
from training.stream import Stream
from training.workers import Workers

SETTINGS = ("task.mel=32k", "looping.steps=2", "looping.save_every=1", "looping.validate_every=2")

Train = Callable[..., int]


def in_process(run: Run, *_: object) -> dict[str, Any]:
    """What the workers do, without Ray."""
    packs = [Pack.open(place) for place in run.packs]
    preset = fitted(run.preset, packs[0].payload)
    checkpoints = Checkpoints(run.checkpoints, preset.looping.keep)
    loop = Loop(preset, Stream(packs, conditions=preset.task.conditions), checkpoints, None, Workers(), run.init_from)
    loop.start()
    if loop.step < preset.looping.steps:  # it measures the machine first, which takes seconds
        loop.run()
    return {"step": loop.step}


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packs")
    return {task: tiny_pack(folder / task, task, 8, window_s=0.64, hop_s=2.56) for task in ("vae", "ldm")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture
def store(place: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(LOCATION, "elsewhere")  # and restored afterwards: --weights sets it
    return Store(place / "store")


@pytest.fixture
def train(packs: dict[str, Path], store: Store, monkeypatch: pytest.MonkeyPatch) -> Train:
    """``muze train`` into the store, in this process."""
    monkeypatch.setattr(pipeline.ray_session, "ray_session", lambda *_: nullcontext())
    monkeypatch.setattr(jobs.commands.train, "train", in_process)
    settings = [word for assignment in SETTINGS for word in ("--set", assignment)]

    def run(out: Path, *words: str) -> int:
        vae = ["train", "vae-tiny", "--data", str(packs["vae"]), "--out", str(out), *settings]
        return main([*vae, "--weights", str(store.root), "--json", *words])

    return run


@pytest.fixture
def songs(place: Path, train: Train) -> Path:
    """A run that is trained, and its VAE in the store."""
    run = place / "songs"
    assert run.exists() or train(run) == 0
    return run


def contents(store: Store) -> dict[str, bytes]:
    return {str(path.relative_to(store.root)): path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def test_the_vae_becomes_a_weight_whose_latents_have_unit_variance(
    place: Path, packs: dict[str, Path], store: Store, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(place / "songs") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["encoder"] == "vae-songs"
    assert f"the VAE is weight vae-songs of the store {store.root}" in said.err
    assert verify("vae-songs") == []
    assert {path.name for path in store.root.iterdir()} == {"vae-songs", "weights.lock", ".vae-songs.busy"}
    exported = load_exported(store.folder("vae-songs"))
    pack = Pack.open(str(packs["vae"]))
    assert exported.manifest["window_frames"] == pack.payload.shape[2]
    assert (exported.statistics.mean, exported.statistics.std) == (pack.statistics.mean, pack.statistics.std)
    windows = [batch.payload for _, [batch] in zip(range(pack.windows("train")), train_batches(pack), strict=False)]
    mels = pack.statistics.restored(torch.cat(windows))
    assert len(mels) > 8
    assert float(exported.encode(mels).std(correction=0)) == pytest.approx(1, abs=0.01)


def train_batches(pack: Pack) -> Any:
    return Stream([pack], conditions=()).batches("train", 0, 1, 1)


def test_resuming_what_is_done_leaves_the_weight_alone(songs: Path, store: Store, train: Train) -> None:
    before = contents(store)
    written_s = (store.path("vae-songs") / "encoder.pt2").stat().st_mtime_ns
    assert train(songs, "--resume") == 0
    assert contents(store) == before
    assert (store.path("vae-songs") / "encoder.pt2").stat().st_mtime_ns == written_s


def test_an_earlier_checkpoint_of_the_run_is_replaced_by_the_best(
    songs: Path, store: Store, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(store)
    exported = {name: content for name, content in before.items() if name.startswith("vae-songs/")}

    def quick(_module: object, _task: object, folder: Path, _statistics: object) -> None:
        folder.mkdir()
        for name, content in exported.items():
            (folder / Path(name).name).write_bytes(content)

    monkeypatch.setattr(training.export_encoder, "export_encoder", quick)  # it takes seconds, and was done above
    (store.path("vae-songs") / "encoder.pt2").write_bytes(b"of the first step")
    (store.path("vae-songs") / "left_over.pt2").write_bytes(b"of the first step")
    store.record("vae-songs", f"{Run.read(songs).identity}-step-00000001")
    assert train(songs, "--resume") == 0
    assert contents(store) == before


def test_a_weight_of_another_run_stays_and_nothing_is_trained(
    songs: Path, store: Store, train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(store)
    assert train(tmp_path / "songs") == 2
    assert "has a weight vae-songs of another run already: choose another --encoder-name" in capsys.readouterr().err
    assert train(tmp_path / "more", "--encoder-name", "vae-songs") == 2
    assert not (tmp_path / "songs").exists()
    assert contents(store) == before


def test_what_cannot_be_written_leaves_the_store_as_it_was(
    songs: Path, store: Store, train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(store)

    def full(_module: object, _task: object, folder: Path, _statistics: object) -> None:
        folder.mkdir()
        (folder / "encoder.pt2").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training.export_encoder, "export_encoder", full)
    assert train(songs, "--resume", "--encoder-name", "other") == 1
    assert "the run is trained, but weight vae-other was not written: [Errno 28]" in capsys.readouterr().err
    assert not store.path("vae-other").exists()
    assert contents(store) == before | {".vae-other.busy": b""}


BAD = {
    "a name": (["--encoder-name", "my songs"], "the VAE cannot be named 'my songs'"),
    "a store": (["--weights", "memory://weights"], "the VAE cannot be written to memory://weights"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_said_before_training(
    case: str, train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, sentence = BAD[case]
    assert train(tmp_path / "run", *words) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_other_trainings_have_no_vae_to_name(
    packs: dict[str, Path], train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "ldm-tiny", "--data", str(packs["ldm"]), "--out", str(tmp_path / "run"), "--encoder-name", "x"]
    assert main(words) == 2
    assert "--encoder-name is for trainings of a VAE, not for ldm-tiny" in capsys.readouterr().err


def test_a_run_is_the_same_however_long_it_trains(tmp_path: Path) -> None:
    def identity(*settings: str, folder: Path = tmp_path) -> str:
        return Run(folder, "vae-tiny", settings, ("/pack",)).identity

    assert identity("task.beta=0.5") == identity("task.beta=0.5", "looping.steps=9")
    others = {identity(), identity("task.beta=0.5"), identity("task.beta=0.4"), identity(folder=tmp_path / "other")}
    assert len(others) == 4
