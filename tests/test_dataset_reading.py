"""Reading in Python: ``open_dataset(uri).table(fragment)``."""

from pathlib import Path

import pyarrow as pa
import pytest

from fakes import FRAGMENTS, Fake, fingerprint, track, track_id
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from pipeline.snapshot import create_snapshot

PRINTS = {name: fingerprint(name) for name in FRAGMENTS}


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    made = Fake(tmp_path / "music's [data]")
    made.run(PRINTS)
    made.rows("tracks", [track(n) for n in range(3)], PRINTS["tracks"])
    made.rows("harmony", [{"track_id": track_id(n), "chroma_mean": [1 / 12] * 12} for n in range(2)], PRINTS["harmony"])
    made.rows("harmony", [{"track_id": track_id(n), "key_index": 3} for n in (1, 2)], PRINTS["harmony"])
    return made


def test_a_fragment_comes_with_the_types_of_its_schema_once_a_track(fake: Fake) -> None:
    table = open_dataset(fake.location).table("harmony")
    assert table.schema.equals(FRAGMENTS["harmony"].schema)
    assert table.schema.field("chroma_mean").type == pa.list_(pa.float32(), 12)
    assert table.schema.field("key_index").metadata[b"doc"]
    assert sorted(table["track_id"].to_pylist()) == [track_id(n) for n in range(3)]


def test_columns_are_selected_and_track_id_comes_along(fake: Fake) -> None:
    dataset = open_dataset(fake.location)
    assert dataset.table("tracks", ["title", "artist"]).column_names == ["track_id", "title", "artist"]
    assert dataset.table("tracks", ["title", "track_id"]).column_names == ["track_id", "title"]
    assert dataset.table("tracks", []).column_names == ["track_id"]


def test_a_dataset_that_is_open_sees_the_fragments_that_come(fake: Fake) -> None:
    dataset = fake.dataset
    before = dataset.fragments
    fake.rows("pitch", [{"track_id": track_id(0)}], fingerprint("pitch"))
    assert (len(before), set(dataset.fragments) - set(before)) == (len(dataset.fragments) - 1, {"pitch"})


def test_a_url_and_a_path_open_the_same(fake: Fake) -> None:
    url = Path(fake.location).as_uri()
    assert open_dataset(url).table("tracks").equals(open_dataset(fake.location).table("tracks"))


def test_an_older_fingerprint_and_a_snapshot_can_be_read(fake: Fake) -> None:
    dataset = open_dataset(fake.location)
    create_snapshot(dataset, "before")
    new = fingerprint("harmony, changed")
    fake.run(PRINTS | {"harmony": new})
    fake.rows("harmony", [{"track_id": track_id(0), "key_index": 7}], new)
    assert dataset.table("harmony", ["key_index"])["key_index"].to_pylist() == [7]
    assert dataset.table("harmony", fingerprint=PRINTS["harmony"]).num_rows == 3
    assert dataset.table("harmony", snapshot="before").num_rows == 3


def test_what_is_not_there_is_named(fake: Fake, tmp_path: Path) -> None:
    dataset = open_dataset(fake.location)
    with pytest.raises(BadArgumentError, match="the dataset has tracks, harmony"):
        dataset.table("harmonies")
    with pytest.raises(BadArgumentError, match="tracks has no column titel: there are num_bytes"):
        dataset.table("tracks", ["titel"])
    with pytest.raises(BadArgumentError, match="no snapshot 'none': there are none yet"):
        dataset.table("tracks", snapshot="none")
    create_snapshot(dataset, "one")
    with pytest.raises(BadArgumentError, match="there is no table 'harmonies'"):
        dataset.table("harmonies", snapshot="one")
    with pytest.raises(BadArgumentError, match="no dataset at"):
        open_dataset(str(tmp_path / "nothing"))


def test_stray_files_are_no_tables_and_a_file_is_no_dataset(fake: Fake) -> None:
    stray = Path(fake.location, "README")
    stray.write_text("mine")
    assert open_dataset(fake.location).fragments == ["tracks", "harmony"]
    with pytest.raises(BadArgumentError, match="no dataset at"):
        open_dataset(str(stray))
