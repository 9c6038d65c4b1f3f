"""Queries: right rows, one a track; nothing but reading; errors that help; every output format."""

import csv
import io
import json
import math
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes import FRAGMENTS, START, Fake, fingerprint, track, track_id
from jobs.main import main
from pipeline.accounts import standing_failures
from pipeline.contents import Contents
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.query import query_table, run_query
from pipeline.shards import encode
from pipeline.storage import Storage
from pipeline.views import open_views
from schemas.fragment import Fragment, column
from schemas.tables import TABLES

PRINTS = {name: fingerprint(name) for name in FRAGMENTS}
TRAP = 'it\'s a [data]* "set"; ü'
HOSTILE = "a\x1b[31m\nb\u202e; DROP TABLE tracks; --\t'\"` Ω 🎵"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """Four tracks in a folder whose name is a trap for SQL and globs; one has no rhythm, by a failure."""
    made = Fake(tmp_path_factory.mktemp("shared") / TRAP)
    made.run(PRINTS)
    tracks = [track(0), track(1, title=HOSTILE), track(2, artist=None), track(3)]
    made.rows("tracks", tracks, PRINTS["tracks"])
    rhythm = [
        {"track_id": track_id(n), "tempo_bpm": 100.0 + n, "beats_s": [0.5 * k for k in range(400 + n)]}
        for n in range(3)
    ]
    made.rows("rhythm", rhythm, PRINTS["rhythm"])
    made.rows("singer", [{"track_id": track_id(0), "voice_embedding": [0.25] * 256}], PRINTS["singer"])
    made.rows(
        "pitch", [{"track_id": track_id(0), "f0_hz": [220.0, math.nan], "voiced": [True, False]}], PRINTS["pitch"]
    )
    for n in range(4):
        made.file(f"/music/{n}{HOSTILE if n == 1 else ''}.wav", track_id(n))
    made.failure(track_id(3), "/music/3.wav", "rhythm", PRINTS["rhythm"])
    return made


@pytest.fixture
def fake(shared: Fake, tmp_path: Path) -> Fake:
    """A copy of it to change."""
    return shared.copy(tmp_path / TRAP)


def rows(fake: Fake, sql: str, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = query_table(fake.dataset, sql, **options).to_pylist()
    return found


def test_tracks_without_a_row_of_a_fragment_with_arrays_are_joined(tmp_path: Path) -> None:
    """DuckDB 2.0 fails in some such joins of arrays of a fixed size, by what lay in memory."""
    made = Fake(tmp_path / "data")
    made.run(PRINTS)
    made.rows("tracks", [track(n) for n in range(8)], PRINTS["tracks"])
    for n in range(8):
        made.file(f"/music/{n}.wav", track_id(n))
    for name, array, size in ("singer", "voice_embedding", 256), ("harmony", "chroma_mean", 12):
        known = [n for n in range(8) if name == "singer" or n % 4]
        made.rows(name, [{"track_id": track_id(n), array: [float(n)] * size} for n in known], PRINTS[name])
    for sql in (
        "SELECT * FROM features ORDER BY track_id",
        "SELECT t.*, h.chroma_mean FROM tracks t LEFT JOIN harmony h USING (track_id) ORDER BY track_id",
    ):
        found = rows(made, sql)
        assert [row["chroma_mean"] for row in found] == [[float(n)] * 12 if n % 4 else None for n in range(8)]


def test_features_have_one_row_a_track_and_every_column_once(shared: Fake) -> None:
    table = query_table(shared.dataset, "SELECT * FROM features ORDER BY track_id")
    assert table["track_id"].to_pylist() == [track_id(n) for n in range(4)]
    assert table["tempo_bpm"].to_pylist() == [100.0, 101.0, 102.0, None]
    assert len(set(table.column_names)) == len(table.column_names)
    assert table.column_names[:2] == ["track_id", "uris"]
    assert {name for fragment in FRAGMENTS.values() for name in fragment.names} <= set(table.column_names)


def test_every_fragment_is_a_view_with_track_id_first(shared: Fake) -> None:
    for name in FRAGMENTS:
        assert query_table(shared.dataset, f"SELECT * FROM {name}").column_names[0] == "track_id"
    views = [row["name"] for row in rows(shared, "SHOW TABLES")]
    assert sorted(views) == sorted([*FRAGMENTS, "features", "files", "failures", "runs"])


def test_doubled_rows_are_read_once(fake: Fake) -> None:
    fake.rows("rhythm", [{"track_id": track_id(n), "tempo_bpm": 100.0 + n} for n in (1, 2)], PRINTS["rhythm"])
    fake.rows("tracks", [track(2, artist=None), track(3)], PRINTS["tracks"])
    assert rows(fake, "SELECT count(*) AS n FROM rhythm") == [{"n": 3}]
    assert rows(fake, "SELECT count(*) AS n, sum(tempo_bpm) AS s FROM features") == [{"n": 4, "s": 303.0}]


def test_rows_of_another_fingerprint_are_not_read(fake: Fake) -> None:
    new = fingerprint("rhythm with another setting")
    fake.run(PRINTS | {"rhythm": new}, promoted={}, status="running")
    fake.rows("rhythm", [{"track_id": track_id(0), "tempo_bpm": 1.0}], new)
    assert rows(fake, "SELECT min(tempo_bpm) AS low FROM rhythm") == [{"low": 100.0}]
    fake.run(PRINTS | {"rhythm": new})
    assert rows(fake, "SELECT tempo_bpm FROM rhythm") == [{"tempo_bpm": 1.0}]


def test_uris_are_the_files_that_are_there(fake: Fake) -> None:
    fake.file("/music/copy.wav", track_id(0))
    fake.file("/music/2.wav", track_id(2), missing=True)
    found = rows(fake, "SELECT uris FROM tracks WHERE artist IS NULL OR title = 'Song 0' ORDER BY track_id")
    assert found == [{"uris": ["/music/0.wav", "/music/copy.wav"]}, {"uris": []}]
    assert rows(fake, "SELECT count(*) AS n FROM files WHERE uri = '/music/2.wav'") == [{"n": 1}]


def test_the_sidecar_overrides_tags(fake: Fake) -> None:
    sidecar = {"artist": "From the sidecar", "year": "1999", "track_number": "B2", "licence": "CC0"}
    fake.file("/music/0.wav", track_id(0), metadata=sidecar)
    [row] = rows(fake, f"SELECT * FROM tracks WHERE track_id = '{track_id(0)}'")
    assert (row["artist"], row["year"], row["track_number"]) == ("From the sidecar", 1999, None)
    assert row["title"] == "Song 0"
    assert json.loads(row["metadata"]) == sidecar
    assert rows(fake, "SELECT metadata->>'licence' AS l FROM features WHERE metadata IS NOT NULL") == [{"l": "CC0"}]


def test_of_two_sidecars_the_one_of_a_file_that_is_there_counts_and_then_that_of_the_first(fake: Fake) -> None:
    for number, uri, missing, words in [
        (0, "/music/a.wav", True, {"title": "gone"}),
        (0, "/music/c.wav", False, {"title": "third"}),
        (0, "/music/b.wav", False, {"title": "second"}),
        (2, "/music/2.wav", True, {"title": "all that is left"}),
    ]:
        fake.file(uri, track_id(number), missing, words)
    found = rows(fake, "SELECT title FROM tracks WHERE metadata IS NOT NULL ORDER BY track_id")
    assert found == [{"title": "second"}, {"title": "all that is left"}]


def test_every_column_that_a_sidecar_may_give_is_taken_from_it(fake: Fake) -> None:
    words = ("title", "artist", "album", "album_artist", "genre_tag", "isrc", "rights")
    sidecar = {word: f"the {word}" for word in words}
    fake.file("/music/0.wav", track_id(0), metadata=sidecar | {"year": "1999", "track_number": "1000"})
    [row] = rows(fake, f"SELECT * FROM tracks WHERE track_id = '{track_id(0)}'")
    assert {word: row[word] for word in words} == sidecar
    assert (row["year"], row["track_number"]) == (1999, 1000)


def test_embeddings_compare(shared: Fake) -> None:
    sql = "SELECT list_cosine_similarity(voice_embedding, voice_embedding) AS same FROM singer"
    assert rows(shared, sql) == [{"same": pytest.approx(1.0)}]
    as_array = "SELECT array_cosine_similarity(v, v) AS same FROM (SELECT voice_embedding::FLOAT[256] AS v FROM singer)"
    assert rows(shared, as_array) == [{"same": pytest.approx(1.0)}]
    [found] = query_table(shared.dataset, "SELECT voice_embedding AS v FROM features WHERE v IS NOT NULL")
    assert found.type.value_type == pa.float32()
    assert [len(embedding) for embedding in found.to_pylist()] == [256]


def test_a_fragment_whose_every_track_failed_has_its_columns(shared: Fake) -> None:
    assert rows(shared, "SELECT key, chords FROM features WHERE key IS NOT NULL") == []
    assert rows(shared, "SELECT * FROM harmony") == []


def test_an_empty_dataset_answers(tmp_path: Path) -> None:
    empty = Fake(tmp_path)
    empty.run({"tracks": PRINTS["tracks"]}, status="running")
    assert rows(empty, "SELECT * FROM features") == []
    assert rows(empty, "SELECT * FROM failures") == []
    assert rows(empty, "SELECT count(*) AS n FROM files") == [{"n": 0}]


def test_columns_of_the_same_name_are_told_apart_in_features(fake: Fake) -> None:
    for name in ("one", "two"):
        columns = (column("model", pa.string(), doc="."), column("title", pa.string(), doc="."))
        fragment = Fragment(name, 1, "A fragment of one's own.", columns)
        row = {"track_id": track_id(0), "model": f"{name}'s", "title": "no title"}
        fake.rows(name, [row], fingerprint(name), fragment)
    fake.run({"one": fingerprint("one"), "two": fingerprint("two")})
    sql = "SELECT one_model, two_model, two_title, title FROM features WHERE one_model IS NOT NULL"
    assert rows(fake, sql) == [{"one_model": "one's", "two_model": "two's", "two_title": "no title", "title": "Song 0"}]


ATTACKS = [
    "COPY (SELECT 1) TO 'x.csv'",
    "COPY features TO '{root}/evil.parquet'",
    "WITH x AS (COPY (SELECT 1) TO '{root}/evil.csv') SELECT 1",
    "SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '{root}/evil.csv') SELECT 1)",
    "SELECT * FROM query('WITH x AS (COPY (SELECT 1) TO ''{root}/evil.csv'') SELECT 1')",
    "WITH x AS (INSERT INTO tracks VALUES (1) RETURNING *) SELECT * FROM x",
    "ATTACH '{root}/evil.db' AS evil",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "CREATE TABLE t AS SELECT 1",
    "DROP VIEW tracks",
    "DELETE FROM tracks",
    "UPDATE tracks SET title = 'mine'",
    "EXPORT DATABASE '{root}/evil'",
    "IMPORT DATABASE '/tmp'",
    "CALL pragma_version()",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{root}/evil.csv'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{root}/evil.csv'",
    "PREPARE p AS SELECT 1",
    "CHECKPOINT",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('{root}/runs/_delta_log/00000000000000000000.json')",
    "SELECT * FROM read_text('{root}/../secret.txt')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('{root}/rhythm/*/*.parquet')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM 'http://127.0.0.1:1/x.parquet'",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT getenv('HOME')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM contents",  # a Python variable of the caller
    "SELECT * FROM sql",
    "SELECT * FROM shards.files; DETACH shards",
    "",
    "-- nothing",
    "SELEC 1",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_queries_read_and_reach_nothing_else(shared: Fake, attack: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(shared.location)
    (root.parent / "secret.txt").write_text("secret")
    before = sorted(root.parent.rglob("*"))
    contents = pa.table({"secret": [1]})
    assert len(contents) == 1
    sql = attack.replace("{root}", shared.location.replace("'", "''"))
    assert main(["query", shared.location, sql]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("muze query: ")
    assert said.err.count("\n") == 1
    assert sorted(root.parent.rglob("*")) == before


def test_nothing_is_left_of_the_spill_folder_and_settings_hold(shared: Fake) -> None:
    [row] = rows(shared, "SELECT current_setting('temp_directory') AS d, current_setting('lock_configuration') AS l")
    assert row["l"] is True
    assert not Path(row["d"]).exists()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT r.beats FROM rhythm r", "there is no column 'beats' (did you mean beats_s"),
        ("SELECT * EXCLUDE (tempo) FROM rhythm", "there is no column 'tempo'"),
        ("SELECT tempo_bpm FROM rhythm ORDER BY tempos_bpm", "there is no column 'tempos_bpm' (did you mean tempo_bpm"),
        ("SELECT * FROM rythm", "there is no view 'rythm' (did you mean rhythm?): there are"),
        ("SELECT * FROM artist", "there is no view 'artist' (did you mean artists?): there are"),
        ("SELECT x.title FROM tracks", "there is no view 'x': there are"),
        ("SELECT title FROM tracks WHERE title = ?", "parameters"),
        ("SELECT CAST(title AS INTEGER) FROM tracks", "Conversion Error"),
        ("SELECT nofunction(title) FROM tracks", "nofunction"),
    ],
)
def test_errors_name_what_there_is(shared: Fake, sql: str, said: str) -> None:
    with pytest.raises(BadArgumentError) as caught:
        query_table(shared.dataset, sql)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    if "no column" in said:
        assert "track_id" in message
        assert "time_signature" in message


def test_of_many_columns_the_nearest_are_named(shared: Fake) -> None:
    with pytest.raises(BadArgumentError) as caught:
        query_table(shared.dataset, "SELECT title, tempo_bmp FROM features")
    message = str(caught.value)
    assert message.startswith("there is no column 'tempo_bmp', the nearest are tempo_bpm, ")
    assert message.endswith("'muze schema show FRAGMENT' lists the others")
    named = [name for name in FRAGMENTS["rhythm"].names if re.search(rf"\b{name}\b", message)]
    assert len(message) < 150
    assert len(named) <= 3


def test_a_megabyte_of_bytes_is_shown_by_its_size(shared: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT title, repeat('\\x00'::BLOB, 2000000) AS mel FROM tracks WHERE title = 'Song 0'"
    assert main(["query", shared.location, sql]) == 0
    assert capsys.readouterr().out.splitlines()[2].split() == ["Song", "0", "1.9", "MiB", "of", "bytes"]


def test_a_missing_shard_is_a_failure_and_not_the_askers_fault(fake: Fake) -> None:
    [shard] = fake.dataset.shards("rhythm")
    Path(fake.location, "rhythm", shard.path).unlink()
    with pytest.raises(BuildFailedError, match="rhythm"):
        query_table(fake.dataset, "SELECT * FROM rhythm")


def test_a_shard_that_goes_bad_while_it_is_read_is_a_failure(fake: Fake) -> None:
    [shard] = fake.dataset.shards("rhythm")
    path = Path(fake.location, "rhythm", shard.path)
    with run_query(fake.dataset, "SELECT track_id FROM tracks") as answer:
        assert answer.schema.names == ["track_id"]
    data = path.read_bytes()
    path.write_bytes(bytes(200) + data[200:])
    with pytest.raises(BuildFailedError, match="cannot be read"):
        query_table(fake.dataset, "SELECT beats_s FROM rhythm")


def test_rows_behind_an_object_store_are_read_through_its_filesystem() -> None:
    storage = Storage("memory://bucket/data set")
    filesystem = fsspec.filesystem("memory")
    shards: dict[str, Any] = {name: [] for name in (*TABLES, "tracks")}
    fake = Fake(Path("/nowhere"))
    for number in range(2):
        table = pa.Table.from_pylist([track(number)], schema=FRAGMENTS["tracks"].schema)
        filesystem.pipe(f"memory://bucket/data set/tracks/{number}.parquet", encode(table))
        shards["tracks"].append(_shard(f"{number}.parquet"))
    row = fake.file_row("s3://music/1.wav", track_id(1))
    filesystem.pipe("memory://bucket/data set/files/f.parquet", encode(pa.Table.from_pylist([row], TABLES["files"])))
    shards["files"] = [_shard("f.parquet")]
    with open_views(storage, Contents({"tracks": PRINTS["tracks"]}, shards)) as connection:
        found = connection.sql("SELECT title, uris FROM features ORDER BY title").fetchall()
    assert found == [("Song 0", []), ("Song 1", ["s3://music/1.wav"])]


def _shard(path: str) -> Any:
    from pipeline.delta import Shard

    return Shard(path, 1, 1)


URIS = ("/a", "/b")
EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["failure", "over"]), st.sampled_from([None, 0, 1]), st.sampled_from(URIS), st.booleans()
        ),
        st.tuples(st.just("file"), st.sampled_from([None, 0, 1]), st.sampled_from(URIS), st.booleans()),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, with_rows=st.sets(st.sampled_from([0, 1])))
def test_standing_failures_are_the_same_in_sql_and_in_planning(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any], with_rows: set[int]
) -> None:
    fake = Fake(tmp_path_factory.mktemp("failures"))
    fake.run({"tracks": PRINTS["tracks"], "level": PRINTS["level"]})
    failures, files = [], []
    for kind, number, uri, flag in events:
        identity = None if number is None else track_id(number)
        if kind in ("failure", "over"):
            fragment = "tracks" if identity is None else "level"
            print_ = PRINTS[fragment] if flag else fingerprint("older")
            attempts = {"attempts": 0} if kind == "over" else {}
            failures.append(fake.failure_row(identity, uri, fragment, print_) | attempts)
        else:
            files.append(fake.file_row(uri, identity, missing=flag))
    if failures:
        fake.plain("failures", failures)
    if files:
        fake.plain("files", files)
    if with_rows:
        fake.rows("level", [{"track_id": track_id(number)} for number in sorted(with_rows)], PRINTS["level"])
    planned = standing_failures(fake.dataset, fake.dataset.current())
    asked = rows(fake, "SELECT * FROM failures")
    assert sorted(map(_failure_key, asked)) == sorted(map(_failure_key, planned))


def _failure_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["track_id"] or "", row["uri"], row["fragment"], (row["failed_at"] - START) / timedelta(seconds=1)


def test_table_output_is_short_and_harmless(
    shared: Fake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    sql = "SELECT title, tempo_bpm / 3 AS third, beats_s, uris FROM features ORDER BY track_id"
    assert main(["query", shared.location, sql]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert len(lines) == 2 + 4
    assert "[0, 0.5, … 400 values]" in lines[2]
    assert "33.33" in lines[2]
    assert all(line.isprintable() for line in lines)
    assert all(len(line) <= 100 for line in lines)
    assert "\\x1b[31m\\nb\\u202e" in out


def test_wide_rows_are_shown_a_value_a_line(
    shared: Fake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["query", shared.location, "SELECT * FROM features"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("── row 1 ──") == 1
    assert lines.count("── row 4 ──") == 1
    assert any(line.startswith("tempo_bpm ") for line in lines)
    assert max(map(len, lines)) <= 70


def test_an_empty_result_is_fine_in_every_format(
    shared: Fake, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sql = "SELECT title, beats_s FROM features WHERE false"
    assert main(["query", shared.location, sql]) == 0
    assert capsys.readouterr().out.split() == ["title", "beats_s", "─" * 5, "─" * 7]
    assert main(["query", shared.location, sql, "--format", "csv"]) == 0
    assert capsys.readouterr().out == "title,beats_s\n"
    assert main(["query", shared.location, sql, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    out = tmp_path / "empty.parquet"
    assert main(["query", shared.location, sql, "--format", "parquet", "--out", str(out)]) == 0
    assert pq.read_table(out).num_rows == 0


def test_json_gives_every_value(shared: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    sql = """SELECT title, beats_s, f0_hz, voiced, sum(num_bytes) OVER () AS total, 1.5::DECIMAL(4, 2) AS half,
        'inf'::DOUBLE AS most, MAP {'a': [1]} AS m, '\\xC3\\xA9'::BLOB AS raw,
        INTERVAL 90 SECOND AS span, DATE '2020-02-03' AS d
        FROM features ORDER BY track_id"""
    assert main(["query", shared.location, sql, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 4
    assert found[0]["beats_s"] == [0.5 * k for k in range(400)]
    assert found[0]["f0_hz"] == [220.0, None]
    assert found[0]["voiced"] == [True, False]
    assert (found[0]["total"], found[0]["half"], found[0]["most"], found[0]["m"]) == (4000, 1.5, None, {"a": [1]})
    assert (found[0]["raw"], found[0]["d"]) == ("w6k=", "2020-02-03")
    assert found[1]["title"] == HOSTILE


def test_csv_reads_back(shared: Fake, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    sql = "SELECT title, tempo_bpm, beats_s, tempo_bpm > 100 AS fast FROM features ORDER BY track_id"
    assert main(["query", shared.location, sql, "--format", "csv", "--out", str(out)]) == 0
    found = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"), newline="")))
    assert [row["title"] for row in found] == ["Song 0", HOSTILE, "Song 2", "Song 3"]
    assert json.loads(found[2]["beats_s"]) == [0.5 * k for k in range(402)]
    assert [row["fast"] for row in found] == ["false", "true", "true", ""]
    assert found[3]["tempo_bpm"] == ""


def test_parquet_is_exact(shared: Fake, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert main(["query", shared.location, "SELECT * FROM pitch", "--format", "parquet", "--out", str(out)]) == 0
    [row] = pq.read_table(out).to_pylist()
    assert row["f0_hz"][0] == 220.0
    assert math.isnan(row["f0_hz"][1])


def test_repeated_column_names_are_numbered(shared: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", shared.location, "SELECT 1 AS a, 2 AS a, 3 AS a_1", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "a_1": 2, "a_1_1": 3}]


def test_a_query_that_fails_half_way_leaves_no_file_or_the_one_that_was_there(shared: Fake, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    sql = "SELECT CASE WHEN i = 5000 THEN error('boom') ELSE i END FROM range(6000) t(i)"
    assert main(["query", shared.location, sql, "--format", "csv", "--out", str(out)]) == 2
    assert not out.exists()
    out.write_text("of last week")
    assert main(["query", shared.location, sql, "--format", "csv", "--out", str(out)]) == 2
    assert out.read_text() == "of last week"


@pytest.mark.parametrize(
    "words",
    [
        ["query", "{nowhere}", "SELECT 1"],
        ["query", "{dataset}", "SELECT 1", "--format", "parquet"],
        ["query", "{dataset}", "SELECT 1", "--out", "{nowhere}/out.csv"],
        ["query", "{dataset}", "SELECT 1", "--snapshot", "none"],
        ["query", "{dataset}", "SELECT 1", "--snapshot", "../runs"],
    ],
)
def test_bad_arguments_exit_2_with_a_sentence(
    shared: Fake, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert main([word.replace("{nowhere}", nowhere).replace("{dataset}", shared.location) for word in words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_long_tables_say_that_there_is_more(shared: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", shared.location, "SELECT i FROM range(3000) t(i)"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1002
    assert "first 1000 rows" in said.err


def test_artists_are_a_view_of_their_mean_voices(fake: Fake) -> None:
    rows = query_table(fake.dataset, "select artist, num_tracks from artists order by artist").to_pylist()
    tracks = query_table(fake.dataset, "select artist, count(*) as n from tracks group by 1 order by 1").to_pylist()
    assert rows == [{"artist": row["artist"], "num_tracks": row["n"]} for row in tracks if row["artist"]]
