"""``--out`` and its like: files that a command leaves where its user wants them, whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pipeline.errors import BadArgumentError


def require_writable(out: Path, *suffixes: str, option: str = "--out") -> None:
    """Raise BadArgumentError if a file, of one of the suffixes, cannot be written there: ask before the work for it."""
    if suffixes and out.suffix.lower() not in suffixes:
        raise BadArgumentError(f"{option} is {str(out)!r}: expected a name that ends in {' or '.join(suffixes)}")
    with scratch_beside(out, option) as scratch:
        (scratch / out.name).touch()  # the name may be too long


@contextmanager
def scratch_beside(out: Path, option: str = "--out") -> Iterator[Path]:
    """Make a folder, gone afterwards, out of which files can be moved beside ``out`` at once.

    Raises BadArgumentError if no file can be there, and for every OSError within: something could not be written.
    """
    if os.path.isdir(out):  # Path.is_dir raises for a name that is too long
        raise BadArgumentError(f"cannot write {option}: {str(out)!r} is a folder, give the name of a file")
    if _takes_what_comes(out):
        raise BadArgumentError(f"cannot write {option}: {str(out)!r} is a pipe or a device, give the name of a file")
    beside = os.path.dirname(os.path.realpath(out))
    with _in_words(out, option), tempfile.TemporaryDirectory(dir=beside, prefix=".muze-") as folder:
        yield Path(folder)


def move_onto(file: Path, out: Path) -> None:
    """Put a file in the place of the one that is there, or that a link there leads to."""
    os.replace(file, os.path.realpath(out))


def write_whole(out: Path, data: bytes) -> None:
    """Write a file, in place of the one that is there. Raises BadArgumentError if it cannot be written."""
    with scratch_beside(out) as scratch:
        (scratch / out.name).write_bytes(data)
        move_onto(scratch / out.name, out)


@contextmanager
def stream_to(out: Path, binary: bool) -> Iterator[IO[Any]]:
    """Give a stream whose content becomes the file if nothing is raised; a pipe or a device gets it as it comes.

    Raises BadArgumentError if it cannot be written.
    """
    mode: dict[str, Any] = {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": ""}
    if _takes_what_comes(out):
        with _in_words(out, "--out"):
            pipe = open(out, **mode)  # noqa: SIM115 - closed below; that its reader has had enough is no failure
        with pipe:
            yield pipe
        return
    with scratch_beside(out) as scratch:
        with open(scratch / out.name, **mode) as file:
            yield file
        move_onto(scratch / out.name, out)


@contextmanager
def _in_words(out: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadArgumentError(f"cannot write {option} {str(out)!r}: {error.strerror or error}") from error


def _takes_what_comes(out: Path) -> bool:
    return os.path.exists(out) and not os.path.isdir(out) and not os.path.isfile(out)
