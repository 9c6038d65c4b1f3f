"""How the singers of an artist sound: the mean of the voice embeddings of the artist's tracks."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.contents import Contents, current_contents
from pipeline.dataset import Dataset
from pipeline.shards import read_shards
from pipeline.snapshot import load_snapshot
from pipeline.storage import Storage
from pipeline.vectors import unit
from pipeline.views import open_views
from schemas.fragment import TRACK_ID, column
from schemas.fragments.tracks import TRACKS

_SOURCES = {
    "voice_embedding": ("singer", 256),
    "voice_embedding_vocals": ("singer_vocals", 256),
    "ecapa_embedding": ("singer_vocals", 192),
}
"""Column -> its fragment and size."""

ARTISTS = pa.schema(
    [
        column("artist", pa.string(), doc="Artist, as tagged or as the sidecar says."),
        column("num_tracks", pa.int64(), doc="Tracks of the artist, with or without a voice."),
        *(
            column(name, pa.list_(pa.float32(), size), doc="Mean over tracks, unit length; null without any.")
            for name, (_, size) in _SOURCES.items()
        ),
    ]
)


def artist_embeddings(dataset: Dataset, snapshot: str | None = None) -> pa.Table:
    """Return a row an artist, sorted by name, with the columns of ``ARTISTS``, now or as a snapshot pins it.

    Tracks without an artist are left out. Every track counts alike: its embedding is brought to unit length, and so is
    the mean. Memory is that of a shard and of the artists.
    """
    contents = load_snapshot(dataset, snapshot).contents if snapshot else current_contents(dataset)
    return mean_voices(dataset.storage, contents, artists_of_tracks(dataset.storage, contents))


def artists_of_tracks(storage: Storage, contents: Contents) -> dict[str, str]:
    """Track -> artist, of the tracks that have one."""
    if TRACKS.name not in contents.fingerprints:
        return {}
    with open_views(storage, contents) as connection:
        rows = connection.execute(f"SELECT {TRACK_ID}, artist FROM tracks WHERE trim(artist) <> ''").fetchall()
    return dict(rows)


def mean_voices(storage: Storage, contents: Contents, artists: Mapping[str, str]) -> pa.Table:
    """The table of ``artist_embeddings`` for tracks whose artists are given."""
    counts = Counter(artists.values())
    names = sorted(counts)
    places = {name: place for place, name in enumerate(names)}
    rows = {track_id: places[artist] for track_id, artist in artists.items()}
    means = [_means(storage, contents, name, rows, len(names)) for name in _SOURCES]
    return pa.table([pa.array(names, pa.string()), [counts[name] for name in names], *means], schema=ARTISTS)


def _means(storage: Storage, contents: Contents, name: str, rows: Mapping[str, int], num_artists: int) -> pa.Array:
    """The mean of a column at unit length, by artist; ``rows`` says which artist a track is of."""
    fragment, size = _SOURCES[name]
    sums = np.zeros((num_artists, size))
    seen: set[str] = set()
    for shard in contents.tables.get(fragment, []):
        found = read_shards(storage, fragment, [shard], [TRACK_ID, name])
        assert found is not None
        counted = [track_id in rows and track_id not in seen for track_id in found[TRACK_ID].to_pylist()]
        seen.update(found[TRACK_ID].to_pylist())
        found = found.filter(pc.and_(pa.array(counted, pa.bool_()), pc.is_valid(found[name])))
        vectors = found[name].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
        np.add.at(sums, [rows[track_id] for track_id in found[TRACK_ID].to_pylist()], unit(vectors))
    missing = pa.array(~sums.any(axis=1))
    return pa.FixedSizeListArray.from_arrays(unit(sums).astype(np.float32).ravel(), size, mask=missing)
