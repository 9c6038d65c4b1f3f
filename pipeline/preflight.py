"""What is checked of the place where a dataset is to be, before any work."""

import os
import shutil

from pipeline.dataset import Dataset
from pipeline.errors import BadArgumentError
from pipeline.plan import Plan
from pipeline.printable import in_a_line


def check_room(dataset: Dataset, plan: Plan) -> None:
    """Refuse to start what cannot end: audio objects that the disk has no room for."""
    if dataset.storage.local and plan.object_bytes:
        free_bytes = shutil.disk_usage(_existing_folder(dataset.storage.root)).free
        if plan.object_bytes > free_bytes:
            needed = f"audio objects need about {plan.object_bytes / 2**30:.1f} GiB"
            raise BadArgumentError(f"{needed}, {free_bytes / 2**30:.1f} are free: make room, or keep fewer stems")


def _existing_folder(path: str) -> str:
    """The path, or the nearest of its parents that exists."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def check_is_ours(dataset: Dataset, out: str) -> None:
    """Refuse a folder that holds something else, or that cannot be written."""
    try:
        names = [name for name in dataset.storage.children() if not name.startswith(".")]
    except Exception as error:  # the clients of stores raise what they like
        raise BadArgumentError(f"cannot list {out!r}: {in_a_line(error)}") from error
    if names and not dataset.exists() and set(names) - {"files", "tracks", "runs", "live"}:
        raise BadArgumentError(f"{out!r} is not empty and no muze dataset: give a new or empty folder for --out")
    if dataset.storage.local:
        folder = _existing_folder(dataset.storage.root)
        if not os.path.isdir(folder):
            raise BadArgumentError(f"{folder!r} is no folder: give a folder for --out")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise BadArgumentError(f"no permission to write in {folder!r}: give a folder of your own for --out")
