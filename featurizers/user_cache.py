"""Where a user's caches are."""

import os
from pathlib import Path


def user_cache() -> Path:
    """The folder of muze in the cache folder that the user has (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "muze")
