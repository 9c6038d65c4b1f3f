"""What a recipe needs of the weights store, and the three ways on when it is not there."""

import os
from collections.abc import Iterator, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from featurizers.trained_weights import PREFIX
from featurizers.weight import Trained
from featurizers.weights import is_there, verify, weight_of
from featurizers.weights_store import LOCATION, WeightsError, store, store_at
from jobs.named_recipes import load_recipe
from jobs.tables import readable_bytes, render
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.limits import Limits
from pipeline.pull import Report, pull
from pipeline.recipe import Recipe


def use_store(location: str | None) -> None:
    """Make a folder or URL the store of this process and of those it starts. BadArgumentError if it is a file."""
    if location:
        os.environ[LOCATION] = location if "://" in location else str(store_at(location).root)
    if store().root.is_file():
        name = "--weights" if location else LOCATION
        raise BadArgumentError(f"{name} is {str(store().root)!r}, which is a file: give the folder of a weights store")


def names_for(recipe: str) -> tuple[str, ...]:
    """The weights that a named recipe loads."""
    loaded = load_recipe(recipe)
    return loaded.weights(loaded.fragments)


def state_of(name: str) -> str:
    """``bundled`` in a package, ``pulled``, ``trained``, or ``missing``."""
    if weight_of(name).packaged:
        return "bundled"
    if not is_there(name):
        return "missing"
    return "trained" if _trained(name) else "pulled"


def _trained(name: str) -> bool:
    return isinstance(weight_of(name).origin, Trained)


def commercial_use(allowed: bool | None) -> str:
    """Whether a licence allows it, in a table's words."""
    return {True: "yes", False: "no", None: "as its music"}[allowed]


def recipe_with_weights(recipe: Recipe, only: Sequence[str], skip_missing: bool) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe, once every weight it loads is there, and the fragments left out of it.

    What is missing is pulled. Where that cannot be done, ``skip_missing`` leaves out the fragments that need it, and
    otherwise BuildFailedError lists it, before any work.
    """
    wanted = recipe.needed_for(only or recipe.fragments)
    lacking = [name for name in recipe.weights(wanted) if not is_there(name)]
    untrained = any(map(_trained, lacking))
    still = lacking if skip_missing or untrained else _pull_missing(lacking)
    if still and not skip_missing:
        raise BuildFailedError(missing_table(still, recipe))
    reduced = recipe.without(f.writes.name for f in recipe.featurizers if not all(map(is_there, f.weights)))
    return reduced, tuple(sorted(name for name in wanted if name not in reduced.fragments))


def check_weights(recipe: Recipe, fragments: frozenset[str]) -> None:
    """Refuse, before any work, to load weights that differ from what was pinned or recorded."""
    problems = [f"{name}: {problem}" for name in recipe.weights(fragments) for problem in verify(name)]
    if problems:
        raise BuildFailedError(f"weights are damaged; {'; '.join(problems)}; remove the files and pull them again")


def actor_memory_gib(recipe: Recipe) -> float:
    """What a worker with every model of a recipe may take: the usual limit, and its pulled weights in memory.

    A file holds more than the network in it (CLAP's has the optimizer's state), and loading needs room beside it:
    together they come to about the file.
    """
    pulled = [name for name in recipe.weights(recipe.fragments) if not weight_of(name).packaged]
    locked = store().locked()
    sizes: Iterator[int] = (file["size_bytes"] for name in pulled for file in locked[name]["files"].values())
    return Limits.actor_memory_gib + sum(sizes) / 2**30


def _pull_missing(names: Sequence[str]) -> list[str]:
    """Pull what is missing; return what could not be had."""
    if not names or os.environ.get("HF_HUB_OFFLINE") == "1":
        return list(names)
    with PullProgress() as progress:
        for index, name in enumerate(names):
            try:
                pull(store(), weight_of(name), progress.of(name))
            except WeightsError as error:
                progress.say(str(error))
                return list(names[index:])
    return []


def missing_table(names: Sequence[str], recipe: Recipe) -> str:
    """What is missing, and the three ways on."""
    rows = []
    for name in names:
        weight = weight_of(name)
        needing = [f.writes.name for f in recipe.featurizers if name in f.weights]
        size = "unknown" if weight.size_bytes is None else readable_bytes(weight.size_bytes)
        rows.append({"weight": name, "fragments": ", ".join(needing), "size": size} | {"licence": weight.licence})
        rows[-1]["commercial use"] = commercial_use(weight.commercial_use)
    table = render(("weight", "fragments", "size", "licence", "commercial use"), rows)
    return (
        f"recipe {recipe.name!r} needs weights that are not in the store {store().root}, and nothing was computed:\n\n"
        f"{table}\n\n"
        f"Ways on:\n{_ways_on(names)}"
    )


def _ways_on(names: Sequence[str]) -> str:
    """Commands that help where these weights are missing."""
    trained = [name for name in names if _trained(name)]
    ways = [(f"muze train {PREFIX}...", f"writes {', '.join(trained)}: see docs/training.md")] if trained else []
    if len(trained) < len(names):
        ways.append(("muze models pull", "get them, on this machine or through a bundle (see muze models --help)"))
    elif trained:
        ways.append(("muze models pull --from", "take them from a bundle of the machine that trained them"))
    ways.append(("muze build --skip-missing", "leave out the fragments that need them"))
    ways.append(("muze build --recipe bundled", "use only weights that ship inside the installed packages"))
    return "\n".join(f"  {command:<27} {what}" for command, what in ways)


class PullProgress:
    """Shows downloads on stderr."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "PullProgress":
        self._progress.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, soft_wrap=True)

    def of(self, weight: str) -> Report:
        """What to tell of a weight's files while they come in."""

        def report(file: str, done: int, total: int | None) -> None:
            name = f"{weight} {file}"
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name, total=total)
            self._progress.update(self._tasks[name], completed=done)

        return report
