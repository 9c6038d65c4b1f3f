"""The snapshots that a pack is made of, and the split of their tracks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from pipeline.dataset import Dataset
from pipeline.errors import BadArgumentError
from pipeline.snapshot import Snapshot
from pipeline.splits import normalised_artist
from pipeline.views import open_views
from schemas.fragment import TRACK_ID


@dataclass(frozen=True)
class Source:
    """A snapshot that is packed."""

    location: str
    dataset: Dataset
    snapshot: Snapshot

    @property
    def name(self) -> str:
        return f"{self.location}:{self.snapshot.name}"

    @property
    def tracks(self) -> pa.Table:
        """track_id, artist, genre_tag, duration_s and rights of every track, sidecar first, in order of track ids."""
        return self._seen[0]

    @property
    def columns(self) -> Mapping[str, list[str]]:
        """Fragment -> its columns, of the fragments that have rows."""
        return self._seen[1]

    @cached_property
    def _seen(self) -> tuple[pa.Table, dict[str, list[str]]]:
        with open_views(self.dataset.storage, self.snapshot.contents) as connection:
            tracks = connection.sql(
                f"SELECT {TRACK_ID}, artist, genre_tag, duration_s, rights FROM tracks ORDER BY {TRACK_ID}"
            ).to_arrow_table()
            found = connection.execute(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'memory' AND NOT internal"
            ).fetchall()
        columns: dict[str, list[str]] = {}
        for fragment, column in found:
            if self.shards(fragment):
                columns.setdefault(fragment, []).append(column)
        return tracks, columns

    def shards(self, fragment: str) -> Sequence[Any]:
        """Shards of a fragment, none if the snapshot has no such fragment."""
        return self.snapshot.contents.tables.get(fragment, [])


class Splits:
    """The split of every track, over several snapshots.

    What an earlier snapshot says of a track or of its artist holds for the later ones: else what a model learns from
    one would be what it is tested on in the other. A later one may know whose a track is that an earlier one does not.
    """

    def __init__(self) -> None:
        self.of_track: dict[str, str] = {}
        self._of_artist: dict[str, str] = {}
        self._taken: set[str] = set()

    def add(self, source: Source, tracks: pa.Table) -> None:
        """Decide for the tracks of the next snapshot.

        Raises BadArgumentError if it says of tracks that earlier ones have in two splits that they are by one artist.
        """
        own = {track_id: split for split, track_ids in source.snapshot.split.items() for track_id in track_ids}
        artists = [normalised_artist(artist) for artist in tracks["artist"].to_pylist()]
        rows = list(zip(tracks[TRACK_ID].to_pylist(), artists, strict=True))
        self._learn(source, {track_id: artist for track_id, artist in rows if artist and track_id in self.of_track})
        for track_id, artist in rows:
            if track_id not in self.of_track:
                self.of_track[track_id] = self._of_artist.get(artist) or own[track_id]
                if artist:
                    self._of_artist.setdefault(artist, self.of_track[track_id])

    def _learn(self, source: Source, artists: Mapping[str, str]) -> None:
        """Have the artists of tracks that are decided go where these are."""
        clashes: dict[str, str] = {}
        for track_id, artist in artists.items():
            split = self.of_track[track_id]
            if (other := self._of_artist.setdefault(artist, split)) != split:
                clashes.setdefault(artist, f"track {track_id} in {split} and others in {other}")
        if clashes:
            artist, where = next(iter(clashes.items()))
            raise BadArgumentError(
                f"artists of {source.name} are in two splits of the snapshots before it, {len(clashes)} in all, such as"
                f" {artist!r} with {where}: pack {source.name} first, and join the others to it"
            )

    def claim(self, track_id: str) -> bool:
        """Take a track; False if it is taken."""
        is_new = track_id not in self._taken
        self._taken.add(track_id)
        return is_new
