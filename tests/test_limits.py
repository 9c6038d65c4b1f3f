"""Limits on time and memory: who runs over ends, and leaves word of why."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness import environment
from pipeline.limits import Limits, StepTimer, resident_gib


@pytest.mark.parametrize(
    ("duration_s", "max_duration_s", "limit_s"),
    [(1.0, 1800.0, 60.0), (10.0, 1800.0, 200.0), (None, 1800.0, 90.0), (None, 600.0, 60.0)],
)
def test_a_step_has_time_by_the_length_of_the_track_and_decoding_by_that_of_the_longest(
    duration_s: float | None, max_duration_s: float, limit_s: float
) -> None:
    assert Limits(time_limit_s=60.0, time_factor=20.0).step_s(duration_s, max_duration_s) == limit_s


def ended(code: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, env=environment(), timeout=300, check=False)


def test_who_runs_over_leaves_a_note_to_whoever_takes_the_item_next(tmp_path: Path) -> None:
    code = f"""
import time
from pipeline.limits import StepTimer
timer = StepTimer({str(tmp_path)!r})
assert not timer.take("slow")
timer.arm(0.2)
time.sleep(300)
"""
    assert ended(code).returncode == 1
    timer = StepTimer(str(tmp_path))
    assert timer.take("slow")
    timer.release()
    assert list(tmp_path.iterdir()) == []


def test_a_death_of_another_cause_leaves_no_word_of_the_time(tmp_path: Path) -> None:
    code = f"""
import os
from pipeline.limits import StepTimer
timer = StepTimer({str(tmp_path)!r})
timer.take("crash")
timer.arm(300)
os._exit(9)
"""
    assert ended(code).returncode == 9
    timer = StepTimer(str(tmp_path))
    assert not timer.take("crash")
    timer.release()


def test_an_item_that_is_done_is_not_ended_later(tmp_path: Path) -> None:
    code = f"""
import time
from pipeline.limits import StepTimer
timer = StepTimer({str(tmp_path)!r})
timer.take("quick")
timer.arm(0.2)
timer.release()
time.sleep(1)
"""
    assert ended(code).returncode == 0


def test_memory_is_what_is_not_shared_with_others() -> None:
    found = psutil.Process().memory_info()
    assert resident_gib() == pytest.approx((found.rss - found.shared) / 2**30, rel=0.1)


def test_who_takes_too_much_memory_says_so_and_ends() -> None:
    code = """
import time
from pipeline.limits import MemoryGuard
guard = MemoryGuard(0.001, lambda: print("memory", flush=True))
guard.start()
time.sleep(300)
"""
    done = ended(code)
    assert (done.returncode, done.stdout) == (1, "memory\n")
