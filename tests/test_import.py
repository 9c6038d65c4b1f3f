"""Import: what a file says comes back as it was; nothing twice, nothing of what a build made, nothing of bad files."""

import io
import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline.importing
import pipeline.json_objects
from fakes import Fake, track, track_id
from harness import assert_same, dump
from jobs.main import main
from muzible_data import FRAGMENTS, OBJECT, PRINTS, ROWS, many_tracks, one_track
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.export import export
from pipeline.importing import import_muzible
from pipeline.json_objects import json_objects
from pipeline.live import Presence
from pipeline.query import query_table
from pipeline.status import status_report

FOREIGN: dict[str, Any] = {
    "audio_path": "music/fma_small/000/000123.mp3",
    "track_id": 123,
    "artist": "Artist Name",
    "year": 2023.0,
    "duration": 180.5,
    "tempo": 128,
    "lyrics": "",
    "has_vocals": False,
    "energy": math.nan,
    "voice_embedding": None,
    "f0_contour": [440, 0, math.nan, 220.5],
    "chord_progression": ["C:maj"],
    "anything_else": {"is": "left out"},
}
"""As Python programs write such files: fields missing, integers for floats, NaN, an id of its own."""


@pytest.fixture(autouse=True)
def _every_fragment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fragments of the format that have no featurizer yet can be imported, too."""
    monkeypatch.setattr(pipeline.importing, "known_fragments", lambda: FRAGMENTS)


def write(folder: Path, objects: Any, name: str = "in.json", **options: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(objects, **options), encoding="utf-8")
    return path


def exported(dataset: Dataset, folder: Path) -> Any:
    export(dataset, folder / "exported.json")
    return json.loads((folder / "exported.json").read_text(encoding="utf-8"))


def rows(location: Path, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = query_table(open_dataset(str(location)), sql).to_pylist()
    return found


def test_an_exported_file_comes_back_but_for_chords_and_lyrics_of_segments(tmp_path: Path) -> None:
    first = exported(one_track(tmp_path / "first").dataset, tmp_path)
    report = import_muzible(tmp_path / "exported.json", str(tmp_path / "second"))
    assert (report["tracks"], report["new"], report["left_alone"]) == (2, 2, [])
    second = exported(open_dataset(str(tmp_path / "second")), tmp_path)
    for row in first:
        row["chord_progression"] = []
        for segment in row["segments"]:
            segment.pop("lyrics", None)
    assert second == first
    assert [row["f0_hop_s"] for row in rows(tmp_path / "second", "SELECT f0_hop_s FROM pitch")] == [pytest.approx(1.01)]


def test_many_tracks_come_back(tmp_path: Path) -> None:
    first = exported(many_tracks(tmp_path / "first", 150).dataset, tmp_path)
    import_muzible(tmp_path / "exported.json", str(tmp_path / "second"))
    assert exported(open_dataset(str(tmp_path / "second")), tmp_path) == first


@pytest.mark.parametrize("batch", [64, 1])
def test_importing_again_adds_what_is_new_and_nothing_twice(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.importing, "_BATCH_TRACKS", batch)
    out = tmp_path / "dataset"
    objects = [OBJECT | {"track_id": track_id(n), "audio_path": f"/music/{n}.wav"} for n in range(3)]
    import_muzible(write(tmp_path, objects[:2]), str(out))
    before = dump(out)
    assert import_muzible(write(tmp_path, objects[:2]), str(out))["fragments"] == dict.fromkeys(
        before.keys() - {"failures"}, 0
    )
    assert_same(dump(out), before, 0)
    report = import_muzible(
        write(tmp_path, [OBJECT | {"title": "another"}, *objects, objects[2] | {"title": "later"}]), str(out)
    )
    assert (report["tracks"], report["new"], set(report["fragments"].values())) == (5, 1, {1})
    after = dump(out)
    assert {name: len(found) for name, found in after.items()} == dict.fromkeys(ROWS, 3) | {"failures": 0}
    assert after["tracks"][:2] == before["tracks"], "what was imported stays"
    assert after["tracks"][2]["title"] == OBJECT["title"], "the first of a file counts"
    assert sum(shard.num_rows for shard in open_dataset(str(out)).shards("pitch")) == 3
    uris = open_dataset(str(out)).system_rows("files")["uri"].to_pylist()
    assert len(uris) == len(set(uris)) == 4
    status = status_report(open_dataset(str(out)))
    assert status["tracks"] == 3
    assert {f"{f['rows']} {f['missing']} {f['stale']}" for f in status["fragments"].values()} == {"3 0 0"}


def test_a_file_from_elsewhere(tmp_path: Path) -> None:
    import_muzible(write(tmp_path, [FOREIGN], indent=2), str(tmp_path / "dataset"))
    [row] = rows(tmp_path / "dataset", "SELECT * FROM features")
    assert len(row["track_id"]) == 32
    assert row["uris"] == [FOREIGN["audio_path"]]
    assert (row["artist"], row["year"], row["tempo_bpm"], row["text"]) == ("Artist Name", 2023, 128.0, "")
    assert (row["has_vocals"], row["duration_s"], row["title"]) == (False, 180.5, None)
    assert str(row["f0_hz"]) == "[440.0, nan, nan, 220.5]"
    assert row["f0_hop_s"] == pytest.approx(180.5 / 3)
    assert open_dataset(str(tmp_path / "dataset")).fragments == ["tracks", "lyrics", "pitch", "rhythm"]
    again = import_muzible(write(tmp_path, [FOREIGN]), str(tmp_path / "dataset"))
    assert again["new"] == 0


def test_what_a_build_has_filled_is_left_alone(tmp_path: Path) -> None:
    made = Fake(tmp_path / "dataset")
    made.run({name: PRINTS[name] for name in ("tracks", "rhythm")})
    made.rows("tracks", [track(0)], PRINTS["tracks"])
    made.rows("rhythm", [{"track_id": track_id(0), "tempo_bpm": 77.0}], PRINTS["rhythm"])
    report = import_muzible(write(tmp_path, [OBJECT]), made.location)
    assert report["left_alone"] == ["rhythm", "tracks"]
    assert report["new"] == 0
    assert not {"tracks", "rhythm"} & report["fragments"].keys()
    [row] = rows(tmp_path / "dataset", "SELECT title, tempo_bpm, key FROM features")
    assert row == {"title": "Song 0", "tempo_bpm": 77.0, "key": "F# minor"}


def test_a_dataset_at_which_a_build_works_is_left_alone(tmp_path: Path) -> None:
    made = one_track(tmp_path / "dataset")
    before = dump(made.location)
    with Presence(made.storage, "somebody"), pytest.raises(BuildFailedError, match="a build is at work"):
        import_muzible(write(tmp_path, [FOREIGN]), made.location)
    assert_same(dump(made.location), before, 0)


def test_a_failed_import_shows_nothing_and_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write(tmp_path, [OBJECT]), tmp_path / "dataset"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(pipeline.importing, "compact", full)
        with pytest.raises(BuildFailedError, match="No space left on device"):
            import_muzible(path, str(out))
    assert open_dataset(str(out)).current() == {}
    assert open_dataset(str(out)).runs()[0]["status"] == "failed"
    import_muzible(path, str(out))
    assert len(rows(out, "SELECT * FROM features")) == 1


BAD_FILES: dict[str, tuple[str, str]] = {
    "empty": ("", "it does not begin with an array"),
    "an object": ("{}", "it does not begin with an array"),
    "not objects": ("[1]", "item 1 is no object"),
    "cut": (json.dumps([OBJECT, OBJECT])[:-40], "object 2 is malformed"),
    "no end": ("[", "item 1 is no object"),
    "trailing comma": (json.dumps([OBJECT])[:-1] + ", ]", "item 2 is no object"),
    "no comma": (json.dumps([OBJECT])[:-1] + " {}]", "object 1 is followed by neither a comma nor the end"),
    "more": (json.dumps([OBJECT]) + "[]", "something follows the array"),
    "nested": ("[" + '{"a":' * 100_000, "object 1 is nested too deeply"),
    "no path": ('[{"track_id": 5}]', "in object 1 there is neither audio_path nor a track_id of 32 hex digits"),
    "path": ('[{"audio_path": 5}]', "in object 1 audio_path is 5, which is no path"),
    "surrogate": ('[{"audio_path": "\\ud800"}]', "surrogates not allowed"),
}
BAD_VALUES: dict[str, tuple[Any, str]] = {
    "artist": (5, "artist is 5, which is no string"),
    "year": (1999.5, "year is 1999.5, which is no int16"),
    "duration": ("1:30", "duration is '1:30', which is no float64"),
    "sample_rate": (2**40, "which is no int32"),
    "tempo": (True, "tempo is True, which is no float32"),
    "energy": (1e300, "energy is 1e+300, which is no float32"),
    "has_vocals": (1, "has_vocals is 1, which is no bool"),
    "voice_embedding": ([0.5] * 255, "which is no float32[256]"),
    "ecapa_embedding": ([0.5] * 191 + [math.nan], "which is no float32[192]"),
    "beat_positions": ([[0.0, 0.5, 1.0]], "which is no list<float32>"),
    "downbeat_positions": ("0.5", "downbeat_positions is '0.5', which is no list<float32>"),
    "breath_positions": ([[0.5, None]], "which is no list<struct>"),
    "phoneme_timestamps": ([{"phoneme": "a"}], "which is no list<struct>"),
    "segments": ([{"start": 0.0, "end": "1"}], "which is no list<struct>"),
    "f0_contour": ([440.0, "x"], "which is no list<float32>"),
    "f0_voiced_mask": ([True, None], "which is no list<bool>"),
}


@pytest.mark.parametrize("case", [*BAD_FILES, *BAD_VALUES])
def test_a_bad_file_gets_one_sentence_and_writes_nothing(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if case in BAD_FILES:
        text, sentence = BAD_FILES[case]
    else:
        value, sentence = BAD_VALUES[case]
        text, sentence = json.dumps([OBJECT, OBJECT | {case: value}]), sentence
    path = tmp_path / "in.json"
    path.write_text(text)
    assert main(["import", str(path), "--out", str(tmp_path / "dataset")]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert "is no muzible-v3.1 file: " in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "dataset").exists()


def test_bad_places_get_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, [OBJECT])
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe")
    for words, sentence in (
        (["/no/such.json", "--out", str(tmp_path / "dataset")], "cannot read '/no/such.json'"),
        ([str(binary), "--out", str(tmp_path / "dataset")], "is no muzible-v3.1 file: 'utf-8' codec"),
        ([str(path), "--out", str(tmp_path)], "is not empty and no muze dataset"),
    ):
        assert main(["import", *words]) == 2
        assert sentence in capsys.readouterr().err


def test_the_command_reports_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["import", str(write(tmp_path, [FOREIGN])), "--out", str(tmp_path / "dataset")]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "tracks": 1,
        "new": 1,
        "out": str(tmp_path / "dataset"),
        "fragments": {"tracks": 1, "rhythm": 1, "pitch": 1, "lyrics": 1},
        "left_alone": [],
    }
    assert main(words) == 0
    assert "1 tracks, 0 of them new" in capsys.readouterr().out


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text('ab\\"\n ü'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab{}[],"), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text("ab"), JSON, max_size=3), max_size=5),
    st.sampled_from([None, 2]),
    st.integers(1, 9),
)
def test_objects_are_read_whatever_the_chunks_cut(objects: list[Any], indent: int | None, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.json_objects, "_CHUNK_CHARACTERS", size)
        assert list(json_objects(io.StringIO(json.dumps(objects, indent=indent)))) == objects


def test_reading_keeps_one_object_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.json_objects, "_CHUNK_CHARACTERS", 2**14)
    file = io.StringIO(json.dumps([{"f0_contour": [1.5] * 1500}] * 300))  # as Python objects about 10 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in json_objects(file)) == 300
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 0.5e6


def test_nobody_is_told_of_an_import_that_was_refused(tmp_path: Path) -> None:
    made = one_track(tmp_path / "dataset")
    before = dump(made.location), len(made.dataset.runs())
    with pytest.raises(BadArgumentError, match="in object 2 tempo"):
        import_muzible(write(tmp_path, [FOREIGN, FOREIGN | {"tempo": "x"}]), made.location)
    assert_same((dump(made.location), len(made.dataset.runs())), before, 0)
