"""The folder of a run: what it is (``run.json``), what it measured, and its checkpoints."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import Preset
from training.errors import SettingError
from training.pack_format import Payload, Statistics
from training.presets import preset_of

MANIFEST = "run.json"
_MAY_CHANGE = (
    *("looping.steps", "looping.log_every", "looping.save_every", "looping.keep", "looping.validate_every"),
    *("looping.sample_every", "looping.sample_prompts"),
)
"""A resumed run may be given other values of these; everything else is what it was started with."""


@dataclass(frozen=True)
class Run:
    """One training: its name, what was set, and the packs that it reads."""

    folder: Path
    training: str
    assignments: tuple[str, ...]
    packs: tuple[str, ...]
    init_from: str | None = None
    payload: Payload | None = None
    """What the packs hold, and what it is normalised by: sound can be made without the packs."""
    statistics: Statistics | None = None
    contents: tuple[str, ...] = ()
    """``Pack.contents`` of each pack: one that was moved is the same, one that was made anew is not."""

    @property
    def preset(self) -> Preset:
        return preset_of(self.training, self.assignments)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def identity(self) -> str:
        """16 hex digits that stay the same however long it trains, and differ from those of any other run."""
        lasting = [assignment for assignment in self.assignments if not _may_change(assignment)]
        data = [dataclasses.asdict(facts) if facts else None for facts in (self.payload, self.statistics)]
        said = json.dumps([str(self.folder), self.training, lasting, self.init_from, data], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Read a run. Raises SettingError if there is none in the folder, or if it is damaged."""
        path = folder / MANIFEST
        if not path.is_file():
            raise SettingError(f"there is no run in {str(folder)!r}: expected a folder that muze train has written")
        try:
            return cls._of(folder, json.loads(path.read_text()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise SettingError(
                f"the run in {str(folder)!r} is damaged, {MANIFEST} is not what was written: {why}"
            ) from error

    @classmethod
    def _of(cls, folder: Path, said: dict[str, Any]) -> "Run":
        payload, statistics = said.get("payload"), said.get("statistics")
        return cls(
            folder,
            said["training"],
            tuple(said["set"]),
            tuple(said["packs"]),
            said.get("init_from"),
            Payload(**payload | {"shape": tuple(payload["shape"])}) if payload else None,
            Statistics(**statistics) if statistics else None,
            tuple(said.get("contents", ())),
        )

    def write(self) -> None:
        """Say what the run is, for the one who goes on with it and for people."""
        self.folder.mkdir(parents=True, exist_ok=True)
        document = {
            "training": self.training,
            "set": list(self.assignments),
            "packs": list(self.packs),
            "contents": list(self.contents),
            "init_from": self.init_from,
            "payload": dataclasses.asdict(self.payload) if self.payload else None,
            "statistics": dataclasses.asdict(self.statistics) if self.statistics else None,
            "settings": dataclasses.asdict(self.preset),
        }
        partial = self.folder / f".{MANIFEST}.partial"
        partial.write_text(json.dumps(document, indent=1))
        partial.replace(self.folder / MANIFEST)


def begun(run: Run) -> Run:
    """The run that is in the folder of a run already, else the run itself."""
    return Run.read(run.folder) if (run.folder / MANIFEST).exists() else run


def begin(run: Run, resume: bool) -> Run:
    """Begin a run in its folder, or go on with the one that is there. Raises SettingError if the two do not fit."""
    if not (run.folder / MANIFEST).exists():
        if run.folder.exists() and any(run.folder.iterdir()):
            raise SettingError(f"{str(run.folder)!r} is there and no run: choose another --out")
        run.write()
        return run
    if not resume:
        raise SettingError(f"there is a run in {str(run.folder)!r}: add --resume to go on with it, or choose another")
    earlier = Run.read(run.folder)
    merged = dataclasses.replace(run, assignments=_merged(earlier, run), init_from=earlier.init_from)
    _require_same(earlier, merged)
    merged.write()
    return merged


def _require_same(earlier: Run, run: Run) -> None:
    """Raise SettingError if a run is not to do what the earlier one did, whose steps would mean something else."""
    known = bool(earlier.contents and run.contents)
    moved = known and earlier.contents == run.contents
    if earlier.training != run.training or (earlier.packs != run.packs and not moved):
        raise SettingError(
            f"the run in {str(run.folder)!r} trains {earlier.training} on {', '.join(earlier.packs)}, not"
            f" {run.training} on {', '.join(run.packs)}: choose another --out"
        )
    if known and not moved:
        raise SettingError(
            f"the run in {str(run.folder)!r} was trained on other windows than there are now in"
            f" {', '.join(run.packs)}: choose another --out, and --init-from to begin with its weights"
        )


def _merged(earlier: Run, wanted: Run) -> tuple[str, ...]:
    """The settings of the earlier run with the new ones, which may be the same or harmless: the last of each counts."""
    was, wished = _by_name(earlier.assignments), _by_name(wanted.assignments)
    harmful = [text for name, text in wished.items() if not _may_change(text) and was.get(name) != text]
    if harmful:
        raise SettingError(
            f"a resumed run keeps its settings, got {', '.join(harmful)}: only {', '.join(_MAY_CHANGE)} may change"
        )
    new = {name: text for name, text in wished.items() if _may_change(text)}
    return (*(text for text in earlier.assignments if _name(text) not in new), *new.values())


def _by_name(assignments: Sequence[str]) -> dict[str, str]:
    return {_name(assignment): assignment for assignment in assignments}


def _name(assignment: str) -> str:
    return assignment.split("=")[0].strip()


def _may_change(assignment: str) -> bool:
    return _name(assignment) in _MAY_CHANGE


def packs_of(text: Sequence[str]) -> tuple[str, ...]:
    """Packs as a run stores them: local ones by absolute path."""
    return tuple(pack if "://" in pack else str(Path(pack).absolute()) for pack in text)
