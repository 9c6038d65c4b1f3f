"""The windows of a pack that are listened to: a fixed choice, with all that the pack knows of each."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.conditions import CONDITIONS
from training.errors import SettingError
from training.order import Order
from training.pack import Pack
from training.stream import Group, Stream

_COLUMNS = ("track_id", "window", "start_s", *(each.name for each in CONDITIONS))


@dataclass(frozen=True)
class Window:
    """A row of a pack."""

    known: dict[str, Any]
    """``track_id``, ``window``, ``start_s`` and every condition, None where it is not known."""
    payload: npt.NDArray[Any]
    """As stored, not normalised."""


def split_of(pack: Pack, wanted: str | None) -> str:
    """The split that is asked for, else test, else valid. Raises SettingError if there are no windows in it."""
    choices = (wanted,) if wanted else ("test", "valid")
    for split in choices:
        if pack.windows(split):
            return split
    raise SettingError(
        f"the pack at {pack.location} has no windows in its split {' or '.join(choices)}: choose another --split"
    )


def first_windows(pack: Pack, split: str, count: int) -> list[Window]:
    """The first windows of the order in which a split is validated, or all. They were shuffled when it was packed."""
    groups, places = _located(pack, split, count)
    tables: dict[int, pa.Table] = {}
    for group in np.unique(places.groups).tolist():
        tables[group] = _read(groups[group], (*_COLUMNS, pack.payload.name))
    pairs = zip(places.groups.tolist(), places.rows.tolist(), strict=True)
    return [_window(pack, tables[group].slice(row, 1).to_pylist()[0]) for group, row in pairs]


def track_vectors(pack: Pack, split: str, condition: str) -> npt.NDArray[np.float32]:
    """A vector of every track of a split that has one, ``(tracks, size)``, by track id."""
    found: dict[str, list[float]] = {}
    for group in Stream([pack]).groups(split):
        for row in _read(group, ("track_id", condition)).to_pylist():
            if row[condition] is not None:
                found[row["track_id"]] = row[condition]
    return np.array([found[track_id] for track_id in sorted(found)], np.float32)


def digest(pack: Pack, split: str, windows: Sequence[Window], how: str) -> str:
    """SHA-256 of what a set of sounds follows from: the split's shards, the windows taken, and what is made of them."""
    shards = [shard.sha256 for shard in pack.shards(split)]
    taken = [[window.known["track_id"], window.known["window"]] for window in windows]
    return hashlib.sha256(json.dumps([shards, taken, how]).encode()).hexdigest()


def _located(pack: Pack, split: str, count: int) -> Any:
    groups = Stream([pack]).groups(split)
    order = Order(np.array([group.size for group in groups]), 0)
    return groups, order.locate(np.arange(min(count, order.windows)))


def _read(group: Group, columns: Sequence[str]) -> pa.Table:
    return group.pack.read_group(group.shard, group.index, columns)


def _window(pack: Pack, row: dict[str, Any]) -> Window:
    facts = pack.payload
    return Window(row, np.frombuffer(row.pop(facts.name), facts.dtype).reshape(facts.shape))
