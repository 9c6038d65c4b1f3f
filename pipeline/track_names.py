"""Which tracks of a dataset a person means by a name."""

import os
import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset import Dataset
from pipeline.shards import read_shards
from pipeline.uris import is_local, path_of_uri, uri_of_path
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS

MIN_ID_CHARACTERS = 4
"""Of the beginning of an id."""
EXPECTED = f"expected a track_id, its first {MIN_ID_CHARACTERS} characters or more, or a file of the dataset"
"""What to say of a name that is no track's."""

_HEX = re.compile(r"[0-9a-f]{1,32}")


def tracks_named(dataset: Dataset, name: str, among: pa.Array | None = None) -> list[str]:
    """Return the ids, sorted, of the tracks that ``name`` may mean; one if the name is good.

    A name is a track id or the beginning of one, of at least ``MIN_ID_CHARACTERS``; where no track begins so, it is the
    uri or path of a file of the dataset, and where there is none, the last part of such a uri: its file name, with its
    ending or without.
    ``among`` (strings) are the ids that count, by default those of every track.
    """
    ids = _all_ids(dataset) if among is None else among
    if _HEX.fullmatch(name) and len(name) >= MIN_ID_CHARACTERS:
        found = ids.filter(pc.starts_with(ids, name))
        if len(found):
            return sorted(set(found.to_pylist()))
    of_files = pa.array(_of_files(dataset, name), pa.string())
    return sorted(of_files.filter(pc.is_in(of_files, ids)).to_pylist())


def _all_ids(dataset: Dataset) -> pa.Array:
    rows = read_shards(dataset.storage, TRACKS.name, dataset.shards(TRACKS.name), [TRACK_ID])
    return rows[TRACK_ID].combine_chunks() if rows is not None else pa.array([], pa.string())


def _of_files(dataset: Dataset, name: str) -> set[str]:
    """Contents that the files of this uri, path or name had when they were last seen."""
    live = dataset.system_table("files").live()
    rows = read_shards(dataset.storage, "files", live, ["uri", TRACK_ID, "seen_at"])
    if rows is None or not name:
        return set()
    uri = uri_of_path(os.path.expanduser(path_of_uri(name))) if is_local(name) else name
    without_ending = pc.replace_substring_regex(rows["uri"], r"\.[^./]+$", "")
    for named in (
        pc.equal(rows["uri"], uri),
        pc.ends_with(rows["uri"], f"/{name}"),
        pc.ends_with(without_ending, f"/{name}"),
    ):
        last = {row["uri"]: row[TRACK_ID] for row in rows.filter(named).sort_by("seen_at").to_pylist()}
        if last:
            return {track_id for track_id in last.values() if track_id is not None}
    return set()
