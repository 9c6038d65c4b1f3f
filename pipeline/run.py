"""One build, from a folder of music to committed rows."""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from featurizers.weights_store import store_location
from pipeline.commits import Committer
from pipeline.compact import compact
from pipeline.cost import Costs
from pipeline.dataset import Dataset
from pipeline.discover import Discovery, discover
from pipeline.errors import BuildFailedError, InterruptedBuildError
from pipeline.interrupt import Interruption
from pipeline.items import Task, WorkItem, group, item_cost_s
from pipeline.limits import Limits
from pipeline.live import Presence, live_runs
from pipeline.passes import plan_passes, tasks_of_pass
from pipeline.plan import Plan, State, Wishes, ledger_done, make_plan
from pipeline.preflight import check_is_ours, check_room
from pipeline.printable import in_a_line
from pipeline.progress import Progress, View
from pipeline.ray_pass import Pool, run_pass, start_ledger
from pipeline.ray_session import ray_session
from pipeline.recipe import Recipe
from pipeline.record import Record
from pipeline.sidecar import join_sidecar
from pipeline.storage import Storage
from pipeline.tally import Tally
from pipeline.unlisted import folder_failures
from pipeline.worker import ItemResult, StageSpec
from schemas.fragments.tracks import TRACKS

_COMMIT_INTERVAL_S = 3.0


@dataclass(frozen=True)
class BuildOptions:
    """What a build was asked for."""

    sources: Sequence[str]
    out: str
    recipe: Recipe
    only: Sequence[str] = ()
    limit: int | None = None
    address: str | None = None
    retry_failures: bool = False
    max_duration_s: float = 1800.0
    limits: Limits = field(default_factory=Limits)
    exclude: Sequence[str] = ()
    metadata: str | None = None


@dataclass
class Build:
    """A build that is prepared: the music is listed and the work is planned; nothing is written yet."""

    options: BuildOptions
    dataset: Dataset
    discovery: Discovery
    state: State
    wishes: Wishes
    plan: Plan
    costs: Costs
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def run(self, progress: Progress) -> Tally:
        """Do the work. Whatever ends it, what was finished is committed.

        Raises InterruptedBuildError on Ctrl-C and SIGTERM, BuildFailedError if a worker cannot go on or the disk is
        full.
        """
        recipe = self.options.recipe
        tally = Tally(self.run_id, self.plan, [name for name in recipe.fragments if name in self.wishes.fragments])
        committer = Committer(self.dataset, recipe, self.run_id, self.state.track_ids)
        if others := live_runs(self.dataset.storage):
            progress.say(f"another build is at work on this dataset (run {', '.join(others)})")
        try:
            with Presence(self.dataset.storage, self.run_id):
                self._recorded(committer, tally, progress)
        except OSError as error:
            problem = f"the dataset could not be written: {in_a_line(error)}"
            raise BuildFailedError(f"{problem}; once that is mended, the same command goes on") from error
        return tally

    def _recorded(self, committer: Committer, tally: Tally, progress: Progress) -> None:
        """Work under a row of the runs table that says how it ended."""
        record = Record(self.dataset, self.options.recipe, self.wishes.fragments, self.run_id, self.started_at)
        interruption = Interruption()
        with interruption.heeded():
            record.open()
            status = "failed"
            try:
                self._work(committer, tally, progress, interruption)
                status = "done"
            except InterruptedBuildError:
                status = "interrupted"
                raise
            finally:
                with interruption.heeded(), interruption.shield():  # again: Ray gave SIGTERM back to the system
                    committer.flush()
                    tally.rows = {name: len(ids) for name, ids in committer.committed.items()}
                    record.close(status, tally)

    def _work(self, committer: Committer, tally: Tally, progress: Progress, interruption: Interruption) -> None:
        fingerprint = self.options.recipe.fingerprints[TRACKS.name]
        folders = folder_failures(self.discovery, self.state, fingerprint, self.started_at)
        committer.add({}, list(folders), self.plan.file_rows)
        if self.plan.tasks:
            self._compute(committer, tally, progress, interruption)
            with interruption.shield():
                committer.flush()
                if live_runs(self.dataset.storage) == [self.run_id]:
                    compact(self.dataset, self.options.recipe.fingerprints)

    def _compute(self, committer: Committer, tally: Tally, progress: Progress, interruption: Interruption) -> None:
        options, tasks = self.options, self.plan.tasks
        done = ledger_done(self.state, self.wishes)
        identified: dict[str, str] = {}
        with ray_session(options.address, options.limits.actor_memory_gib) as room:
            passes = plan_passes(options.recipe, self.wishes.fragments, room.num_gpus)
            for number, step in enumerate(passes):
                if number:
                    tasks = list(
                        tasks_of_pass(
                            self.plan.tasks, step.fragments, identified, done, self.wishes.fragments, self.costs
                        )
                    )
                    committer.flush()  # what this pass reads
                else:
                    narrowed = (replace(task, fragments=task.fragments & step.fragments) for task in tasks)
                    tasks = [task for task in narrowed if task.fragments or task.track_id is None]
                pool = Pool(step.num_actors(room.num_cores, room.num_gpus), step.gpu_share)
                ledger = start_ledger(f"{self.run_id}-{number}", done, step.fragments)
                results = run_pass(self._items(tasks, pool), self._spec(), ledger, pool)
                with interruption.heeded(), progress.live(tally, ledger) as view:  # again: Ray took SIGTERM for itself
                    self._collect(results, committer, tally, identified, view, interruption)

    def _collect(
        self,
        results: Iterator[ItemResult],
        committer: Committer,
        tally: Tally,
        identified: dict[str, str],
        view: View,
        interruption: Interruption,
    ) -> None:
        committed_s = time.monotonic()
        for result in results:
            committer.add(result.shards, result.outcome.failures, result.outcome.files)
            tally.add(result)
            identified |= result.outcome.decoded
            view.tick()
            if time.monotonic() - committed_s > _COMMIT_INTERVAL_S:
                with interruption.shield():
                    committer.flush()
                committed_s = time.monotonic()

    def _items(self, tasks: Sequence[Task], pool: Pool) -> list[WorkItem]:
        return list(group(tasks, item_cost_s(sum(task.cost_s for task in tasks), pool.num_actors)))

    def _spec(self) -> StageSpec:
        options = self.options
        return StageSpec(
            self.run_id,
            self.dataset.storage.root,
            options.recipe,
            options.max_duration_s,
            options.limits,
            store_location(),
        )


@dataclass(frozen=True)
class Request:
    """What a build was asked for, looked at: the music is listed, and the dataset can be written."""

    dataset: Dataset
    discovery: Discovery


def look(options: BuildOptions) -> Request:
    """List the music, and check where the dataset is to be. BadArgumentError if there is anything wrong."""
    dataset = Dataset(Storage.at(options.out))
    check_is_ours(dataset, options.out)
    discovery = discover(options.sources, options.exclude)
    if options.metadata is not None:
        discovery.files, discovery.num_unmatched = join_sidecar(discovery.files, options.metadata)
    return Request(dataset, discovery)


def prepare(options: BuildOptions, request: Request | None = None) -> Build:
    """Read what the dataset holds, and plan. BadArgumentError before anything is written."""
    request = request or look(options)
    dataset, discovery = request.dataset, request.discovery
    wanted = options.recipe.needed_for(options.only or options.recipe.fragments)
    wishes = Wishes(wanted, options.limit, options.retry_failures)
    state = State.of(dataset, options.recipe)
    costs = Costs.of(dataset, options.recipe)
    plan = make_plan(discovery, state, options.recipe, wishes, costs)
    check_room(dataset, plan)
    return Build(options, dataset, discovery, state, wishes, plan, costs)


def check_error_limit(tally: Tally, error_limit: float) -> None:
    """Raise BuildFailedError if too large a share of the tracks attempted in this run failed."""
    if tally.num_attempted and tally.num_failed / tally.num_attempted > error_limit:
        share = f"{tally.num_failed} of {tally.num_attempted} tracks failed"
        raise BuildFailedError(f"{share}, more than --error-limit {error_limit:g} allows; see 'muze failures'")
