"""Folders, files, globs and URLs -> the audio files in them."""

import fnmatch
import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.errors import BadArgumentError
from pipeline.printable import in_a_line
from pipeline.uris import is_local, path_of_uri, uri_of_path

AUDIO_SUFFIXES = frozenset(
    "3gp aac ac3 aif aifc aiff amr ape asf au avi caf dsf flac m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpc mpeg mpg "  # noqa: SIM905
    "oga ogg opus ra snd spx tta wav wave webm wma wmv wv".split()
)


@dataclass(frozen=True)
class SourceFile:
    """A file as a listing shows it."""

    uri: str
    num_bytes: int
    modified: datetime | None = None
    etag: str | None = None
    metadata: str | None = None
    """JSON of the sidecar columns joined by path."""


@dataclass
class Discovery:
    """What was found under the sources, and what was passed over."""

    files: list[SourceFile] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    num_hidden: int = 0
    num_other: int = 0
    excluded: set[str] = field(default_factory=set)
    num_unmatched: int = 0
    """Rows of the sidecar that name no file found, or several."""
    unreadable: list[str] = field(default_factory=list)
    """Folders that could not be listed, as uris."""

    def covers(self) -> Callable[[str], bool]:
        """Whether what has a uri would have been found: it is below the sources, in folders that could be listed."""
        roots = [path_of_uri(root).rstrip("/") for root in self.roots]  # uris may begin otherwise than their folder's
        unlisted = tuple(f"{path_of_uri(folder)}/" for folder in self.unreadable)

        def covers(uri: str) -> bool:
            path = path_of_uri(uri)
            return any(path == root or path.startswith(f"{root}/") for root in roots) and not path.startswith(unlisted)

        return covers


def discover(sources: Sequence[str], exclude: Sequence[str] = ()) -> Discovery:
    """List the audio files of folders, files, globs and fsspec URLs, each file once, sorted by uri.

    Symbolic links are followed, but what they reach counts once. Files named on the command line are taken
    whatever their suffix. Raises BadArgumentError if a source does not exist.
    """
    found = Discovery()
    for source in sources:
        if is_local(source):
            _discover_local(path_of_uri(source), found)
        else:
            _discover_remote(source, found)
    unique = {file.uri: file for file in found.files}
    found.excluded = {uri for uri in unique if any(fnmatch.fnmatch(uri, pattern) for pattern in exclude)}
    found.files = [file for uri, file in sorted(unique.items()) if uri not in found.excluded]
    return found


def _discover_local(source: str, found: Discovery) -> None:
    paths = [source] if os.path.lexists(source) else sorted(glob.glob(source, recursive=True))
    if not paths:
        raise BadArgumentError(f"no such file or folder: {source!r}; give a folder, a file, a glob or a URL of music")
    for path in paths:
        found.roots.append(uri_of_path(path))
        if os.path.isdir(path):
            _discover_folder(path, found)
        else:
            found.files.append(_source_file(path))


def _discover_folder(folder: str, found: Discovery) -> None:
    links: list[str] = []
    reached: set[tuple[int, int]] = set()
    for path, is_link in _walk(folder, found, set()):
        if is_link:
            links.append(path)
            continue
        file = _source_file(path)
        found.files.append(file)
        reached.add(_identity(path))
    for path in links:  # after the plain files, so that a link never hides the file it points to
        if _identity(path) not in reached:
            reached.add(_identity(path))
            found.files.append(_source_file(path))


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (-1, hash(path))
    return (status.st_dev, status.st_ino)


def _walk(folder: str, found: Discovery, visited: set[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """Yield (path, is a link) of audio files below a folder; a folder that links lead back to is entered once."""
    if _identity(folder) in visited:
        return
    visited.add(_identity(folder))
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError:
        found.unreadable.append(uri_of_path(folder))
        return
    for entry in entries:
        if entry.name.startswith("."):
            found.num_hidden += 1
        elif _is_folder(entry):
            yield from _walk(entry.path, found, visited)
        elif _suffix(entry.name) in AUDIO_SUFFIXES and not _is_special(entry):
            yield entry.path, entry.is_symlink()
        else:
            found.num_other += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Links that lead to themselves, or to where one may not look, are files that cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Pipes, sockets and devices: opening them could wait for ever. Broken links are files that are gone."""
    try:
        return not stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return False


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _source_file(path: str) -> SourceFile:
    try:
        status = os.stat(path)
    except OSError:
        return SourceFile(uri_of_path(path), 0)  # the read will say why
    return local_file(path, status)


def local_file(path: str, status: os.stat_result) -> SourceFile:
    """The listing entry of a local file; its modification time is cut to microseconds, as tables store it."""
    modified = datetime.fromtimestamp(status.st_mtime_ns // 1000 / 1e6, tz=UTC)
    return SourceFile(uri_of_path(path), status.st_size, modified)


def _discover_remote(source: str, found: Discovery) -> None:
    import fsspec

    try:
        filesystem, path = fsspec.core.url_to_fs(source, use_listings_cache=False)
        if "*" in path:
            entries = filesystem.glob(path, detail=True)
        elif filesystem.isfile(path):
            entries = {path: filesystem.info(path)}
        else:
            entries = filesystem.find(path, detail=True)
    except Exception as error:  # the clients of stores raise what they like
        raise BadArgumentError(f"cannot list {source!r}: {in_a_line(error)}") from error
    if not entries:
        raise BadArgumentError(f"nothing found at {source!r}; give a folder, a file, a glob or a URL of music")
    found.roots.append(source)
    for name, info in entries.items():
        if info.get("type") == "directory":
            continue
        base = name.rsplit("/", 1)[-1]
        if base.startswith("."):
            found.num_hidden += 1
        elif _suffix(base) in AUDIO_SUFFIXES or len(entries) == 1:
            found.files.append(remote_file(_remote_uri(filesystem, source, name), info))
        else:
            found.num_other += 1


def _remote_uri(filesystem: Any, source: str, name: str) -> str:
    if "::" in source:  # a chained URL such as zip://inner::outer names the inner path first
        protocol, outer = source.split("://", 1)[0], source.split("::", 1)[1]
        return f"{protocol}://{name}::{outer}"
    return str(filesystem.unstrip_protocol(name))


def remote_file(uri: str, info: dict[str, Any]) -> SourceFile:
    """The listing entry of an fsspec file."""
    modified = info.get("LastModified") or info.get("mtime") or info.get("last_modified")
    if isinstance(modified, int | float):
        modified = datetime.fromtimestamp(modified, tz=UTC)
    etag = info.get("ETag") or info.get("etag")
    return SourceFile(uri, int(info.get("size") or 0), modified if isinstance(modified, datetime) else None, etag)
