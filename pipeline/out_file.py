"""``--out``: files that a command leaves where its user wants them, whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import BadArgumentError


def require_file_name(out: Path, *suffixes: str) -> None:
    """Raise BadArgumentError if this is a folder, or ends in none of the suffixes that are expected."""
    if suffixes and out.suffix.lower() not in suffixes:
        raise BadArgumentError(f"--out is {str(out)!r}: expected a name that ends in {' or '.join(suffixes)}")
    if os.path.isdir(out):  # Path.is_dir raises for a name that is too long
        raise BadArgumentError(f"cannot write --out: {str(out)!r} is a folder, give the name of a file")


def require_writable(out: Path) -> None:
    """Raise BadArgumentError if a file cannot be written there, before any work is done for it."""
    require_file_name(out)
    with scratch_beside(out) as scratch, _in_words(out):
        (scratch / out.name).touch()  # the name may be too long


@contextmanager
def scratch_beside(out: Path) -> Iterator[Path]:
    """Make a folder, gone afterwards, out of which files can be moved beside ``out`` at once.

    Raises BadArgumentError if it cannot be made.
    """
    with _in_words(out):
        scratch = tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".muze-")
    with scratch as folder:
        yield Path(folder)


def write_whole(out: Path, data: bytes) -> None:
    """Write a file, in place of the one that is there. Raises BadArgumentError if it cannot be written."""
    with scratch_beside(out) as scratch, _in_words(out):
        (scratch / out.name).write_bytes(data)
        os.replace(scratch / out.name, out)


@contextmanager
def _in_words(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadArgumentError(f"cannot write --out {str(out)!r}: {error.strerror or error}") from error
