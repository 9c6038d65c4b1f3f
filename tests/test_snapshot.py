"""Snapshots: a moment pinned for good, whatever is built, compacted or collected later."""

import json
from pathlib import Path
from typing import Any

import pytest

import pipeline.snapshot
from fakes import Fake, fingerprint, track, track_id
from jobs.commands.snapshot import shares
from jobs.main import main
from pipeline.compact import compact
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.gc import collect_garbage
from pipeline.query import query_table
from pipeline.snapshot import create_snapshot, load_snapshot, snapshot_names
from schemas.fragments.rhythm import RHYTHM

OLD = {"tracks": fingerprint("tracks"), "rhythm": fingerprint("rhythm"), "timbre": fingerprint("timbre")}
NEW = OLD | {"rhythm": fingerprint("rhythm, changed")}


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    made = Fake(tmp_path / "music data")
    made.run(OLD)
    made.rows("tracks", [track(n, artist=f"Artist {n // 2}") for n in range(20)], OLD["tracks"])
    made.rows("rhythm", [{"track_id": track_id(n), "tempo_bpm": 100.0 + n} for n in range(20)], OLD["rhythm"])
    made.plain("files", [made.file_row(f"/music/{n}.wav", track_id(n)) for n in range(20)])
    made.failure(None, "/music/broken.wav", "tracks", OLD["tracks"])
    return made


def recompute(fake: Fake) -> None:
    """Another setting for rhythm, one more track, a file gone, a failure more."""
    fake.run(NEW)
    fake.rows("tracks", [track(20)], NEW["tracks"])
    fake.rows("rhythm", [{"track_id": track_id(n), "tempo_bpm": 1.0} for n in range(21)], NEW["rhythm"])
    fake.file("/music/0.wav", track_id(0), missing=True)
    fake.failure(None, "/music/other.wav", "tracks", NEW["tracks"])


def everything(fake: Fake, snapshot: str | None = None) -> list[list[dict[str, Any]]]:
    tables = ("features", "rhythm", "files", "failures", "runs")
    return [query_table(fake.dataset, f"SELECT * FROM {name} ORDER BY 1, 2", snapshot).to_pylist() for name in tables]


def test_a_snapshot_reads_the_same_after_everything_changed(fake: Fake) -> None:
    before = everything(fake)
    create_snapshot(fake.dataset, "first")
    for n in range(10):  # enough small shards to compact
        fake.rows("rhythm", [{"track_id": track_id(100 + n), "tempo_bpm": 2.0}], OLD["rhythm"])
    recompute(fake)
    compact(fake.dataset, OLD)
    collect_garbage(fake.dataset)
    assert everything(fake, "first") == before
    assert everything(fake) != before
    pinned = fake.dataset.table("rhythm", ["tempo_bpm"], snapshot="first")
    assert sorted(pinned["tempo_bpm"].to_pylist()) == [100.0 + n for n in range(20)]
    assert fake.dataset.table("rhythm")["tempo_bpm"].to_pylist() == [1.0] * 21


def test_what_is_stored_names_every_file_and_version(fake: Fake) -> None:
    create_snapshot(fake.dataset, "first", seed=7)
    document = json.loads(Path(fake.location, "snapshots", "first.json").read_text())
    assert document["fragments"]["rhythm"] == {"fingerprint": OLD["rhythm"], "version": RHYTHM.version}
    assert document["fragments"]["timbre"] == {"fingerprint": OLD["timbre"], "version": None}
    assert set(document["tables"]) == {*OLD, "files", "failures", "runs"}
    for name, shards in document["tables"].items():
        for shard in shards:
            assert Path(fake.location, name, shard["path"]).stat().st_size == shard["num_bytes"]
    assert sum(shard["num_rows"] for shard in document["tables"]["tracks"]) == 20
    split = document["split"]
    assert (split["seed"], split["shares"]) == (7, {"train": 0.9, "valid": 0.05, "test": 0.05})
    assert sorted(i for ids in split["tracks"].values() for i in ids) == [track_id(n) for n in range(20)]


def test_the_split_keeps_artists_and_near_identical_content_together(fake: Fake) -> None:
    spectrum = [-120.0, *[60.0 - n for n in range(19)]]
    copies = [{"track_id": track_id(n), "mfcc_mean": spectrum} for n in (0, 19)]
    fake.rows(
        "tracks", [track(30, duration_s=60.0, artist="Another"), track(31, duration_s=60.0, artist=None)], OLD["tracks"]
    )
    copies = [{"track_id": track_id(n), "mfcc_mean": [x + n / 100 for x in spectrum]} for n in (0, 30, 31)]
    fake.rows("timbre", copies, OLD["timbre"])
    fake.file("/music/18.wav", track_id(18), metadata={"artist": "artist 3"})
    for seed in range(4):
        split = create_snapshot(fake.dataset, f"seed-{seed}", seed, {"train": 0.5, "valid": 0.25, "test": 0.25}).split
        of = {track_id: name for name, ids in split.items() for track_id in ids}
        assert all(of[track_id(n)] == of[track_id(n + 1)] for n in range(0, 18, 2))
        assert of[track_id(0)] == of[track_id(30)] == of[track_id(31)]
        assert of[track_id(18)] == of[track_id(6)], "the sidecar's artist counts"


def test_a_name_is_taken_once(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "create", fake.location, "first"]) == 0
    stored = Path(fake.location, "snapshots", "first.json").read_bytes()
    recompute(fake)
    assert main(["snapshot", "create", fake.location, "first"]) == 2
    assert "never change" in capsys.readouterr().err
    assert Path(fake.location, "snapshots", "first.json").read_bytes() == stored


def test_of_two_snapshots_of_a_name_at_once_the_first_stays(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    first = create_snapshot(fake.dataset, "mine", seed=1)
    with monkeypatch.context() as before_it_was_there:
        before_it_was_there.setattr(pipeline.snapshot, "snapshot_names", lambda _: [])
        with pytest.raises(BadArgumentError, match="take another name"):
            create_snapshot(fake.dataset, "mine", seed=2)
    assert load_snapshot(fake.dataset, "mine").document == first.document


def test_other_files_beside_snapshots_are_none(fake: Fake) -> None:
    create_snapshot(fake.dataset, "mine")
    for name in ("._mine.json", "notes of mine.json", "mine.json.bak"):
        Path(fake.location, "snapshots", name).write_text("{}")
    assert snapshot_names(fake.dataset) == ["mine"]


@pytest.mark.parametrize("name", ["", ".", "..", "../evil", "a/b", "a b", "-x", "é", "a\n", "x" * 101])
def test_names_are_plain_words(fake: Fake, name: str) -> None:
    with pytest.raises(BadArgumentError, match="snapshot name"):
        create_snapshot(fake.dataset, name)
    assert snapshot_names(fake.dataset) == []
    with pytest.raises(BadArgumentError, match="no snapshot"):
        load_snapshot(fake.dataset, name)


@pytest.mark.parametrize("document", ['{"name": "first"}', '{"fragments": []}', "[]", "{"])
def test_a_damaged_snapshot_is_a_failure_and_stops_gc(document: str, fake: Fake) -> None:
    create_snapshot(fake.dataset, "first")
    recompute(fake)
    Path(fake.location, "snapshots", "first.json").write_text(document)
    with pytest.raises(BuildFailedError, match="damaged"):
        load_snapshot(fake.dataset, "first")
    shards = sorted(Path(fake.location).rglob("*.parquet"))
    with pytest.raises(BuildFailedError, match="damaged"):
        collect_garbage(fake.dataset)
    assert sorted(Path(fake.location).rglob("*.parquet")) == shards


def test_list_and_show(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "list", fake.location]) == 0
    assert capsys.readouterr().out == "no snapshots\n"
    assert main(["snapshot", "create", fake.location, "a", "--json", "--seed", "3", "--split", "1/1/2"]) == 0
    created = json.loads(capsys.readouterr().out)
    assert created["split"]["shares"] == {"train": 0.25, "valid": 0.25, "test": 0.5}
    assert main(["snapshot", "list", fake.location, "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["name"], row["tracks"]) == ("a", 20)
    assert row["train"] + row["valid"] + row["test"] == 20
    assert main(["snapshot", "show", fake.location, "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == created
    assert main(["snapshot", "show", fake.location, "a"]) == 0
    assert OLD["rhythm"] in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["create"], ["show"], ["show", "none"], ["list", "a"], ["create", "a", "--split", "90/10"]]
)
def test_bad_arguments(fake: Fake, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    action, *rest = words
    assert main(["snapshot", action, fake.location, *rest]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "90", "90/5/5/0", "a/b/c", "-1/1/1", "0/0/0", "nan/1/1", "inf/1/1"])
def test_impossible_shares_are_refused(text: str) -> None:
    with pytest.raises(BadArgumentError, match="--split"):
        shares(text)


def test_an_empty_split_is_told(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "create", fake.location, "a", "--split", "1/0.0000001/0", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["split"]["tracks"]["valid"] == []
    assert printed.err.startswith("muze snapshot: no track fell to valid: make another one with other shares (--split)")
    assert printed.err.count("\n") == 1
    assert main(["snapshot", "create", fake.location, "b", "--split", "1/0/0"]) == 0
    assert capsys.readouterr().err == ""


def test_moments_are_written_as_status_does(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    created_at = create_snapshot(fake.dataset, "a").created_at
    assert main(["snapshot", "list", fake.location]) == 0
    printed = capsys.readouterr().out
    assert f"{created_at[:10]} {created_at[11:19]}  " in printed
    assert created_at[19:] not in printed
    assert main(["snapshot", "list", fake.location, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["created_at"] == created_at


def test_a_damaged_snapshot_does_not_hide_the_others(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    create_snapshot(fake.dataset, "good")
    Path(fake.location, "snapshots", "bad.json").write_text("{")
    assert main(["snapshot", "list", fake.location]) == 1
    printed = capsys.readouterr()
    bad, good = printed.out.splitlines()[-2:]
    assert bad.split() == ["bad", "damaged:", "snapshots/bad.json"]
    assert good.split()[0::3][:2] == ["good", "20"]
    assert "snapshots/bad.json" in printed.err
    assert printed.err.count("\n") == 1
    assert main(["snapshot", "list", fake.location, "--json"]) == 1
    bad, good = json.loads(capsys.readouterr().out)
    assert (bad["name"], bad["tracks"], bad["damaged"]) == ("bad", None, "snapshots/bad.json")
    assert (good["name"], good["tracks"]) == ("good", 20)
    assert "damaged" not in good
