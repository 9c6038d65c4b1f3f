"""Metadata kept beside the music: a CSV whose rows are joined to files by path."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.discover import SourceFile
from pipeline.errors import BadArgumentError
from pipeline.uris import is_local, path_of_uri

PATH_COLUMN = "path"


def join_sidecar(files: Sequence[SourceFile], sidecar: str) -> tuple[list[SourceFile], int]:
    """Attach the sidecar's row to every file it names; return the files and how many rows named none of them.

    Paths are absolute, or relative to the sidecar's folder, or end the path of one file only (``000/000123.mp3``).
    Raises BadArgumentError if the sidecar cannot be read or has no column ``path``.
    """
    rows = _read(sidecar)
    folder = os.path.dirname(os.path.abspath(sidecar))
    by_path = {_local(file.uri): index for index, file in enumerate(files)}
    by_ending = _by_ending(by_path)
    joined, num_unmatched = list(files), 0
    for row in rows:
        path = row.pop(PATH_COLUMN) or ""  # None where a row ends before it
        index = by_path.get(os.path.normpath(os.path.join(folder, path)), by_path.get(path))
        if index is None:
            index = by_ending.get(os.path.normpath(path))
        if index is None:
            num_unmatched += 1
        else:
            kept = {key: value for key, value in row.items() if key and value}
            joined[index] = replace(joined[index], metadata=json.dumps(kept, sort_keys=True))
    return joined, num_unmatched


def _read(sidecar: str) -> list[dict[str, str]]:
    try:
        with open(sidecar, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadArgumentError(f"cannot read --metadata {sidecar!r}: {error}") from error
    if PATH_COLUMN not in columns:
        names = f"columns {', '.join(columns)}" if columns else "no columns"
        raise BadArgumentError(f"--metadata {sidecar!r} has {names}: expected one named 'path'")
    return rows


def _local(uri: str) -> str:
    return path_of_uri(uri) if is_local(uri) else uri


def _by_ending(by_path: Mapping[str, int]) -> dict[str, int]:
    """Up to three last parts of a path -> its file; without those that several files have."""
    files: dict[str, set[int]] = {}
    for path, index in by_path.items():
        for depth in (1, 2, 3):
            files.setdefault(_ending(path, depth), set()).add(index)
    return {ending: min(indices) for ending, indices in files.items() if len(indices) == 1}


def _ending(path: str, depth: int) -> str:
    return os.sep.join(path.split(os.sep)[-depth:])
