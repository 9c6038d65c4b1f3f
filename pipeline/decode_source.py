"""The bytes of one file as the decoders see them: nameless, never raising, and what their header declares."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeVar

T = TypeVar("T")


class Source:
    """A file for libav and libsndfile.

    It has no name, so that no decoder looks at an extension, and a position of its own, so that several can read the
    same file. It never raises inside their C callbacks, which would print a traceback: a read that fails looks like
    the end of the file, and the error is kept in ``failures``.
    """

    def __init__(self, file: BinaryIO, failures: list[OSError] | None = None) -> None:
        self.failures = [] if failures is None else failures
        self._file = file
        self._position = 0
        self.num_bytes = self._attempt(lambda: file.seek(0, os.SEEK_END), 0)

    def again(self) -> "Source":
        """Return another reader of the same file, at its start."""
        return Source(self._file, self.failures)

    def read(self, num_bytes: int = -1) -> bytes:
        if self._position >= self.num_bytes:
            return b""
        data = self._attempt(lambda: self._read(num_bytes), b"")
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.num_bytes}[whence]
        self._position = max(0, start + offset)  # a damaged header may send a decoder before the start
        return self._position

    def tell(self) -> int:
        return self._position

    def head(self, num_bytes: int) -> bytes:
        """Return the first bytes; the position stays."""
        return self.again().read(num_bytes)

    def _read(self, num_bytes: int) -> bytes:
        self._file.seek(self._position)
        return self._file.read(num_bytes)

    def _attempt(self, action: Callable[[], T], otherwise: T) -> T:
        try:
            return action()
        except OSError as error:
            self.failures.append(error)
            return otherwise


@dataclass(frozen=True)
class _Chunks:
    """How a chunked format writes its chunks: an id, a size, and then the chunk's bytes."""

    header_bytes: int
    id_bytes: int
    size_bytes: int
    alignment_bytes: int
    data_id: bytes
    size_includes_header: bool = False
    byteorder: Literal["little", "big"] = "little"


_CHUNKS = {
    b"RIFF": _Chunks(12, 4, 4, 2, b"data"),
    b"RIFX": _Chunks(12, 4, 4, 2, b"data", byteorder="big"),
    b"riff": _Chunks(40, 16, 8, 8, b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", True),
    b"caff": _Chunks(8, 4, 8, 1, b"data", byteorder="big"),
}
"""WAV, big-endian WAV, Sony Wave64 and Core Audio, by the first four bytes of the file."""

_MAX_CHUNKS = 1000


def missing_share(source: Source) -> float:
    """Return which share of the sample data declared by a WAV, W64 or CAF header lies past the end of the file, 0-1.

    Decoders shorten such a file in silence. 0 if nothing is missing, the length is left open, or the format another.
    """
    chunks = _CHUNKS.get(source.head(4))
    declared = _data_chunk(source.again(), chunks) if chunks else None
    if declared is None:
        return 0.0
    start, num_bytes = declared
    return max(0.0, start + num_bytes - source.num_bytes) / num_bytes


def _data_chunk(source: Source, chunks: _Chunks) -> tuple[int, int] | None:
    """Return where the sample data starts and how many bytes the header says it has; None if it leaves that open."""
    position = chunks.header_bytes
    unknown = (0, 256**chunks.size_bytes - 1)
    for _ in range(_MAX_CHUNKS):
        source.seek(position)
        header = source.read(chunks.id_bytes + chunks.size_bytes)
        if len(header) < chunks.id_bytes + chunks.size_bytes:
            return None
        size = int.from_bytes(header[chunks.id_bytes :], chunks.byteorder)
        if header.startswith(chunks.data_id) and size in unknown:
            return None
        body = size - len(header) if chunks.size_includes_header else size
        if header.startswith(chunks.data_id):
            return (position + len(header), body) if body > 0 else None
        position += len(header) + max(0, body)
        position += -position % chunks.alignment_bytes
    return None


_AUDIO_HEADS = {
    "aiff": (0, b"FORM"),
    "asf": (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    "flac": (0, b"fLaC"),
    "matroska": (0, b"\x1a\x45\xdf\xa3"),
    "mov": (4, b"ftyp"),
    "ogg": (0, b"OggS"),
    "wav": (8, b"WAVE"),
}


def looks_like(source: Source) -> str | None:
    """Return the audio container that the first bytes promise, or None."""
    head = source.head(16)
    found = (name for name, (offset, magic) in _AUDIO_HEADS.items() if head[offset:].startswith(magic))
    return next(found, None)
