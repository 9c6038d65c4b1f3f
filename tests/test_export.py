"""Export: every field of every track, in the format's own form, strict JSON, in bounded memory."""

import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import pipeline.aligned
from fakes import Fake, track, track_id
from jobs.main import main
from muzible_data import FRAGMENTS, OBJECT, PRINTS, many_tracks, one_track
from pipeline.aligned import Aligned
from pipeline.artists import artist_embeddings, mean_voices
from pipeline.contents import current_contents
from pipeline.errors import BuildFailedError
from pipeline.export import export
from pipeline.plain_values import plain
from pipeline.snapshot import create_snapshot
from schemas.muzible import ARTISTS_SCHEMA, FIELDS, SCHEMA


def strictly(text: str) -> Any:
    """Parse JSON as the standard has it: without NaN."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def exported(fake: Fake, folder: Path, **options: Any) -> list[dict[str, Any]]:
    """Export to a file, check both documents against their schemas, and return the objects."""
    out = folder / "out.json"
    report = export(fake.dataset, out, **options).report()
    document = strictly(out.read_text(encoding="utf-8"))
    Draft202012Validator(SCHEMA).validate(document)
    artists = strictly((folder / "out.artist_embeddings.json").read_text(encoding="utf-8"))
    Draft202012Validator(ARTISTS_SCHEMA).validate(artists)
    assert (report["tracks"], report["artists"]) == (len(document), len(artists))
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    return list(document)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    return one_track(tmp_path_factory.mktemp("one") / "dataset")


def test_every_field_has_its_value(fake: Fake, tmp_path: Path) -> None:
    objects = exported(fake, tmp_path)
    assert objects[0] == OBJECT
    assert list(objects[0]) == [field.name for field in FIELDS]


def test_what_a_track_does_not_have_is_null_or_empty(fake: Fake, tmp_path: Path) -> None:
    expected: dict[str, Any] = {name: [] if isinstance(value, list) else None for name, value in OBJECT.items()}
    embeddings = {name: None for name in OBJECT if name.endswith(("embedding", "separated"))}
    facts = {"track_id": track_id(1), "duration": 61.0}
    assert exported(fake, tmp_path)[1] == expected | embeddings | facts


def test_the_mapping_names_columns_that_exist() -> None:
    for source in {source for field in FIELDS for source in field.sources} - {"tracks.uris", "tracks.track_id"}:
        fragment, _, column = source.partition(".")
        assert column in FRAGMENTS[fragment].names


def test_sidecars_override_tags_as_they_do_in_queries(fake: Fake, tmp_path: Path) -> None:
    changed = fake.copy(tmp_path / "dataset")
    changed.file("/music/0 ü.wav", track_id(0), metadata={"artist": "Someone else", "year": "2001"})
    track_0 = exported(changed, tmp_path)[0]
    assert (track_0["artist"], track_0["year"]) == ("Someone else", 2001)


def test_a_dataset_of_tracks_alone_and_an_empty_one(tmp_path: Path) -> None:
    made = Fake(tmp_path / "dataset")
    made.run({"tracks": PRINTS["tracks"]})
    assert exported(made, tmp_path) == []
    made.rows("tracks", [track(3)], PRINTS["tracks"])
    assert [row["track_id"] for row in exported(made, tmp_path)] == [track_id(3)]


def test_a_snapshot_is_exported_as_it_was(fake: Fake, tmp_path: Path) -> None:
    changed = fake.copy(tmp_path / "dataset")
    create_snapshot(changed.dataset, "first")
    changed.rows("tracks", [track(2)], PRINTS["tracks"])
    assert len(exported(changed, tmp_path)) == 3
    assert len(exported(changed, tmp_path, snapshot="first")) == 2


def test_tracks_come_in_order_with_their_own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.aligned, "_PART_TRACKS", 7)
    monkeypatch.setattr(pipeline.aligned, "_WAITING_BYTES", 20_000)
    many = many_tracks(tmp_path / "dataset", 100)
    many.rows(
        "rhythm", [{"track_id": track_id(3), "tempo_bpm": 60 + 3 / 8, "beats_s": [3 / 8, 3 / 4]}], PRINTS["rhythm"]
    )
    many.rows("rhythm", [{"track_id": track_id(100), "tempo_bpm": 1.0}], PRINTS["rhythm"])  # of no track
    pitch = {row["track_id"]: row["f0_hz"] for row in many.dataset.table("pitch").to_pylist()}
    voices = many.dataset.table("singer")
    objects = exported(many, tmp_path)
    assert [row["track_id"] for row in objects] == [track_id(n) for n in range(100)]
    for n, row in enumerate(objects):
        assert (row["title"], row["tempo"], row["audio_path"]) == (f"Song {n}", 60 + n / 8, f"/music/{n}.wav")
        assert row["beat_positions"] == [[n / 8, n / 4]]
        assert np.float32(row["f0_contour"]).tolist() == pitch[row["track_id"]]
        assert (row["voice_embedding"] is None) == (n % 2 == 0)
    assert len(voices) == 50


def test_python_memory_does_not_grow_with_the_dataset(tmp_path: Path) -> None:
    many = many_tracks(tmp_path / "dataset", 1000, num_frames=200)
    export(many_tracks(tmp_path / "small", 5).dataset, tmp_path / "once.json")  # imports, caches
    tracemalloc.start()
    try:
        export(many.dataset, tmp_path / "out.json")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out.json").stat().st_size > 4e6  # as Python objects about 10 MB
    assert peak_bytes < 1.5e6


def test_arrow_memory_is_that_of_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.aligned, "_PART_TRACKS", 50)
    monkeypatch.setattr(pipeline.aligned, "_WAITING_BYTES", 400_000)
    many = many_tracks(tmp_path / "dataset", 1000, num_frames=1000, shards=20)  # 4 MB of contours, 200 kB a shard
    contents = current_contents(many.dataset)
    track_ids = [track_id(n) for n in range(1000)]
    held: list[int] = []
    append = Aligned._append

    def measured(*args: Any) -> None:
        append(*args)
        held.append(pa.total_allocated_bytes())

    monkeypatch.setattr(Aligned, "_append", measured)
    before = pa.total_allocated_bytes()
    aligned = Aligned.dealt(many.storage, contents, {"pitch": ["f0_hz"]}, track_ids, tmp_path)
    held += [pa.total_allocated_bytes() for _ in aligned]
    assert len(held) > 1000
    assert max(held) - before < 1.5e6


ANY_FLOAT = st.floats(width=32)


@given(st.lists(ANY_FLOAT))
def test_floats_are_written_short_and_exactly(values: list[float]) -> None:
    array = pa.array([values], pa.list_(pa.float32()))
    written = plain(array[0])
    for value, text in zip(values, written, strict=True):
        if math.isfinite(value):
            assert np.float32(text) == np.float32(value)
            assert len(repr(text)) <= len(repr(value))
        else:
            assert text is None
    assert [plain(pa.scalar(value, pa.float32())) for value in values] == written


def test_the_mean_voice_of_an_artist(tmp_path: Path) -> None:
    made = Fake(tmp_path / "dataset")
    names = ["A", "A", "A", "B", None, " "]
    made.rows("tracks", [track(n, artist=name) for n, name in enumerate(names)], PRINTS["tracks"])
    voices = {0: (1, 3.0), 1: (2, 1.0), 4: (5, 1.0), 5: (6, 1.0)}  # place and length of a vector along one axis
    rows = [{"track_id": track_id(n), "voice_embedding": one_hot(*voice)} for n, voice in voices.items()]
    made.rows("singer", [*rows, {"track_id": track_id(2)}], PRINTS["singer"])
    made.rows("singer", rows[:1], PRINTS["singer"])  # doubled by two builds that overlapped
    vocals = [{"track_id": track_id(3), "ecapa_embedding": [-2.0] + [0.0] * 191}]
    made.rows("singer_vocals", vocals, PRINTS["singer_vocals"], FRAGMENTS["singer_vocals"])
    made.run({name: PRINTS[name] for name in ("tracks", "singer", "singer_vocals")})
    table = artist_embeddings(made.dataset)
    assert table["artist"].to_pylist() == ["A", "B"]
    assert table["num_tracks"].to_pylist() == [3, 1]
    assert table["voice_embedding"][0].as_py() == pytest.approx((one_hot(1) + one_hot(2)) / math.sqrt(2))
    assert table["voice_embedding"][1].as_py() is None
    assert table["voice_embedding_vocals"].null_count == 2
    assert table["ecapa_embedding"][1].as_py() == [-1.0] + [0.0] * 191
    exported(made, tmp_path)
    document = strictly((tmp_path / "out.artist_embeddings.json").read_text())
    assert document["A"]["voice_embedding"] == pytest.approx(table["voice_embedding"][0].as_py())
    assert document["B"]["num_tracks"] == 1


def one_hot(place: int, length: float = 1.0) -> Any:
    vector = np.zeros(256)
    vector[place] = length
    return vector


def test_artists_come_in_the_order_of_their_names(fake: Fake) -> None:
    artists = {track_id(0): "Zoe", track_id(1): "Anna", track_id(2): "Zoe"}
    table = mean_voices(fake.storage, current_contents(fake.dataset), artists)
    assert (table["artist"].to_pylist(), table["num_tracks"].to_pylist()) == (["Anna", "Zoe"], [1, 2])


def test_an_export_that_fails_leaves_the_file_as_it_was(fake: Fake, tmp_path: Path) -> None:
    broken = fake.copy(tmp_path / "dataset")
    [shard] = broken.dataset.shards("pitch", PRINTS["pitch"])
    path = Path(broken.location) / "pitch" / shard.path
    path.write_bytes(path.read_bytes()[:-200])
    (tmp_path / "out.json").write_text("as it was")
    with pytest.raises(BuildFailedError):
        export(broken.dataset, tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset", "out.json"]


def test_the_command_reports_what_it_wrote(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "muzible"
    assert main(["export", fake.location, "--format", "muzible-v3.1", "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    artists_out = tmp_path / "muzible.artist_embeddings.json"
    assert report == {"tracks": 2, "out": str(out), "artists": 1, "artist_embeddings": str(artists_out)}
    assert len(json.loads(out.read_text())) == 2
    assert artists_out.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "{folder}"], "is a folder"),
        (["--out", "{folder}/no/such/out.json"], "cannot write --out"),
        (["--out", "{folder}/out.json", "--snapshot", "nope"], "no snapshot 'nope'"),
    ],
)
def test_bad_arguments_get_one_sentence(
    fake: Fake, tmp_path: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(folder=tmp_path) for word in words]
    assert main(["export", fake.location, "--format", "muzible-v3.1", *words]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
