"""The store of pulled weights: a folder a weight, and ``weights.lock`` beside them, which says what was pulled.

The lock records the revision and the checksum of every file at the first pull. From then on a file that differs is
refused, on every machine that shares the store: nothing is loaded from a file that was not verified first.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from featurizers.trained_weights import PREFIX, remedy
from featurizers.user_cache import user_cache

LOCATION = "MUZE_WEIGHTS"
"""Environment variable that names the store: a folder, or an fsspec URL that is mirrored to a folder."""
LOCK = "weights.lock"


class WeightsError(Exception):
    """A weight is missing from the store or differs from what the lock says."""


@dataclass(frozen=True)
class Store:
    """A folder of weights."""

    root: Path

    def locked(self) -> dict[str, dict[str, Any]]:
        """Weight -> ``{"revision", "files": {path: {"size_bytes", "sha256"}}}``, as recorded at its first pull."""
        try:
            found: dict[str, dict[str, Any]] = json.loads((self.root / LOCK).read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"{LOCK} is no JSON: {error}"
            raise WeightsError(f"the weights store {self.root} cannot be read: {reason}") from error
        return found

    def path(self, name: str) -> Path:
        """Where the files of a weight are, or would be."""
        return self.root / name

    def folder(self, name: str) -> Path:
        """Return the folder of a weight after verifying every file in it. WeightsError if anything is wrong."""
        problems = self.problems(name)
        if problems:
            raise WeightsError(f"weight {name}: {problems[0]}; see 'muze models verify'")
        return self.path(name)

    def problems(self, name: str) -> list[str]:
        """What is wrong with a weight, one sentence each; empty if nothing is."""
        entry = self.locked().get(name)
        if entry is None:
            return [f"it is not in the store {self.root}: {remedy(name)}"]
        found = (file_problem(self.path(name) / path, path, facts) for path, facts in entry["files"].items())
        return [problem for problem in found if problem]

    def record(self, name: str, revision: str, paths: Mapping[str, Path] | None = None) -> None:
        """Write a weight's revision and the checksums of its files to the lock.

        ``paths`` maps the names of its files to where they are; by default every file in the weight's folder.
        """
        folder = self.path(name)
        files = paths or {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
        entry = {"revision": revision, "files": {path: file_facts(file) for path, file in files.items()}}
        self._write_lock({**self.locked(), name: entry})

    def _write_lock(self, locked: Mapping[str, Any]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.root, prefix=".lock-")
        with os.fdopen(descriptor, "w") as file:
            json.dump(locked, file, indent=1, sort_keys=True)
        os.chmod(temporary, 0o644)
        os.replace(temporary, self.root / LOCK)


@dataclass(frozen=True)
class Mirror(Store):
    """A store behind an fsspec URL; the folder ``root`` keeps copies of the lock and of the weights that are used."""

    url: str

    def locked(self) -> dict[str, dict[str, Any]]:
        return self._lock

    @cached_property
    def _lock(self) -> dict[str, dict[str, Any]]:
        self._fetch(LOCK)  # once a process: every row asks for the revisions in it
        return super().locked()

    def problems(self, name: str) -> list[str]:
        entry = self.locked().get(name) or {"files": {}}
        for path, facts in entry["files"].items():
            copy = self.path(name) / path
            outdated = name.startswith(PREFIX) and file_problem(copy, path, facts)  # its training went on
            if outdated or not copy.exists():
                self._fetch(f"{name}/{path}")
        return super().problems(name)

    def _fetch(self, path: str) -> None:
        """Copy a file of the store whole or not at all; one that is not there stays missing."""
        import fsspec

        filesystem, root = fsspec.core.url_to_fs(self.url)
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root) as folder, contextlib.suppress(FileNotFoundError):
            copy = Path(folder) / "file"
            filesystem.get_file(f"{root.rstrip('/')}/{path}", str(copy))
            os.replace(copy, target)


def file_facts(path: Path) -> dict[str, Any]:
    """Return ``{"size_bytes", "sha256"}`` of a file."""
    with path.open("rb") as stream:
        return {"size_bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def file_problem(path: Path, name: str, facts: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a file of which size and checksum are known, or None."""
    if not path.is_file():
        return f"{name} is missing"
    if path.stat().st_size != facts["size_bytes"]:
        return f"{name} has {path.stat().st_size} bytes instead of {facts['size_bytes']}"
    sha256 = file_facts(path)["sha256"]
    return None if sha256 == facts["sha256"] else f"{name} has checksum {sha256} instead of {facts['sha256']}"


def default_root() -> Path:
    """The store of a user who named none: in the cache folder."""
    return user_cache() / "weights"


def store_location() -> str:
    """Where the store of this process is, as another process can be told."""
    return os.environ.get(LOCATION) or str(default_root())


def store() -> Store:
    """The store of this process: what the environment names, else the user's own."""
    return store_at(store_location())


@cache
def store_at(location: str) -> Store:
    """The store at a folder or an fsspec URL."""
    if "://" not in location:
        return Store(Path(location).absolute())
    mirror = hashlib.sha256(location.encode()).hexdigest()[:16]
    return Mirror(user_cache() / "mirrors" / mirror, location.rstrip("/"))


def weight_folder(name: str) -> Path:
    """Return the verified folder of a pulled weight in the store of this process. WeightsError if there is none."""
    return store().folder(name)
