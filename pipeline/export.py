"""Export: a dataset as the JSON of another format, written as it is read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from pipeline.aligned import Aligned
from pipeline.artists import artists_of_tracks, mean_voices
from pipeline.contents import Contents, current_contents
from pipeline.dataset import Dataset
from pipeline.errors import BuildFailedError
from pipeline.out_file import move_onto, require_writable, scratch_beside
from pipeline.plain_values import plain
from pipeline.printable import in_a_line
from pipeline.snapshot import load_snapshot
from pipeline.storage import Storage
from pipeline.views import open_views
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS
from schemas.muzible import FIELDS, VOICES

Columns = dict[str, Any]

_BATCH_ROWS = 2048


@dataclass(frozen=True)
class Exported:
    """What was written, and where."""

    out: Path
    num_tracks: int
    artists_out: Path
    num_artists: int

    def report(self) -> dict[str, Any]:
        """The document that ``export --json`` prints."""
        return {
            "tracks": self.num_tracks,
            "out": str(self.out),
            "artists": self.num_artists,
            "artist_embeddings": str(self.artists_out),
        }


def export(dataset: Dataset, out: Path, snapshot: str | None = None) -> Exported:
    """Write every track as an object of an array, in the order of track ids, and the artists' voices beside it.

    Both files appear whole or not at all. While they are written, a scratch folder beside them takes the space of the
    rows once more. Raises BadArgumentError if ``out`` cannot be written, BuildFailedError if the disk is full or a
    shard cannot be read.
    """
    contents = load_snapshot(dataset, snapshot).contents if snapshot else current_contents(dataset)
    artists_out = out.with_name(f"{out.name.removesuffix('.json')}.artist_embeddings.json")
    require_writable(out)
    with scratch_beside(out) as folder, _explained():
        tracks_file, artists_file = folder / "tracks.json", folder / "artists.json"
        with tracks_file.open("w", encoding="utf-8") as file:
            num_tracks = _write_tracks(dataset.storage, contents, folder, file)
        with artists_file.open("w", encoding="utf-8") as file:
            num_artists = _write_artists(dataset.storage, contents, file)
        move_onto(artists_file, artists_out)
        move_onto(tracks_file, out)
    return Exported(out, num_tracks, artists_out, num_artists)


@contextmanager
def _explained() -> Iterator[None]:
    import duckdb

    try:
        yield
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise BuildFailedError(f"the export could not be finished: {in_a_line(error)}") from error


def _write_tracks(storage: Storage, contents: Contents, folder: Path, out: IO[str]) -> int:
    num_tracks = 0
    out.write("[")
    for columns in _columns_of_tracks(storage, contents, folder):
        out.write(",\n" if num_tracks else "\n")
        out.write(_json({field.name: field.value(columns) for field in FIELDS}))
        num_tracks += 1
    out.write("\n]\n")
    return num_tracks


def _write_artists(storage: Storage, contents: Contents, out: IO[str]) -> int:
    table = mean_voices(storage, contents, artists_of_tracks(storage, contents))
    out.write("{")
    for number in range(len(table)):
        name, num_tracks = table["artist"][number].as_py(), table["num_tracks"][number].as_py()
        voices = {field.name: plain(table[field.column][number]) for field in VOICES}
        out.write(",\n" if number else "\n")
        out.write(f"{_json(name)}: {_json({'num_tracks': num_tracks, **voices})}")
    out.write("\n}\n")
    return len(table)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _columns_of_tracks(storage: Storage, contents: Contents, folder: Path) -> Iterator[Columns]:
    """Yield the columns of every track by their names as ``fragment.column``, in the order of track ids."""
    with open_views(storage, contents) as connection:
        wanted = _wanted(connection)
        tracks = wanted.pop(TRACKS.name, None)
        if tracks is None:
            return
        in_order = f"FROM tracks ORDER BY {TRACK_ID}"
        track_ids = [track_id for (track_id,) in connection.execute(f"SELECT {TRACK_ID} {in_order}").fetchall()]
        aligned = Aligned.dealt(storage, contents, wanted, track_ids, folder)
        reader = connection.sql(f"SELECT {', '.join(tracks)} {in_order}").to_arrow_reader(_BATCH_ROWS)
        rows = (batch.slice(number, 1) for batch in reader for number in range(len(batch)))
        for row, (_, columns) in zip(rows, aligned, strict=True):
            facts = {f"{TRACKS.name}.{name}": row[name][0] for name in tracks}
            yield {name: plain(value) for name, value in (facts | columns).items()}


def _wanted(connection: Any) -> dict[str, list[str]]:
    """Fragment -> the columns of it that the format asks for and the dataset has."""
    wanted: dict[str, list[str]] = {}
    rows = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'memory' AND NOT internal"
    ).fetchall()
    sources = {source for field in FIELDS for source in field.sources}
    for fragment, column in rows:
        if f"{fragment}.{column}" in sources:
            wanted.setdefault(fragment, []).append(column)
    return wanted
