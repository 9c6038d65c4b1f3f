"""What the rows amount to: the last sight of every file, the failures that still stand, and what is done."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.dataset import Dataset
from schemas.fragments.tracks import TRACKS

Key = tuple[str | None, str]
"""A track id, or None and the uri of a file whose bytes could not be read."""


def files_by_uri(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The last row of every uri."""
    rows = dataset.system_rows("files").sort_by("seen_at").to_pylist()
    return {row["uri"]: row for row in rows}


def standing_failures(
    dataset: Dataset,
    fingerprints: Mapping[str, str],
    files: Mapping[str, Mapping[str, Any]] | None = None,
    track_ids: Mapping[str, set[str]] | None = None,
) -> list[dict[str, Any]]:
    """The last failure of every track and fragment with these fingerprints, unless a row has come since.

    One of 0 attempts says that there is none any more.
    ``files`` and ``track_ids`` (fragment -> tracks with a row) may be handed in where they are known already.
    """
    latest: dict[tuple[Key, str], dict[str, Any]] = {}
    for row in dataset.system_rows("failures").sort_by("failed_at").to_pylist():
        if fingerprints.get(row["fragment"]) == row["fingerprint"]:
            latest[_key(row), row["fragment"]] = row
    if not latest:
        return []
    seen = files_by_uri(dataset) if files is None else files
    rows = track_ids or {name: dataset.track_ids(name, fingerprints[name]) for name in {name for _, name in latest}}
    return [row for row in latest.values() if _stands(row, seen, rows[row["fragment"]])]


def _key(row: Mapping[str, Any]) -> Key:
    return row["track_id"], "" if row["track_id"] else row["uri"]


def _stands(row: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]], track_ids: set[str]) -> bool:
    if row["attempts"] == 0:
        return False
    if row["track_id"] is not None:
        return row["track_id"] not in track_ids
    file = files.get(row["uri"])
    return file is None or (file["track_id"] is None and file["missing_since"] is None)


def done_fragments(
    track_ids: Mapping[str, set[str]], failures: Iterable[Mapping[str, Any]]
) -> dict[str, frozenset[str]]:
    """Track -> the fragments that have a row or a standing failure; a track that does not decode is done."""
    every = frozenset(track_ids)
    done: dict[str, set[str]] = {}
    for name, ids in track_ids.items():
        for track_id in ids:
            done.setdefault(track_id, set()).add(name)
    for failure in failures:
        if failure["track_id"] is not None:
            names = every if failure["fragment"] == TRACKS.name else {failure["fragment"]}
            done.setdefault(failure["track_id"], set()).update(names)
    shared: dict[frozenset[str], frozenset[str]] = {}  # a hundred thousand tracks, a handful of different sets
    return {track_id: shared.setdefault(frozenset(names), frozenset(names)) for track_id, names in done.items()}
