"""The weights store: pulls from a hub on loopback that cut, resume and lie; the lock; bundles; mirrors."""

import http.server
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from featurizers import weights
from featurizers.weight import Hub, Weight, WeightFile
from featurizers.weights import model_id, revision, verify
from featurizers.weights_store import LOCATION, Store, WeightsError, file_facts, store_at
from pipeline.pull import pull, read_bundle, write_bundle

CONTENT = {"config.json": b"{}", "model.bin": bytes(range(256)) * 8192}


def quiet(file: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


def tiny(sha256: str | None = None, name: str = "tiny") -> Weight:
    return Weight(
        name=name,
        origin=Hub("someone/tiny", "c0ffee"),
        files=(WeightFile("config.json", None, None), WeightFile("model.bin", len(CONTENT["model.bin"]), sha256)),
        fragments=("lyrics",),
        source="https://example.org",
        licence="MIT",
        commercial_use=True,
        licence_note="Made up.",
    )


class HubHandler(http.server.BaseHTTPRequestHandler):
    """Serves ``CONTENT`` with ranges; drops the line after ``cut_after`` bytes when told to."""

    cut_after: ClassVar[int | None] = None
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Range"]))
        content = CONTENT.get(self.path.removeprefix("/someone/tiny/resolve/c0ffee/"))
        if content is None:
            self.send_error(404)
            return
        start = int((self.headers["Range"] or "bytes=0-")[6:-1])
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : self.cut_after])

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[HubHandler]]:
    """A hub on loopback; its handler's class, to be told what to do and asked what it was asked."""
    handler = type("Handler", (HubHandler,), {"asked": [], "cut_after": None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setitem(weights.WEIGHTS, "tiny", tiny())
    monkeypatch.setenv(LOCATION, str(tmp_path / "store"))
    return Store(tmp_path / "store")


def test_a_pull_brings_files_and_records_them(store: Store, hub: type[HubHandler]) -> None:
    reports: list[tuple[str, int, int | None]] = []
    pull(store, tiny(), lambda *report: reports.append(report))
    assert {p.name: p.read_bytes() for p in store.folder("tiny").iterdir()} == CONTENT
    assert store.locked()["tiny"]["revision"] == "c0ffee"
    size = len(CONTENT["model.bin"])
    assert reports[-1] == ("model.bin", size, size)
    assert verify("tiny") == []
    assert model_id("tiny") == f"tiny@{revision('tiny')}"


def test_a_second_pull_asks_for_nothing(store: Store, hub: type[HubHandler]) -> None:
    pull(store, tiny(), quiet)
    num_asked = len(hub.asked)
    pull(store, tiny(), quiet)
    assert len(hub.asked) == num_asked


def test_a_pull_that_was_cut_goes_on_where_it_ended(store: Store, hub: type[HubHandler]) -> None:
    hub.cut_after = 1_200_000
    with pytest.raises(WeightsError, match=r"model.bin could not be fetched"):
        pull(store, tiny(), quiet)
    assert "tiny" not in store.locked()
    assert not (store.path("tiny") / "model.bin").exists()
    part_bytes = (store.path("tiny") / "model.bin.part").stat().st_size
    assert 0 < part_bytes <= 1_200_000
    hub.cut_after = None
    pull(store, tiny(), quiet)
    assert hub.asked[-1] == ("/someone/tiny/resolve/c0ffee/model.bin", f"bytes={part_bytes}-")
    assert (store.folder("tiny") / "model.bin").read_bytes() == CONTENT["model.bin"]


def test_a_part_that_is_whole_already_is_taken(store: Store, hub: type[HubHandler]) -> None:
    part = store.path("tiny") / "model.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT["model.bin"])
    pull(store, tiny(), quiet)
    assert (store.folder("tiny") / "model.bin").read_bytes() == CONTENT["model.bin"]


def test_content_that_differs_from_the_pinned_checksum_is_refused(store: Store, hub: type[HubHandler]) -> None:
    with pytest.raises(WeightsError, match=r"model.bin has sha256 .* instead of 000"):
        pull(store, tiny("0" * 64), quiet)
    assert not list(store.path("tiny").glob("model.bin*"))


def test_what_the_first_pull_recorded_is_enforced(
    store: Store, hub: type[HubHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(store, tiny(), quiet)
    (store.path("tiny") / "config.json").unlink()
    monkeypatch.setitem(CONTENT, "config.json", b"{ }")
    with pytest.raises(WeightsError, match=r"config.json has"):
        pull(store, tiny(), quiet)


def test_a_flipped_byte_is_caught_before_anything_is_loaded(store: Store, hub: type[HubHandler]) -> None:
    pull(store, tiny(), quiet)
    file = store.path("tiny") / "model.bin"
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    assert "model.bin has checksum" in verify("tiny")[0]
    with pytest.raises(WeightsError, match=r"muze models verify"):
        store.folder("tiny")


def test_an_unreachable_hub_is_one_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"tiny: config.json could not be fetched: the hub could not be reached"):
        pull(store, tiny(), quiet)


def test_a_weight_that_was_never_pulled_names_the_command(store: Store) -> None:
    with pytest.raises(WeightsError, match=r"muze models pull tiny"):
        revision("tiny")
    assert "muze models pull tiny" in verify("tiny")[0]


def test_the_revision_follows_the_bytes_in_the_store(store: Store) -> None:
    store.path("tiny").mkdir(parents=True)
    (store.path("tiny") / "model.bin").write_bytes(b"one")
    store.record("tiny", "mine")
    first = revision("tiny")
    (store.path("tiny") / "model.bin").write_bytes(b"two")
    store.record("tiny", "mine")
    assert revision("tiny") != first


def test_a_bundle_carries_weights_to_a_machine_without_network(
    store: Store, hub: type[HubHandler], tmp_path: Path
) -> None:
    pull(store, tiny(), quiet)
    write_bundle(store, ["tiny"], tmp_path / "bundle.tar")
    other = Store(tmp_path / "other")
    assert read_bundle(other, tmp_path / "bundle.tar") == ["tiny"]
    assert other.locked() == store.locked()
    assert other.problems("tiny") == []


def test_a_bundle_that_differs_from_the_lock_is_refused(store: Store, tmp_path: Path) -> None:
    for root, content in ((store, b"one"), (Store(tmp_path / "other"), b"two")):
        root.path("tiny").mkdir(parents=True)
        (root.path("tiny") / "model.bin").write_bytes(content)
        root.record("tiny", "mine")
    write_bundle(store, ["tiny"], tmp_path / "bundle.tar")
    with pytest.raises(WeightsError, match=r"differs from what the lock"):
        read_bundle(Store(tmp_path / "other"), tmp_path / "bundle.tar")
    (tmp_path / "text.tar").write_text("hello")
    with pytest.raises(WeightsError, match=r"no bundle of weights"):
        read_bundle(store, tmp_path / "text.tar")


def test_a_bundle_holds_what_links_lead_to(store: Store, tmp_path: Path) -> None:
    """Disks are spared by hard links, caches of hubs by symbolic ones."""
    folder = store.path("tiny")
    folder.mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(b"weights")
    (folder / "a.bin").symlink_to(tmp_path / "elsewhere")
    (folder / "b.bin").write_bytes(b"the same")
    (folder / "c.bin").hardlink_to(folder / "b.bin")
    store.record("tiny", "mine")
    write_bundle(store, ["tiny"], tmp_path / "bundle.tar")
    other = Store(tmp_path / "other")
    read_bundle(other, tmp_path / "bundle.tar")
    assert {path.name: path.read_bytes() for path in other.path("tiny").iterdir() if path.suffix == ".bin"} == {
        "a.bin": b"weights",
        "b.bin": b"the same",
        "c.bin": b"the same",
    }
    assert not any(path.is_symlink() for path in other.path("tiny").iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil.bin", tarfile.REGTYPE),
        ("{folder}/evil.bin", tarfile.REGTYPE),
        ("tiny/evil.bin", tarfile.SYMTYPE),
        ("tiny/evil.bin", tarfile.LNKTYPE),
        ("tiny/evil.bin", tarfile.FIFOTYPE),
    ],
)
def test_a_bundle_with_what_is_no_file_within_it_is_refused(
    store: Store, tmp_path: Path, name: str, kind: bytes
) -> None:
    member = tarfile.TarInfo(name.format(folder=tmp_path))
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "bundle.tar", "w") as tar:
        tar.addfile(member)
    with pytest.raises(WeightsError, match=r"is no bundle of weights: '.*evil\.bin' is no file within it"):
        read_bundle(store, tmp_path / "bundle.tar")
    assert not list(tmp_path.rglob("evil.bin"))


def test_a_store_behind_a_url_is_mirrored_and_verified(
    store: Store, hub: type[HubHandler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(store, tiny(), quiet)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mirror = store_at(f"file://{store.root}")
    assert mirror.root != store.root
    folder = mirror.folder("tiny")
    assert file_facts(folder / "model.bin") == store.locked()["tiny"]["files"]["model.bin"]
    (folder / "model.bin").write_bytes(b"")
    assert mirror.problems("tiny")


def test_a_mirror_follows_a_training_that_went_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store.path("vae-songs").mkdir(parents=True)
    for content in (b"of step 1", b"of step 2"):
        (store.path("vae-songs") / "encoder.pt2").write_bytes(content)
        store.record("vae-songs", "run")
        store_at.cache_clear()  # as another process
        assert (store_at(f"file://{store.root}").folder("vae-songs") / "encoder.pt2").read_bytes() == content
