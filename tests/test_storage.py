"""Objects on a local disk: whole, on the disk before they have a name, and readable by others."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.storage import Storage


def test_an_object_is_written_once_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    storage = Storage.at(str(tmp_path))
    assert storage.put_if_absent("a/b", b"one")
    assert not storage.put_if_absent("a/b", b"other")
    (tmp_path / "file").write_bytes(b"12345")
    assert storage.put_file_if_absent("a/c", tmp_path / "file")
    assert not storage.put_file_if_absent("a/b", tmp_path / "file")
    for value in ("longer", 1):
        storage.write_json("a/d.json", value)
    assert storage.listing("a") == {"a/b": 3, "a/c": 5, "a/d.json": 1}
    assert storage.read("a/b") == b"one"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "a").iterdir()} == {0o644}


def test_an_object_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, link = os.fsync, os.link

    def synced(descriptor: int) -> None:
        order.append(f"fsync of {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def linked(*args: Any) -> None:
        order.append("link")
        link(*args)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    Storage.at(str(tmp_path)).put_if_absent("a/b", b"one")
    assert order == ["fsync of 3 bytes", "link"]
