"""Bytes of a dataset, on a local disk or behind any fsspec URL."""

import contextlib
import io
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.uris import is_local, path_of_uri


@dataclass(frozen=True)
class Storage:
    """A folder or object-store prefix. ``root`` is an absolute path or a URL, without a trailing slash."""

    root: str

    @classmethod
    def at(cls, location: str) -> "Storage":
        if is_local(location):
            return cls(os.path.abspath(path_of_uri(location)))
        return cls(location.rstrip("/"))

    @property
    def local(self) -> bool:
        return is_local(self.root)

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    @cached_property
    def _filesystem(self) -> Any:
        import fsspec

        # Listings that are kept do not know what other processes have written since.
        return fsspec.core.url_to_fs(self.root, use_listings_cache=False)[0]

    def put_if_absent(self, path: str, data: bytes) -> bool:
        """Write an object whole or not at all, unless it exists; return whether it was written."""
        if self.local:
            return self._link_if_absent(self.uri(path), io.BytesIO(data))
        try:
            self._filesystem.pipe_file(self.uri(path), data, mode="create")
        except FileExistsError:
            return False
        return True

    def put_file_if_absent(self, path: str, file: Path) -> bool:
        """Copy a local file in as an object, whole or not at all, unless it exists; return whether it was copied."""
        if self.local:
            with file.open("rb") as stream:
                return self._link_if_absent(self.uri(path), stream)
        if self._filesystem.exists(self.uri(path)):
            return False
        self._filesystem.put_file(str(file), self.uri(path))
        return True

    @staticmethod
    def _link_if_absent(target: str, data: BinaryIO) -> bool:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(target), prefix=".", suffix=".part") as temporary:
            shutil.copyfileobj(data, temporary)
            temporary.flush()
            os.fsync(temporary.fileno())
            try:
                os.link(temporary.name, target)
            except FileExistsError:
                return False
        os.chmod(target, 0o644)
        return True

    def write_json(self, path: str, value: Any) -> None:
        """Replace a small JSON object; a reader sees the old or the new one, never half of it."""
        data = json.dumps(value, indent=1).encode()
        if not self.local:
            self._filesystem.pipe_file(self.uri(path), data)
            return
        target = self.uri(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".", suffix=".part")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)

    def read(self, path: str) -> bytes:
        """Return an object's bytes. FileNotFoundError if there is none."""
        if self.local:
            with open(self.uri(path), "rb") as file:
                return file.read()
        return bytes(self._filesystem.cat_file(self.uri(path)))

    def listing(self, path: str) -> dict[str, int]:
        """Return path -> bytes of everything below ``path``, as paths relative to the root."""
        if self.local:
            return self._list_local(path)
        try:
            found = self._filesystem.find(self.uri(path), detail=True)
        except FileNotFoundError:
            return {}
        prefix = self._filesystem._strip_protocol(self.root).rstrip("/") + "/"
        return {name.removeprefix(prefix): entry["size"] for name, entry in found.items()}

    def _list_local(self, path: str) -> dict[str, int]:
        sizes = {}
        for folder, _, names in os.walk(self.uri(path)):
            for name in names:
                full = os.path.join(folder, name)
                with contextlib.suppress(FileNotFoundError):  # another process may remove it meanwhile
                    sizes[os.path.relpath(full, self.root)] = os.stat(full).st_size
        return sizes

    def children(self) -> list[str]:
        """Names directly below the root; empty if there is no such folder."""
        if self.local:
            return sorted(os.listdir(self.root)) if os.path.isdir(self.root) else []
        try:
            entries = self._filesystem.ls(self.root, detail=False)
        except FileNotFoundError:
            return []
        return sorted(entry.rstrip("/").rsplit("/", 1)[-1] for entry in entries)

    def remove(self, path: str) -> None:
        """Remove an object; nothing happens if it is gone already."""
        with contextlib.suppress(FileNotFoundError):
            if self.local:
                os.unlink(self.uri(path))
            else:
                self._filesystem.rm_file(self.uri(path))
