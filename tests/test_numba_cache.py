"""Processes that compile at once do not share a cache."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from featurizers.numba_cache import LOCATION, claim_numba_cache
from harness import build, environment, write_recipe, write_tones

CLAIM = """
import sys
from featurizers.numba_cache import claim_numba_cache
claim_numba_cache()
import numba
print(numba.config.CACHE_DIR, flush=True)
sys.stdin.read()
"""


def claimant(cache: Path, **env: str) -> "subprocess.Popen[str]":
    """A process that says where its cache is, and lives until its input is closed."""
    env = {**environment(XDG_CACHE_HOME=str(cache)), LOCATION: "", **env}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", CLAIM], env=env, stdin=pipe, stdout=pipe, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_every_process_has_a_cache_of_its_own_which_the_next_one_finds(tmp_path: Path) -> None:
    with contextlib.ExitStack() as alive:
        together = [alive.enter_context(claimant(tmp_path)) for _ in range(3)]
        folders = {said(process) for process in together}
        assert {os.path.basename(folder) for folder in folders} == {"0", "1", "2"}
        together[1].kill()  # as a worker that eats memory is
    with claimant(tmp_path) as later:
        assert os.path.basename(said(later)) == "0"


def test_the_cache_that_the_user_names_is_taken(tmp_path: Path) -> None:
    with claimant(tmp_path / "cache", **{LOCATION: str(tmp_path / "mine")}) as process:
        assert said(process) == str(tmp_path / "mine")
    assert not (tmp_path / "cache").exists()


def test_what_is_imported_of_laion_clap_does_not_move_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = "import os; from featurizers.clap_model import _import_network; _import_network(); import numba;"
    code += f"print(os.environ.get({LOCATION!r}), numba.config.CACHE_DIR)"
    for folder in "", str(tmp_path):
        words = [sys.executable, "-c", code]
        env = environment(**{LOCATION: folder})
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == f"{folder} {folder}"


def test_where_there_is_no_place_for_it_numba_does_as_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv(LOCATION, raising=False)
    claim_numba_cache()
    assert LOCATION not in os.environ


def test_workers_of_a_build_take_one(tmp_path: Path) -> None:
    music, recipe = write_tones(tmp_path / "music", 2), write_recipe(tmp_path)
    build(music, tmp_path / "dataset", recipe, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert list((tmp_path / "cache" / "muze" / "numba").rglob("0.lock"))
