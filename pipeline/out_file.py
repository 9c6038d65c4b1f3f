"""``--out``: files that a command leaves where its user wants them, whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import BadArgumentError


def require_writable(out: Path, *suffixes: str) -> None:
    """Raise BadArgumentError if a file, of one of the suffixes, cannot be written there: ask before the work for it."""
    if suffixes and out.suffix.lower() not in suffixes:
        raise BadArgumentError(f"--out is {str(out)!r}: expected a name that ends in {' or '.join(suffixes)}")
    if os.path.isdir(out):  # Path.is_dir raises for a name that is too long
        raise BadArgumentError(f"cannot write --out: {str(out)!r} is a folder, give the name of a file")
    with scratch_beside(out) as scratch:
        (scratch / out.name).touch()  # the name may be too long


@contextmanager
def scratch_beside(out: Path) -> Iterator[Path]:
    """Make a folder, gone afterwards, out of which files can be moved beside ``out`` at once.

    Raises BadArgumentError for every OSError within: something could not be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".muze-") as folder:
            yield Path(folder)
    except OSError as error:
        raise BadArgumentError(f"cannot write --out {str(out)!r}: {error.strerror or error}") from error


def write_whole(out: Path, data: bytes) -> None:
    """Write a file, in place of the one that is there. Raises BadArgumentError if it cannot be written."""
    with scratch_beside(out) as scratch:
        (scratch / out.name).write_bytes(data)
        os.replace(scratch / out.name, out)
