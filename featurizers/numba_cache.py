"""Where numba keeps what it has compiled: a folder for every process that is at work on a machine.

Its own cache lies beside the functions' source, one for all, and takes no care of several that write: two processes
that compile a function of librosa for different types at once give both results the same name. Whoever reads one for
the other ends by a segmentation fault, and so does every process after it.
"""

import fcntl
import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featurizers.user_cache import user_cache

LOCATION = "NUMBA_CACHE_DIR"


def claim_numba_cache() -> None:
    """Point numba, which must not be imported yet, to a folder that is this process's own until it ends.

    The next process finds there what this one has compiled. A folder that the user names in NUMBA_CACHE_DIR is left
    alone; where no folder can be made, numba does as it likes.
    """
    if os.environ.get(LOCATION):
        return
    folder = user_cache() / "numba" / socket.gethostname()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = next(number for number in itertools.count() if _locked(folder / f"{number}.lock"))
    except OSError:
        return
    os.environ[LOCATION] = str(folder / str(free))


def _locked(path: Path) -> bool:
    """Whether this process got the lock, which it has until it ends: the descriptor is left open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True


@contextmanager
def kept_numba_cache() -> Iterator[None]:
    """Undo what an import within does to the variable."""
    import numba  # noqa: F401 - it reads the variable now, not among what is imported within

    kept = os.environ.get(LOCATION)
    try:
        yield
    finally:
        os.environ.pop(LOCATION, None)
        if kept is not None:
            os.environ[LOCATION] = kept
