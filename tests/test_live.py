"""Who is at work on a dataset: the living, on this machine or another, and nobody else."""

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import pipeline.live
from pipeline.live import Presence, is_dead, live_runs
from pipeline.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.at(str(tmp_path))


def leave_trace(storage: Storage, run_id: str, **words: Any) -> None:
    me = psutil.Process()
    trace = {"host": socket.gethostname(), "pid": me.pid, "started": me.create_time(), "beat": time.time()}
    storage.write_json(f"live/{run_id}.json", trace | words)


def beating() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "muze-presence"}


def test_runs_of_other_machines_live_as_long_as_they_beat(storage: Storage) -> None:
    leave_trace(storage, "beating", host="elsewhere", pid=0, beat=time.time() - 60)
    leave_trace(storage, "silent", host="elsewhere", beat=time.time() - 120)
    assert live_runs(storage) == ["beating"]
    assert list(storage.listing("live")) == ["live/beating.json"]


def test_a_run_of_this_machine_is_dead_without_its_process_however_young_its_beat(storage: Storage) -> None:
    leave_trace(storage, "slow", beat=0)
    leave_trace(storage, "pid_of_another_since", started=psutil.Process().create_time() - 10)
    leave_trace(storage, "pid_of_an_older_one", started=psutil.Process().create_time() + 10)
    leave_trace(storage, "gone", pid=2**22 + 1)
    assert live_runs(storage) == ["slow"]


def test_a_run_is_at_work_from_its_first_moment_to_its_last(storage: Storage) -> None:
    before_s = time.time()
    with Presence(storage, "me"):
        assert live_runs(storage) == ["me"]
        trace = json.loads(storage.read("live/me.json"))
    assert before_s <= trace["beat"] <= time.time(), "as other machines judge it"
    assert live_runs(storage) == []


def test_what_is_no_trace_is_left_alone(storage: Storage) -> None:
    names = ["live/.half.json", "live/notes.txt"]
    for name in names:
        storage.put_if_absent(name, b"")
    assert live_runs(storage) == []
    assert all(Path(storage.uri(name)).exists() for name in names)


def test_a_run_that_ends_while_it_is_looked_for_is_over(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_trace(storage, "ending")
    read = Storage.read

    def too_late(storage: Storage, path: str) -> bytes:
        storage.remove(path)
        return read(storage, path)

    monkeypatch.setattr(Storage, "read", too_late)
    assert live_runs(storage) == []


@pytest.mark.parametrize(
    ("status", "run_id", "dead"), [("running", "a", False), ("running", "b", True), ("done", "b", False)]
)
def test_dead_is_what_runs_without_being_at_work(status: str, run_id: str, dead: bool) -> None:
    assert is_dead({"status": status, "run_id": run_id}, ["a"]) is dead


def test_half_a_trace_is_nobodys(storage: Storage) -> None:
    storage.put_if_absent("live/cut.json", b'{"host": ')
    storage.put_if_absent("live/empty.json", b"")
    assert live_runs(storage) == []
    assert storage.listing("live") == {}


def test_a_beat_that_fails_is_not_the_last(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.live, "_BEAT_S", 0.01)
    write, beats, beaten = Storage.write_json, [], threading.Event()

    def shaky(storage: Storage, path: str, value: Any) -> None:
        beats.append(path)
        if len(beats) == 2:
            raise OSError(5, os.strerror(5))
        write(storage, path, value)
        if len(beats) > 2:
            beaten.set()

    monkeypatch.setattr(Storage, "write_json", shaky)
    with Presence(storage, "me"):
        assert beaten.wait(60)


def test_a_beat_that_crosses_the_end_of_a_run_leaves_no_trace(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.live, "_BEAT_S", 0.01)
    write, is_late, is_closed = Storage.write_json, threading.Event(), threading.Event()

    def late(storage: Storage, path: str, value: Any) -> None:
        if threading.current_thread().name == "muze-presence":
            is_late.set()
            assert is_closed.wait(60)
        write(storage, path, value)

    monkeypatch.setattr(Storage, "write_json", late)
    before = beating()
    with Presence(storage, "me"):
        [thread] = beating() - before
        assert is_late.wait(60)
    assert storage.listing("live") == {}
    is_closed.set()
    thread.join(60)
    assert storage.listing("live") == {}
