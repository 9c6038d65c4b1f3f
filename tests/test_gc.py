"""gc: frees what nobody asks for, and never what somebody might."""

import json
from pathlib import Path

import pytest

from fakes import FRAGMENTS, Fake, fingerprint, track, track_id
from jobs.main import main
from pipeline.compact import compact
from pipeline.errors import BuildFailedError
from pipeline.gc import collect_garbage
from pipeline.live import Presence, live_runs
from pipeline.query import query_table
from pipeline.shards import write_rows
from pipeline.snapshot import create_snapshot
from pipeline.storage import Storage

OLDEST = {"tracks": fingerprint("tracks"), "rhythm": fingerprint("oldest")}
OLD = OLDEST | {"rhythm": fingerprint("old")}
NEW = OLDEST | {"rhythm": fingerprint("new")}
NEXT = OLDEST | {"rhythm": fingerprint("next")}


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Rhythm with four fingerprints: two that were, the current one, and one of a build that was interrupted."""
    made = Fake(tmp_path / "data 'set'")
    made.rows("tracks", [track(n) for n in range(3)], OLDEST["tracks"])
    for prints in (OLDEST, OLD, NEW):
        made.run(prints)
        tempi = [{"track_id": track_id(n), "tempo_bpm": 100.0} for n in range(3)]
        made.rows("rhythm", tempi, prints["rhythm"])
    made.run(NEXT, promoted={}, status="interrupted")
    made.rows("rhythm", [{"track_id": track_id(0), "tempo_bpm": 100.0}], NEXT["rhythm"])
    return made


def fingerprints_on_disk(fake: Fake) -> set[str]:
    folders = [path.parent.name for path in Path(fake.location, "rhythm").rglob("*.parquet")]
    return {folder.removeprefix("fingerprint=") for folder in folders}


def fingerprints_in_log(fake: Fake) -> set[str | None]:
    return {shard.fingerprint for shard in fake.dataset.fragment_table("rhythm").live()}


def test_old_fingerprints_go_and_the_current_and_the_next_stay(fake: Fake) -> None:
    before = query_table(fake.dataset, "SELECT * FROM features ORDER BY track_id")
    size = sum(path.stat().st_size for path in Path(fake.location, "rhythm").rglob("*.parquet"))
    report = collect_garbage(fake.dataset).report()
    kept = {NEW["rhythm"], NEXT["rhythm"]}
    assert fingerprints_on_disk(fake) == fingerprints_in_log(fake) == kept
    left = sum(path.stat().st_size for path in Path(fake.location, "rhythm").rglob("*.parquet"))
    assert report["bytes"] == size - left
    assert (report["files"], report["fragments"]["rhythm"]["files"], report["orphans"]["files"]) == (2, 2, 0)
    assert query_table(fake.dataset, "SELECT * FROM features ORDER BY track_id").equals(before)
    assert collect_garbage(fake.dataset).report()["files"] == 0


def test_what_a_snapshot_pins_stays(fake: Fake) -> None:
    older = Fake(Path(fake.location))
    create_snapshot(fake.dataset, "now")
    fake.run(OLD)  # back to the old setting
    create_snapshot(older.dataset, "then")
    fake.run(NEXT)
    collect_garbage(fake.dataset)
    assert fingerprints_on_disk(fake) == {OLD["rhythm"], NEW["rhythm"], NEXT["rhythm"]}


def test_orphans_and_compacted_shards_go_unless_pinned(fake: Fake) -> None:
    for n in range(10):
        fake.rows("tracks", [track(10 + n)], NEW["tracks"])
    create_snapshot(fake.dataset, "small-shards")
    pinned = {shard.path for shard in fake.dataset.shards("tracks")}
    compact(fake.dataset, NEW)
    table = fake.dataset.fragment_table("tracks", FRAGMENTS["tracks"].schema)
    orphan = write_rows(table, [{"track_id": track_id(99)}], NEW["tracks"])  # a crash came before the commit
    part = Path(fake.location, "tracks", orphan.path).with_name(".tmp12345.part")
    part.write_bytes(b"half a shard")
    report = collect_garbage(fake.dataset).report()
    assert report["orphans"]["files"] == 2
    on_disk = {
        str(path.relative_to(Path(fake.location, "tracks"))) for path in Path(fake.location).rglob("tracks/f*/*")
    }
    assert on_disk == pinned | {shard.path for shard in fake.dataset.shards("tracks")}
    Path(fake.location, "snapshots", "small-shards.json").unlink()
    assert collect_garbage(fake.dataset).report()["orphans"]["files"] == len(pinned)
    assert fake.dataset.table("tracks").num_rows == 13


def test_files_that_are_not_ours_stay(fake: Fake) -> None:
    root = Path(fake.location)
    foreign = [
        root / "notes.txt",
        root / "rhythm" / "mine.parquet",
        root / "rhythm" / f"fingerprint={OLD['rhythm']}" / "notes.parquet",
        root / "rhythm" / "other" / f"{'a' * 32}.parquet",
        root / "stems" / "audio" / f"{'b' * 32}.parquet",
        root / "snapshots" / f"{'c' * 32}.parquet",
        root / "rhythm" / "_delta_log" / f"{'d' * 32}.parquet",
        root / f"{'e' * 32}.parquet",
        root / "backup" / f"{'f' * 32}.parquet",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"keep me")
    logs = sorted(root.rglob("_delta_log/*"))
    collect_garbage(fake.dataset)
    assert all(path.exists() for path in foreign)
    assert all(path.exists() for path in logs)


def test_shards_of_a_build_that_died_before_its_first_commit_go(fake: Fake) -> None:
    table = fake.dataset.fragment_table("level", FRAGMENTS["level"].schema)
    orphan = write_rows(table, [{"track_id": track_id(0)}], fingerprint("level"))
    assert not table.exists()
    assert f"level/{orphan.path}" in collect_garbage(fake.dataset).orphans
    assert not Path(fake.location, "level", orphan.path).exists()


def test_nothing_happens_while_a_build_is_at_work(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(Path(fake.location).rglob("*.parquet"))
    with Presence(fake.storage, "0123456789ab"):
        for words in (["--dry-run"], []):
            assert main(["gc", fake.location, *words]) == 1
            said = capsys.readouterr()
            assert "0123456789ab" in said.err
            assert said.out == ""
    assert sorted(Path(fake.location).rglob("*.parquet")) == files
    assert main(["gc", fake.location]) == 0
    assert live_runs(fake.storage) == []


def test_a_build_that_starts_meanwhile_stops_the_removal(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipeline.gc

    find, started = pipeline.gc.find_garbage, Presence(fake.storage, "0123456789ab")

    def find_while_a_build_starts(dataset: object) -> object:
        found = find(dataset)  # type: ignore[arg-type]
        started.__enter__()
        return found

    monkeypatch.setattr(pipeline.gc, "find_garbage", find_while_a_build_starts)
    files = sorted(Path(fake.location).rglob("*.parquet"))
    try:
        with pytest.raises(BuildFailedError, match="at work"):
            collect_garbage(fake.dataset)
    finally:
        started.__exit__()
    assert sorted(Path(fake.location).rglob("*.parquet")) == files


def test_a_build_that_starts_during_the_removal_stops_it(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipeline.gc

    remove, started = Storage.remove, Presence(fake.storage, "0123456789ab")

    def remove_while_a_build_starts(storage: Storage, path: str) -> None:
        remove(storage, path)
        if path.startswith("rhythm/"):
            started.__enter__()

    monkeypatch.setattr(Storage, "remove", remove_while_a_build_starts)
    monkeypatch.setattr(pipeline.gc, "_BUSY_CHECK_FILES", 1)
    try:
        with pytest.raises(BuildFailedError, match="at work"):
            collect_garbage(fake.dataset)
    finally:
        monkeypatch.undo()
        started.__exit__()
    assert len(fingerprints_on_disk(fake)) == 3, "one of the two that could go is gone"


def test_the_report(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gc", fake.location, "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["dry_run"] is True
    assert fingerprints_on_disk(fake) >= {OLDEST["rhythm"], OLD["rhythm"]}
    assert main(["gc", fake.location, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == planned | {"dry_run": False}
    assert main(["gc", fake.location]) == 0
    assert capsys.readouterr().out == "freed 0 bytes in 0 files\n"
