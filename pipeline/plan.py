"""What is to be done, and why: (planned tracks) minus (rows with the current fingerprint) minus (failures)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pipeline.accounts import done_fragments, files_by_uri, standing_failures
from pipeline.cost import Costs
from pipeline.dataset import Dataset
from pipeline.discover import Discovery, SourceFile
from pipeline.items import Task
from pipeline.recipe import Recipe


@dataclass(frozen=True)
class Wishes:
    """What the caller of a build asked for, besides music and recipe."""

    fragments: frozenset[str]
    """Fragments to bring up to date, ``tracks`` among them."""
    limit: int | None = None
    retry_failures: bool = False


@dataclass
class State:
    """What the dataset holds for the fingerprints of a recipe."""

    files: dict[str, dict[str, Any]]
    track_ids: dict[str, set[str]]
    older_ids: dict[str, set[str]]
    """Fragment -> tracks that have a row with another fingerprint."""
    failures: list[dict[str, Any]]

    @classmethod
    def of(cls, dataset: Dataset, recipe: Recipe) -> "State":
        prints = recipe.fingerprints
        files = files_by_uri(dataset)
        ids = {name: dataset.track_ids(name, print_) for name, print_ in prints.items()}
        older = {name: _older_ids(dataset, name, print_) for name, print_ in prints.items()}
        return cls(files, ids, older, standing_failures(dataset, prints, files, ids))


def _older_ids(dataset: Dataset, fragment: str, fingerprint: str) -> set[str]:
    others = {shard.fingerprint for shard in dataset.fragment_table(fragment).live()} - {fingerprint, None}
    return set().union(*(dataset.track_ids(fragment, other) for other in others if other))


@dataclass
class Plan:
    """Tasks, and the counts that explain them."""

    tasks: list[Task] = field(default_factory=list)
    num_files: int = 0
    num_unchanged: int = 0
    """Known tracks that lack nothing."""
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    """Fragment -> number of tracks: new (file never read), stale (has an older row), missing, failed (kept)."""
    file_rows: list[dict[str, Any]] = field(default_factory=list)
    """Files rows to write before work starts: gone, back again, or with other sidecar columns."""
    object_bytes: float = 0.0
    """What the audio objects to be written are expected to take on disk."""
    known_ids: set[str] = field(default_factory=set)
    """Tracks of the files found, as far as they are known."""

    @cached_property
    def cost_s(self) -> float:
        """CPU seconds the tasks are expected to take."""
        return sum(task.cost_s for task in self.tasks)

    def report(self) -> dict[str, Any]:
        """The document that ``build --dry-run --json`` prints."""
        return {
            "files": self.num_files,
            "to_process": len(self.tasks),
            "unchanged": self.num_unchanged,
            "estimated_cpu_s": round(self.cost_s, 1),
            "estimated_object_bytes": round(self.object_bytes),
            "fragments": {
                name: {why: reasons[why] for why in ("new", "stale", "missing", "failed")}
                for name, reasons in self.reasons.items()
            },
        }


def make_plan(discovery: Discovery, state: State, recipe: Recipe, wishes: Wishes, costs: Costs) -> Plan:
    """Compare what was found with what the dataset holds."""
    plan = Plan(reasons={name: Counter() for name in recipe.fragments if name in wishes.fragments})
    files = discovery.files[: wishes.limit]
    plan.num_files = len(files)
    plan.file_rows = list(_gone(discovery, state))
    known: dict[str, SourceFile] = {}
    for file in files:
        row = state.files.get(file.uri)
        if row is None or not _unchanged(file, row):
            plan.tasks.append(_new_task(file, wishes, recipe, costs))
        else:
            plan.file_rows.extend(_refreshed(file, row))
            if row["track_id"] is not None:
                known.setdefault(row["track_id"], file)
            elif wishes.retry_failures:
                plan.tasks.append(_new_task(file, wishes, recipe, costs))
    _plan_known(plan, known, state, wishes, costs)
    for name, reasons in plan.reasons.items():
        reasons["new"] += sum(task.track_id is None for task in plan.tasks if name in task.fragments)
    plan.object_bytes = sum(costs.object_bytes(task.file, task.track_id, task.fragments) for task in plan.tasks)
    order = {file.uri: index for index, file in enumerate(files)}
    plan.tasks.sort(key=lambda task: order[task.file.uri])
    return plan


def _new_task(file: SourceFile, wishes: Wishes, recipe: Recipe, costs: Costs) -> Task:
    wanted = wishes.fragments & frozenset(recipe.fragments)
    return Task(file, None, wanted, costs.compute_s(file, None, wanted))


def _plan_known(plan: Plan, known: Mapping[str, SourceFile], state: State, wishes: Wishes, costs: Costs) -> None:
    failures = [] if wishes.retry_failures else state.failures
    done = done_fragments(state.track_ids, failures)
    attempts = _attempts(state.failures)
    for track_id, file in known.items():
        lacking = wishes.fragments - done.get(track_id, frozenset())
        for name in lacking:
            plan.reasons[name]["stale" if track_id in state.older_ids[name] else "missing"] += 1
        if lacking:
            cost_s = costs.compute_s(file, track_id, lacking)
            plan.tasks.append(Task(file, track_id, lacking, cost_s, attempts.get(track_id, {})))
    plan.known_ids = set(known)
    plan.num_unchanged = len(known) - sum(task.track_id is not None for task in plan.tasks)
    for failure in failures:
        if failure["track_id"] in known and failure["fragment"] in plan.reasons:
            plan.reasons[failure["fragment"]]["failed"] += 1


def _attempts(failures: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    attempts: dict[str, dict[str, int]] = {}
    for failure in failures:
        if failure["track_id"] is not None:
            attempts.setdefault(failure["track_id"], {})[failure["fragment"]] = failure["attempts"]
    return attempts


def _unchanged(file: SourceFile, row: Mapping[str, Any]) -> bool:
    return (file.num_bytes, file.modified, file.etag) == (row["num_bytes"], row["modified"], row["etag"])


def _refreshed(file: SourceFile, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if row["missing_since"] is not None or row["metadata"] != file.metadata:
        yield {**row, "missing_since": None, "metadata": file.metadata, "seen_at": datetime.now(UTC)}


def _gone(discovery: Discovery, state: State) -> Iterator[dict[str, Any]]:
    """Rows of files that were below the sources and are there no more; their tracks keep their rows."""
    found = {file.uri for file in discovery.files}
    is_covered = discovery.covers()
    for uri, row in state.files.items():
        passed_over = uri in found or uri in discovery.excluded
        if row["missing_since"] is None and not passed_over and is_covered(uri):
            now = datetime.now(UTC)
            yield {**row, "missing_since": now, "seen_at": now}


def ledger_done(state: State, wishes: Wishes) -> dict[str, frozenset[str]]:
    """What a newly read file need not compute: a failure to read says nothing of the content it now has."""
    failures = [] if wishes.retry_failures else [f for f in state.failures if f["stage"] != "read"]
    return done_fragments(state.track_ids, failures)
