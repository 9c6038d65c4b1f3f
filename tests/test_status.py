"""status and failures: numbers that follow from the rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes import Fake, fingerprint, track, track_id
from jobs.main import main
from pipeline.live import Presence

OLD = {"tracks": fingerprint("tracks"), "level": fingerprint("level"), "rhythm": fingerprint("old")}
NEW = OLD | {"rhythm": fingerprint("new")}
TRAP = "bad\x1b[2J\nname\u202e.wav"


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Four tracks and an unreadable file; level lacks one; rhythm has one failure."""
    made = Fake(tmp_path / "data set")
    made.run(OLD)
    made.rows("tracks", [track(n, duration_s=900.0) for n in range(4)], OLD["tracks"])
    made.rows("level", [{"track_id": track_id(n)} for n in range(3)], OLD["level"])
    made.rows("rhythm", [{"track_id": track_id(n)} for n in range(3)], OLD["rhythm"])
    made.failure(track_id(3), "/music/3.wav", "rhythm", OLD["rhythm"], "timeout")
    made.plain("files", [made.file_row(f"/music/{n}.wav", track_id(n)) for n in range(4)])
    made.file(f"/music/{TRAP}", None)
    made.failure(None, f"/music/{TRAP}", "tracks", OLD["tracks"], "empty")
    return made


def status(fake: Fake, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["status", fake.location, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def counts(report: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    names = ("rows", "missing", "stale", "failed")
    return {name: tuple(found[key] for key in names) for name, found in report["fragments"].items()}


def test_rows_missing_and_failed(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    report = status(fake, capsys)
    assert counts(report) == {"tracks": (4, 0, 0, 1), "level": (3, 1, 0, 0), "rhythm": (3, 0, 0, 1)}
    assert (report["tracks"], report["audio_hours"], report["files"], report["missing_files"]) == (4, 1.0, 5, 0)
    size = sum(path.stat().st_size for path in Path(fake.location, "rhythm").rglob("*.parquet"))
    assert report["fragments"]["rhythm"]["bytes"] == size
    assert report["live_runs"] == []
    [run] = report["runs"]
    assert (run["status"], run["recipe"], run["new"]) == ("done", "fake", 1)


def test_stale_are_the_rows_that_the_newest_recipe_has_not_replaced(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.run(NEW, promoted={}, status="interrupted")
    assert counts(status(fake, capsys))["rhythm"] == (3, 0, 3, 1)
    fake.rows("rhythm", [{"track_id": track_id(0)}], NEW["rhythm"])
    fake.failure(track_id(1), "/music/1.wav", "rhythm", NEW["rhythm"])
    assert counts(status(fake, capsys)) == {"tracks": (4, 0, 0, 1), "level": (3, 1, 0, 0), "rhythm": (3, 0, 1, 1)}
    fake.rows("rhythm", [{"track_id": track_id(2)}], NEW["rhythm"])
    fake.run(NEW)
    assert counts(status(fake, capsys))["rhythm"] == (2, 1, 0, 1)


def test_doubled_rows_count_once(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.rows("level", [{"track_id": track_id(n)} for n in range(2)], OLD["level"])
    assert counts(status(fake, capsys))["level"] == (3, 1, 0, 0)


def test_files_that_are_gone_and_builds_at_work(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.file("/music/0.wav", track_id(0), missing=True)
    with Presence(fake.storage, "0123456789ab"):
        report = status(fake, capsys)
        assert main(["status", fake.location]) == 0
    assert (report["files"], report["missing_files"], report["live_runs"]) == (5, 1, ["0123456789ab"])
    out = capsys.readouterr().out
    assert "4 tracks, 1 h 0 min of audio, from 5 files (1 of them gone)" in out
    assert "at work now: 0123456789ab" in out
    assert any(line.split()[:5] == ["rhythm", "3", "0", "0", "1"] for line in out.splitlines())


def test_the_last_five_builds_come_newest_first(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    run_ids = [fake.run(OLD) for _ in range(6)]
    assert [run["run_id"] for run in status(fake, capsys)["runs"]] == run_ids[:0:-1]


def test_a_build_that_was_killed_never_ended_and_one_at_work_may_yet(
    fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    at_work, killed = fake.run(OLD, status="running"), fake.run(OLD, status="running")
    with Presence(fake.storage, at_work):
        runs = {run["run_id"]: run for run in status(fake, capsys)["runs"]}
        assert main(["status", fake.location]) == 0
    assert {run_id: run["dead"] for run_id, run in runs.items() if run["status"] == "running"} == {
        at_work: False,
        killed: True,
    }
    assert not any(run["dead"] for run in runs.values() if run["status"] == "done")
    shown = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "never ended" in shown[killed]
    assert "running" in shown[at_work]


def test_a_dataset_without_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Fake(tmp_path)
    empty.run(OLD, status="running")
    assert counts(status(empty, capsys)) == dict.fromkeys(OLD, (0, 0, 0, 0))
    assert main(["failures", empty.location]) == 0
    assert capsys.readouterr().out == "no failures\n"


def test_failures_are_those_that_still_stand(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", fake.location, "--json"]) == 0
    unreadable, timeout = sorted(json.loads(capsys.readouterr().out), key=lambda row: row["reason"])
    assert timeout == {
        "track_id": track_id(3),
        "uri": "/music/3.wav",
        "fragment": "rhythm",
        "reason": "timeout",
        "message": "no luck with rhythm",
        "attempts": 1,
    }
    assert (unreadable["track_id"], unreadable["uri"], unreadable["reason"]) == (None, f"/music/{TRAP}", "empty")
    fake.rows("rhythm", [{"track_id": track_id(3)}], OLD["rhythm"])
    fake.file(f"/music/{TRAP}", track_id(9))
    assert main(["failures", fake.location, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_track_that_failed_at_two_paths_failed_once(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.failure(track_id(3), "/music/copy_of_3.wav", "rhythm", OLD["rhythm"], "crashed")
    assert counts(status(fake, capsys))["rhythm"] == (3, 0, 0, 1)
    assert main(["failures", fake.location, "--json"]) == 0
    found = [(row["uri"], row["reason"]) for row in json.loads(capsys.readouterr().out) if row["fragment"] == "rhythm"]
    assert found == [("/music/copy_of_3.wav", "crashed")]


def test_each_file_that_cannot_be_read_is_told_until_it_is_gone(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    for uri in ("/music/closed.wav", "/music/gone.wav", "/closed folder"):
        fake.failure(None, uri, "tracks", OLD["tracks"], "unreadable")
    fake.file("/music/closed.wav", None)
    fake.file("/music/gone.wav", None, missing=True)
    assert main(["failures", fake.location, "--json"]) == 0
    found = {row["uri"] for row in json.loads(capsys.readouterr().out) if row["fragment"] == "tracks"}
    assert found == {f"/music/{TRAP}", "/music/closed.wav", "/closed folder"}


def test_hostile_names_are_printed_escaped(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", fake.location]) == 0
    out = capsys.readouterr().out
    assert "bad\\x1b[2J\\nname\\u202e.wav" in out
    assert all(line.isprintable() for line in out.splitlines())
    assert "1 failed in rhythm: timeout" in out


@pytest.mark.parametrize("command", ["status", "failures", "gc"])
def test_no_dataset_is_a_bad_argument(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(tmp_path)]) == 2
    assert "no dataset at" in capsys.readouterr().err
