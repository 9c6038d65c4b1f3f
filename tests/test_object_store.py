"""Music, datasets, packs and weights in S3, through the clients that users have."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from featurizers.weights_store import Store, store_at
from harness import (
    STUB_RECIPE,
    assert_same,
    build,
    command,
    committed_doubles,
    dump,
    environment,
    muze,
    write_recipe,
    write_tone,
    write_tones,
)
from jobs.packing.sources import Source
from jobs.packing.write import write_pack
from object_store import BUCKET, ObjectStore
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from pipeline.snapshot import load_snapshot
from pipeline.storage import Storage
from tiny_pack import request_of, tiny_pack
from training.pack import Pack
from training.stream import Stream

NUM_FILES = 12


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore.started(tmp_path_factory.mktemp("s3") / "log") as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.env.items():
            patch.setenv(name, value)
        running.files.mkdir(BUCKET)
        yield running


@pytest.fixture(scope="module")
def music(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_tones(tmp_path_factory.mktemp("music"), NUM_FILES)
    write_tone(folder / "of an artist" / "é #1.wav", 700)
    (folder / "text.mp3").write_text("no music")
    return store.upload(folder, "music")


def test_of_many_that_write_an_object_one_does(store: ObjectStore) -> None:
    storage = Storage.at(store.url("alone"))
    wrote: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: storage.put_if_absent("a/b.bin", bytes([n])) and wrote.append(n))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrote) == 1
    assert storage.read("a/b.bin") == bytes(wrote)
    assert storage.listing("a") == {"a/b.bin": 1}
    assert storage.children() == ["a"]
    store.files.pipe_file(store.url("alone/c/d.bin"), b"by another process")
    assert storage.children() == ["a", "c"], "listings are not kept"
    storage.remove("a/b.bin")
    storage.remove("a/b.bin")
    assert storage.listing("a") == {}
    with pytest.raises(FileNotFoundError):
        storage.read("a/b.bin")


def test_a_file_is_copied_once(store: ObjectStore, tmp_path: Path) -> None:
    storage = Storage.at(store.url("copied"))
    (tmp_path / "stem.flac").write_bytes(b"sound")
    assert storage.put_file_if_absent("stems/1.flac", tmp_path / "stem.flac")
    (tmp_path / "stem.flac").write_bytes(b"noise")
    assert not storage.put_file_if_absent("stems/1.flac", tmp_path / "stem.flac")
    assert storage.read("stems/1.flac") == b"sound"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipe"), STUB_RECIPE % ", sleep_s: 0.3")


@pytest.fixture(scope="module")
def killed(store: ObjectStore, music: str, recipe: Path) -> str:
    """A dataset whose build was killed half way, and then finished."""
    out = store.url("dataset")
    _build_and_kill(music, out, recipe)
    assert 0 < _committed(out) < NUM_FILES + 1, "it was killed half way"
    build(music, out, recipe)
    return out


def test_a_build_that_is_killed_ends_as_an_undisturbed_one(
    killed: str, music: str, recipe: Path, tmp_path: Path
) -> None:
    build(music, tmp_path / "undisturbed", recipe)
    assert_same(dump(killed), dump(tmp_path / "undisturbed"))
    assert set(committed_doubles(open_dataset(killed)).values()) == {0}
    assert build(music, killed, recipe)["new"] == 0


def _build_and_kill(music: str, out: str, recipe: Path) -> None:
    """Kill a build and all its processes when it has committed rows."""
    words = command("build", music, "--out", out, "--recipe", recipe)
    driver = subprocess.Popen(words, env=environment(), start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while driver.poll() is None and time.monotonic() < deadline:
        if _committed(out):
            break
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()


def _committed(out: str) -> int:
    """How many tracks have a row for all to see."""
    try:
        return len(open_dataset(out).table("power", columns=[]))
    except BadArgumentError:
        return 0


def test_it_is_read_by_every_command(killed: str, tmp_path: Path) -> None:
    assert f"{NUM_FILES + 1} tracks" in muze("status", killed).stdout
    assert "text.mp3" in muze("failures", killed).stdout
    sql = "SELECT count(*) AS n FROM features WHERE power > 0.1"
    muze("snapshot", "create", killed, "v1")
    muze("gc", killed)
    for words in [], ["--snapshot", "v1"]:
        assert muze("query", killed, sql, "--format", "csv", *words).stdout == f"n\n{NUM_FILES + 1}\n"
    muze("report", killed, "--out", tmp_path / "report.html")
    assert "text.mp3" in (tmp_path / "report.html").read_text()


def test_a_pack_is_the_same_there_and_streams_the_same(store: ObjectStore, tmp_path: Path) -> None:
    local = Pack.open(str(tiny_pack(tmp_path, "codec-lm")))
    where = store.upload(tmp_path / "dataset", "for packs")
    dataset = open_dataset(where)
    source = Source(where, dataset, load_snapshot(dataset, "all"))
    write_pack([source], request_of("codec-lm"), store.url("pack"), lambda _: None)
    pack = Pack.open(store.url("pack"))
    pack.verify()
    ours, theirs = (islice(Stream([each]).batches("train", 3, 8, 8), 12) for each in (local, pack))
    for [one], [other] in zip(ours, theirs, strict=True):
        assert one.payload.equal(other.payload)
        assert one.track_ids == other.track_ids


def test_weights_are_mirrored_from_there_and_verified(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = Store(tmp_path / "weights")
    local.path("tiny").mkdir(parents=True)
    (local.path("tiny") / "model.bin").write_bytes(b"numbers")
    local.record("tiny", "mine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mirror = store_at(store.upload(tmp_path / "weights", "weights"))
    assert (mirror.folder("tiny") / "model.bin").read_bytes() == b"numbers"
    store.files.pipe_file(store.url("weights/tiny/model.bin"), b"bad")
    (mirror.folder("tiny") / "model.bin").unlink()
    assert mirror.problems("tiny")
