"""Import: a JSON file of dataset format muzible-v3.1 as rows of a dataset.

Rows come in under fingerprints of their own, one a fragment, which say nothing but *imported*. Readers see them where
no build has filled the fragment before; what a build has filled stays as it is, and the values in the file are left
alone. A row that was imported stays, whatever a later file says of the track.

What the format does not tell is null: confidences, model ids, contents of the file. Two things do not come back:
``chord_progression``, as labels without times are no chord spans, and the lyrics of segments, as they are in the
lyrics of the track. Exporting an imported file gives the same document but for these. Tracks with ids from elsewhere
get one from their path, which no build will give: keep them in a dataset of their own.
"""

import hashlib
import json
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.accounts import files_by_uri
from pipeline.compact import compact
from pipeline.dataset import Dataset
from pipeline.delta import Shard
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.fragments import known_fragments
from pipeline.json_objects import json_objects
from pipeline.live import Presence, live_runs
from pipeline.muzible_rows import ImportedTrack, imported_track
from pipeline.preflight import check_is_ours
from pipeline.printable import in_a_line
from pipeline.record import RunRow
from pipeline.shards import write_plain, write_rows
from pipeline.storage import Storage
from schemas.fragment import TRACK_ID, Fragment
from schemas.fragments.tracks import TRACKS
from schemas.muzible import FORMAT
from schemas.tables import TABLES

_BATCH_TRACKS = 64


def import_muzible(path: Path, out: str) -> dict[str, Any]:
    """Import a file into the dataset at ``out``, new or not, and return the document that ``import --json`` prints.

    The file is read twice, a few tracks at a time: a bad one is refused before anything is written. Raises
    BadArgumentError if it is bad or ``out`` is no place for a dataset, BuildFailedError if a build is at work there or
    the dataset cannot be written.
    """
    dataset = Dataset(Storage.at(out))
    check_is_ours(dataset, out)
    if others := live_runs(dataset.storage):
        raise BuildFailedError(f"a build is at work on this dataset (run {', '.join(others)}): import when it is done")
    num_tracks = 0
    offered: set[str] = set()
    for track in _tracks(path):
        num_tracks += 1
        offered |= track.rows.keys()
    current = dataset.current()
    prints = {name: _fingerprint(fragment) for name, fragment in known_fragments().items() if name in offered}
    free = {name: print_ for name, print_ in prints.items() if current.get(name, print_) == print_}
    try:
        new_rows = _Import(dataset, free).run(path)
    except OSError as error:
        raise BuildFailedError(f"the dataset could not be written: {in_a_line(error)}") from error
    return {
        "tracks": num_tracks,
        "new": new_rows[TRACKS.name],
        "out": dataset.storage.root,
        "fragments": {name: new_rows[name] for name in free},
        "left_alone": sorted(offered - free.keys()),
    }


def _tracks(path: Path) -> Iterator[ImportedTrack]:
    """The tracks of a file. BadArgumentError says in a sentence what is wrong with it, and where."""
    fragments = known_fragments()
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, item in enumerate(json_objects(file), start=1):
                yield _track(number, item, fragments)
    except OSError as error:
        raise BadArgumentError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except ValueError as error:
        raise BadArgumentError(f"{str(path)!r} is no {FORMAT} file: {error}") from error


def _track(number: int, item: Mapping[str, Any], fragments: Mapping[str, Fragment]) -> ImportedTrack:
    try:
        return imported_track(item, fragments)
    except ValueError as error:
        raise ValueError(f"in object {number} {error}") from error


def _fingerprint(fragment: Fragment) -> str:
    """What imported rows of a fragment have instead of a recipe's fingerprint."""
    text = f"imported {FORMAT} {fragment.name} version {fragment.version}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass
class _Import:
    """One import: shards are written as the file is read, and committed at the end."""

    dataset: Dataset
    fingerprints: Mapping[str, str]
    """Fragment -> fingerprint of the rows that it gets."""
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    new_rows: Counter[str] = field(default_factory=Counter)
    _shards: dict[str, list[Shard]] = field(default_factory=lambda: defaultdict(list))
    _files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self, path: Path) -> Counter[str]:
        """Import the tracks of a file and return how many rows a fragment it added."""
        started_s = time.monotonic()
        with Presence(self.dataset.storage, self.run_id):
            row = RunRow(self.dataset, self.run_id, datetime.now(UTC))
            row.open(json.dumps({"name": f"import {FORMAT}", "fragments": {}}), self.fingerprints, promoted={})
            status = "failed"
            try:
                self._write(path)
                self._commit()
                status = "done"
            finally:
                counts = {"new": self.new_rows[TRACKS.name], "failed": 0, "wall_s": time.monotonic() - started_s}
                row.close(status, self.fingerprints if status == "done" else {}, counts)
        return self.new_rows

    def _write(self, path: Path) -> None:
        known = {name: self.dataset.track_ids(name, print_) for name, print_ in self.fingerprints.items()}
        uris = files_by_uri(self.dataset).keys()
        tracks = _tracks(path)
        while batch := list(islice(tracks, _BATCH_TRACKS)):
            for name, track_ids in known.items():
                self._write_fragment(name, [t for t in batch if name in t.rows and t.track_id not in track_ids])
                track_ids.update(track.track_id for track in batch if name in track.rows)
            for track in batch:
                if track.uri and track.uri not in uris:
                    self._files[track.uri] = {"uri": track.uri, TRACK_ID: track.track_id}

    def _write_fragment(self, name: str, tracks: Sequence[ImportedTrack]) -> None:
        rows: dict[str, dict[str, Any]] = {}
        for track in tracks:
            rows.setdefault(track.track_id, {TRACK_ID: track.track_id, **track.rows[name]})
        if rows:
            table = self.dataset.fragment_table(name, known_fragments()[name].schema)
            self._shards[name].append(write_rows(table, list(rows.values()), self.fingerprints[name]))
            self.new_rows[name] += len(rows)

    def _commit(self) -> None:
        for name in sorted(self._shards, key=lambda name: name == TRACKS.name):
            self.dataset.fragment_table(name, known_fragments()[name].schema).commit(self._shards[name])
        if self._files:
            blank = dict.fromkeys(TABLES["files"].names) | {"seen_at": datetime.now(UTC)}
            table = self.dataset.system_table("files")
            table.commit([write_plain(table, [blank | row for row in self._files.values()], uuid.uuid4().hex)])
        if live_runs(self.dataset.storage) == [self.run_id]:
            compact(self.dataset, self.fingerprints)
