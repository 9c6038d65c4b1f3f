"""What a person sees of a build: the plan, the work going on, and the table at the end. All of it on stderr."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipeline.cost import readable_duration
from pipeline.discover import Discovery
from pipeline.plan import Plan
from pipeline.printable import printable
from pipeline.tally import Tally

_PLAIN_INTERVAL_S = 10.0
_MAX_STEPS_SHOWN = 8


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)


@dataclass
class Progress:
    """Speaks to the person at the terminal; plain lines where there is none."""

    console: Console = field(default_factory=_stderr)
    _spoken_s: float = 0.0

    def say(self, text: str) -> None:
        self.console.print(printable(text), markup=False, soft_wrap=True)

    def show_plan(self, plan: Plan, discovery: Discovery) -> None:
        """Say what was found, what will be computed and why, and what it will take on this many cores."""
        passed_over = f"{discovery.num_hidden} hidden, {discovery.num_other} other"
        excluded = f", {len(discovery.excluded)} excluded" if discovery.excluded else ""
        self.say(f"{plan.num_files} audio files ({passed_over}{excluded} passed over)")
        if discovery.num_unmatched:
            self.say(f"{discovery.num_unmatched} rows of the metadata file name no file found, or several")
        table = Table("fragment", "new", "stale", "missing", "failed before", title="Plan", title_justify="left")
        for name, reasons in plan.reasons.items():
            table.add_row(name, *(str(reasons[key]) for key in ("new", "stale", "missing", "failed")))
        self.console.print(table)
        if plan.tasks:
            self.say(f"{len(plan.tasks)} files to process, about {readable_duration(plan.cost_s)} of one core")
            if plan.object_bytes:
                self.say(f"audio objects will take about {plan.object_bytes / 2**30:.1f} GiB")
        else:
            self.say("nothing to do: every track has its rows or a failure on record")

    @contextlib.contextmanager
    def live(self, tally: Tally, ledger: Any) -> Iterator["View"]:
        """Show the work while it goes on: a table on a terminal, a line every ten seconds elsewhere."""
        view = View(self, tally, ledger)
        if not self.console.is_terminal:
            yield view
            return
        with Live(view, console=self.console, refresh_per_second=1, transient=True):
            yield view

    def show_report(self, tally: Tally) -> None:
        """The table at the end of a run: rows, failures and time a fragment."""
        report = tally.report()
        table = Table("fragment", "rows", "new", "failed", "skipped", "seconds", title="Report", title_justify="left")
        for name, counts in report["fragments"].items():
            table.add_row(
                name, *(str(counts[key]) for key in ("rows", "new", "failed", "skipped")), f"{counts['seconds']:.1f}"
            )
        self.console.print(table)
        for (fragment, reason), count in sorted(tally.failures.items()):
            self.say(f"{count} failed in {fragment}: {reason}")
        hours, wall = readable_duration(tally.audio_decoded_s), readable_duration(tally.wall_s)
        speed = f"{report['realtime_factor']:.1f} x realtime"
        self.say(f"{report['tracks']} tracks, {report['new']} new; {hours} of audio in {wall}, {speed}")


@dataclass
class View:
    """The state of a running build, as a renderable and as a line."""

    progress: Progress
    tally: Tally
    ledger: Any

    def tick(self) -> None:
        """Print a line if there is no terminal and the last one is ten seconds old."""
        now_s = time.monotonic()
        if not self.progress.console.is_terminal and now_s - self.progress._spoken_s >= _PLAIN_INTERVAL_S:
            self.progress._spoken_s = now_s
            self.progress.say(self.line())

    def line(self) -> str:
        tally, num_tasks = self.tally, len(self.tally.plan.tasks)
        rate = tally.audio_decoded_s / tally.wall_s
        return (
            f"{tally.num_attempted}/{num_tasks} files, {tally.num_failed} failed, "
            f"{readable_duration(tally.audio_decoded_s)} of audio at {rate:.1f} x realtime, "
            f"{readable_duration(tally.left_s)} to go"
        )

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_row(self.line())
        for uri, fragment, left_s in self._steps():
            table.add_row(f"  {fragment:<10} {printable(uri.rsplit('/', 1)[-1])} (limit in {left_s:.0f} s)")
        return table

    def _steps(self) -> list[tuple[str, str, float]]:
        import ray

        try:
            steps: list[tuple[str, str, float]] = ray.get(self.ledger.under_way.remote(), timeout=1)
        except ray.exceptions.RayError:
            return []
        return steps[:_MAX_STEPS_SHOWN]
