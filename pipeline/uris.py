"""File names as text: every name that a file system allows has one uri."""

import os
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pipeline.errors import BadArgumentError

FILE_SCHEME = "file://"


def uri_of_path(path: str) -> str:
    """Return the uri of a local path: the absolute path, or a percent-encoded file:// URL if it is not UTF-8."""
    absolute = os.path.abspath(path)
    try:
        absolute.encode()
    except UnicodeEncodeError:
        return FILE_SCHEME + quote_from_bytes(os.fsencode(absolute))
    return absolute


def path_of_uri(uri: str) -> str:
    """Return the local path of a uri made by ``uri_of_path`` or given as a file:// URL."""
    if uri.startswith(FILE_SCHEME):
        return os.fsdecode(unquote_to_bytes(uri.removeprefix(FILE_SCHEME)))
    return uri


def is_local(uri: str) -> bool:
    return "://" not in uri or uri.startswith(FILE_SCHEME)


def local_path(text: str, option: str) -> Path:
    """Return the path that an option names. Raises BadArgumentError for a URL of another place."""
    if not is_local(text):
        raise BadArgumentError(
            f"{option} is {text!r}: expected a path; only music, datasets, packs and weights can be behind a URL"
        )
    return Path(path_of_uri(text))


def local_folder(text: str, option: str) -> Path:
    """The same of a folder, which need not be there. Raises BadArgumentError if it is a file."""
    folder = local_path(text, option)
    if folder.is_file():
        raise BadArgumentError(f"{text!r} is no folder: give a folder for {option}")
    return folder
