"""Getting weights: downloads that resume, checked against what is pinned, then recorded in the store's lock."""

import io
import json
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests
from filelock import FileLock

from featurizers.weight import Hub, Package, Trained, Weight, WeightFile
from featurizers.weights_store import LOCK, Store, WeightsError, file_facts, file_problem
from pipeline.errors import BadArgumentError
from pipeline.out_file import move_onto, scratch_beside
from pipeline.printable import in_a_line

_CHUNK_BYTES = 2**20
_TIMEOUT_S = (10.0, 60.0)  # to connect, and between two chunks
_HUB = "https://huggingface.co"

Report = Callable[[str, int, int | None], None]
"""Told (file, bytes so far, bytes in all if known) while a download runs."""


def pull(store: Store, weight: Weight, report: Report) -> None:
    """Bring a weight into the store, unless it is there and whole. A download that was cut goes on where it ended.

    Raises WeightsError if it cannot be had, or differs from what is pinned or was recorded at the first pull.
    """
    if isinstance(weight.origin, Package):
        return
    if isinstance(weight.origin, Trained):
        if problems := store.problems(weight.name):
            raise WeightsError(f"weight {weight.name} is nowhere to be pulled from: {problems[0]}")
        return
    try:
        _pull_into(store, weight, weight.origin.revision, report)
    except OSError as error:
        raise _unwritable(store, error) from error


def _unwritable(store: Store, error: OSError) -> WeightsError:
    return WeightsError(f"the weights store {store.root} cannot be written: {error.strerror or error}")


def _pull_into(store: Store, weight: Weight, revision: str, report: Report) -> None:
    store.root.mkdir(parents=True, exist_ok=True)
    with FileLock(store.root / f".{weight.name}.busy"):
        if not store.problems(weight.name):
            return
        recorded = store.locked().get(weight.name, {"files": {}})["files"]
        for file in weight.files:
            _pull_file(store.path(weight.name), weight, file, recorded.get(file.path), report)
        if not recorded:
            store.record(weight.name, revision)


def _pull_file(folder: Path, weight: Weight, file: WeightFile, recorded: dict[str, Any] | None, report: Report) -> None:
    target = folder / file.path
    expected = recorded or {"size_bytes": file.size_bytes, "sha256": file.sha256}
    if recorded and not file_problem(target, file.path, recorded):
        return
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        _download(address(weight, file), part, lambda done: report(file.path, done, expected["size_bytes"]))
    except (requests.RequestException, OSError) as error:
        raise WeightsError(f"weight {weight.name}: {file.path} could not be fetched: {_reason(error)}") from error
    found = file_facts(part)
    for fact, value in expected.items():
        if value is not None and found[fact] != value:
            part.unlink()  # to go on from bytes that are wrong would never end well
            raise WeightsError(f"weight {weight.name}: {file.path} has {fact} {found[fact]} instead of {value}")
    os.replace(part, target)


def address(weight: Weight, file: WeightFile) -> str:
    """Where a file is fetched from. HF_ENDPOINT names a mirror of the hub, as its own client has it."""
    if isinstance(weight.origin, Hub):
        hub = os.environ.get("HF_ENDPOINT", _HUB).rstrip("/")
        return f"{hub}/{weight.origin.repository}/resolve/{weight.origin.revision}/{file.path}"
    assert not isinstance(weight.origin, Package | Trained)
    return f"{weight.origin.address.rstrip('/')}/{file.path}"


def _download(url: str, part: Path, report: Callable[[int], None]) -> None:
    """Append what is missing of a file. A server that knows no ranges sends it from the start."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # it was whole already
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        with part.open("ab" if resumed else "wb") as file:
            for chunk in answer.iter_content(_CHUNK_BYTES):
                file.write(chunk)
                report(file.tell())


def _reason(error: Exception) -> str:
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return "the hub could not be reached"
    return in_a_line(error)


def write_bundle(store: Store, names: Sequence[str], bundle: Path) -> None:
    """Write weights and their lock entries to one tar file, for a machine without network. WeightsError if damaged.

    Raises BadArgumentError if the file cannot be written.
    """
    with scratch_beside(bundle, "--bundle") as scratch:
        _pack(store, names, scratch / bundle.name)
        move_onto(scratch / bundle.name, bundle)


def _pack(store: Store, names: Sequence[str], bundle: Path) -> None:
    locked = store.locked()
    with tarfile.open(bundle, "w", dereference=True) as tar:  # links would lead to files of this machine
        for name in names:
            folder = store.folder(name)
            for path in locked[name]["files"]:
                tar.add(folder / path, f"{name}/{path}", recursive=False)
        lock = json.dumps({name: locked[name] for name in names}, indent=1, sort_keys=True).encode()
        member = tarfile.TarInfo(LOCK)
        member.size = len(lock)
        tar.addfile(member, io.BytesIO(lock))


def read_bundle(store: Store, bundle: Path) -> list[str]:
    """Take the weights of a bundle into the store; return their names. WeightsError if it is damaged or differs.

    Raises BadArgumentError if there is no such file.
    """
    if not bundle.is_file():
        raise BadArgumentError(f"cannot read --from {str(bundle)!r}: there is no such file")
    try:
        return _take(store, bundle)
    except OSError as error:
        raise _unwritable(store, error) from error


def _take(store: Store, bundle: Path) -> list[str]:
    import tempfile

    store.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".bundle-") as unpacked:
        try:
            _unpack(bundle, Path(unpacked))
        except (OSError, tarfile.TarError) as error:
            raise WeightsError(f"{bundle} is no bundle of weights: {in_a_line(error)}") from error
        theirs = Store(Path(unpacked))
        names = [name for name in theirs.locked() if theirs.path(name).is_dir()]
        for name in names:
            _adopt(store, theirs, name)
    return names


def _unpack(bundle: Path, folder: Path) -> None:
    """Files alone, and none outside of the folder: what tarfile's own filter sees to, which Python 3.11.4 brought."""
    with tarfile.open(bundle) as tar:
        for member in tar:
            if not (member.isreg() and (folder / member.name).resolve().is_relative_to(folder.resolve())):
                raise tarfile.TarError(f"{member.name!r} is no file within it")
            tar.extract(member, folder, set_attrs=False)


def _adopt(store: Store, theirs: Store, name: str) -> None:
    entry, known = theirs.locked()[name], store.locked().get(name)
    if known is not None and known["files"] != entry["files"]:
        raise WeightsError(f"weight {name} of the bundle differs from what the lock of {store.root} recorded")
    source = theirs.folder(name)
    for path in entry["files"]:
        target = store.path(name) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source / path, target)
    if known is None:
        store.record(name, entry["revision"], {path: store.path(name) / path for path in entry["files"]})
