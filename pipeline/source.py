"""Reading a file's bytes once: the hash that names the track, and the bytes that are decoded, are the same."""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from pipeline.discover import SourceFile, local_file, remote_file
from pipeline.reasons import Reason, Refused
from pipeline.uris import is_local, path_of_uri

_IN_MEMORY_BYTES = 128 * 2**20
_CHUNK_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Content:
    """A file's bytes, as they were when hashed."""

    file: BinaryIO
    track_id: str
    seen: SourceFile


@contextmanager
def open_content(uri: str) -> Iterator[Content]:
    """Open a file, hash it, and hand it on for decoding.

    Small files are read into memory, so that nothing can change between hash and decode; large ones are checked
    for changes afterwards. Raises Refused: vanished, unreadable, empty, changed.
    """
    try:
        with _open_local(path_of_uri(uri)) if is_local(uri) else _open_remote(uri) as content:
            yield content
    except FileNotFoundError as error:
        raise Refused(Reason.VANISHED, "the file was not there when it was to be read") from error
    except OSError as error:
        raise Refused(Reason.UNREADABLE, f"the file could not be read: {error.strerror or error}") from error


@contextmanager
def _open_local(path: str) -> Iterator[Content]:
    with open(path, "rb") as file:
        before = os.fstat(file.fileno())
        small = before.st_size <= _IN_MEMORY_BYTES
        readable: BinaryIO = io.BytesIO(file.read()) if small else file
        yield Content(readable, _track_id(readable), local_file(path, before))
        after = os.fstat(file.fileno())
        if not small and (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Refused(Reason.CHANGED, "the file was rewritten while it was read")


@contextmanager
def _open_remote(uri: str) -> Iterator[Content]:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(uri)
    seen = remote_file(uri, filesystem.info(path))
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        with filesystem.open(path, "rb") as remote:
            while chunk := remote.read(_CHUNK_BYTES):
                file.write(chunk)
        binary = cast(BinaryIO, file)
        yield Content(binary, _track_id(binary), seen)


def _track_id(file: BinaryIO) -> str:
    """Hash a file's bytes and rewind it. The id is the SHA-256 in hex, cut to 32 characters."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()[:32]
