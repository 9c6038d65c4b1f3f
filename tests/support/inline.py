"""Builds without Ray, for tests of everything but Ray: same planning, workers, ledger and commits, in one process."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import pipeline.run
from jobs.named_recipes import load_recipe
from pipeline.items import WorkItem
from pipeline.ledger import Ledger
from pipeline.progress import Progress
from pipeline.ray_pass import Pool
from pipeline.ray_session import Room
from pipeline.run import BuildOptions, prepare
from pipeline.tally import Tally
from pipeline.worker import ItemResult, StageSpec, Worker

ROOM = Room(1)


class _Watch:
    """Announces to a ledger in the same process, without limits."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def start(self, item_id: str, uri: str, fragment: str, duration_s: float | None) -> None:
        self._ledger.start(item_id, uri, fragment, "here", 3600)

    def claim(self, track_id: str, uri: str) -> frozenset[str]:
        return self._ledger.claim(track_id, uri)


@contextlib.contextmanager
def _session(*_: object) -> Iterator[Room]:
    yield ROOM


def _start_ledger(run_id: str, done: Any, fragments: frozenset[str]) -> Ledger:
    return Ledger(done, fragments, lambda: {"here"})


def _run_pass(items: Sequence[WorkItem], spec: StageSpec, ledger: Ledger, pool: Pool) -> Iterator[ItemResult]:
    worker = Worker(spec, _Watch(ledger))
    for item in items:
        shards, outcome = worker.do(item, ledger.begin(item.item_id))
        ledger.finish(item.item_id)
        yield ItemResult(shards, outcome, item.uris, item.cost_s, 0.0)


def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.run, "ray_session", _session)
    monkeypatch.setattr(pipeline.run, "start_ledger", _start_ledger)
    monkeypatch.setattr(pipeline.run, "run_pass", _run_pass)


def inline_build(music: object, out: Path, recipe: Path | str, **options: Any) -> Tally:
    """Prepare and run a build in this process. Call ``without_ray`` first."""
    sources = [str(source) for source in (music if isinstance(music, list) else [music])]
    build = prepare(BuildOptions(sources, str(out), load_recipe(str(recipe)), **options))
    return build.run(Progress())
