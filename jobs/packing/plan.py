"""Which windows a pack has, in which split and in which order, before any payload is read."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jobs.packing.payload import Kind, Meaning, shapes
from jobs.packing.sources import Source, Splits
from jobs.packing.track import seconds
from jobs.packing.windows import Align, Cutting, Starts
from pipeline.errors import BadArgumentError
from pipeline.shards import read_shards
from schemas.fragment import TRACK_ID
from training.order import Ints, mixed

SPLITS = ("train", "valid", "test")
_RECIPE = "muze build MUSIC --out DATASET --recipe FILE.yaml with 'fragments: {{{}: {{}}}}'"


@dataclass(frozen=True)
class Wish:
    """How it is to be cut, as asked for."""

    kind: Kind
    window_s: float
    hop_s: float
    align: Align
    seed: int
    mel_rate_hz: int | None = None


@dataclass(frozen=True)
class Planned:
    """A track that is packed."""

    track_id: str
    split: str
    first: int
    """Number of its first window among all windows of the pack."""
    starts: Starts
    """First frames of its windows."""


@dataclass
class Plan:
    """The tracks of each source in order of their ids, and the order of the windows."""

    sources: Sequence[Source]
    meaning: Meaning
    cutting: Cutting
    tracks: list[list[Planned]]
    rights: Counter[str]
    left_out: Counter[str]
    ranks: dict[str, Ints] = field(default_factory=dict)
    """Split -> the numbers of its windows in the order in which they are packed."""

    def of_split(self, split: str) -> Iterator[Planned]:
        return (track for tracks in self.tracks for track in tracks if track.split == split)


def planned(sources: Sequence[Source], wish: Wish) -> Plan:
    """Plan a pack of snapshots; a track that is in several is taken from the first. Raises BadArgumentError."""
    frames = [_frames(source, wish) for source in sources]
    meaning = _one_meaning(sources, [meaning for _, meaning in frames])
    cutting = Cutting.of(wish.window_s, wish.hop_s, meaning.rate_hz, wish.kind.multiple, wish.align)
    plan = Plan(sources, meaning, cutting, [], Counter(), Counter())
    splits = Splits()
    first = 0
    for source, (found, _) in zip(sources, frames, strict=True):
        tracks = source.tracks
        splits.add(source, tracks)
        sections = _sections(source) if wish.align == "section" else {}
        first = _plan_tracks(plan, splits, tracks, found, sections, first)
    _rank(plan, wish.seed, first)
    if not first:
        raise BadArgumentError(
            f"there is no window to pack: {_words(plan.left_out)}, windows of {cutting.window_s:g} s"
        )
    return plan


def _frames(source: Source, wish: Wish) -> tuple[dict[str, int], Meaning]:
    """Track -> frames of its payload, and what these mean."""
    kind = wish.kind
    if not source.shards(kind.fragment):
        recipe = _RECIPE.format(kind.fragment)
        raise BadArgumentError(f"{source.name} has no fragment {kind.fragment!r}: make it by {recipe}, and a snapshot")
    found: dict[str, int] = {}
    meanings: dict[Meaning, str] = {}
    for track_id, num_frames, meaning in shapes(source.dataset.storage, source.snapshot, kind):
        found.setdefault(track_id, num_frames)
        meanings.setdefault(meaning, track_id)
    if not meanings:
        raise BadArgumentError(f"no track of {source.name} has a {kind.name}")
    if len(meanings) > 1:
        one, other = list(meanings.items())[:2]
        raise BadArgumentError(
            f"{kind.name} of tracks {one[1]} and {other[1]} in {source.name} differ: {one[0]} and {other[0]}"
        )
    [meaning] = meanings
    _check_mel(meaning, source, wish)
    return found, meaning


def _check_mel(meaning: Meaning, source: Source, wish: Wish) -> None:
    rate_hz = json.loads(meaning.spec).get("rate_hz")
    if wish.mel_rate_hz is not None and rate_hz != wish.mel_rate_hz:
        raise BadArgumentError(
            f"{source.name} has log-mels of {rate_hz} Hz, and --mel asks for {wish.mel_rate_hz} Hz: build them with"
            " that setting of fragment 'mel', or leave --mel out"
        )


def _one_meaning(sources: Sequence[Source], meanings: Sequence[Meaning]) -> Meaning:
    for source, meaning in zip(sources, meanings, strict=True):
        if meaning != meanings[0]:
            raise BadArgumentError(
                f"{sources[0].name} and {source.name} cannot be joined: {meanings[0]} and {meaning} differ"
            )
    return meanings[0]


def _plan_tracks(
    plan: Plan,
    splits: Splits,
    tracks: pa.Table,
    frames: Mapping[str, int],
    sections: Mapping[str, list[tuple[float, float]]],
    first: int,
) -> int:
    """Plan the tracks of a source; return the number of windows so far."""
    chosen: list[Planned] = []
    for track_id, rights in zip(tracks[TRACK_ID].to_pylist(), tracks["rights"].to_pylist(), strict=True):
        if track_id not in frames:
            plan.left_out["without payload"] += 1
        elif not len(starts := plan.cutting.starts(frames[track_id], sections.get(track_id, ()))):
            plan.left_out["shorter than a window"] += 1
        elif not splits.claim(track_id):
            plan.left_out["packed already, from a snapshot named before"] += 1
        else:
            chosen.append(Planned(track_id, splits.of_track[track_id], first, starts))
            plan.rights[rights or ""] += 1
            first += len(starts)
    plan.tracks.append(chosen)
    return first


def _sections(source: Source) -> dict[str, list[tuple[float, float]]]:
    """Track -> its sections. Raises BadArgumentError if the snapshot has none."""
    shards = source.shards("structure")
    if not shards:
        raise BadArgumentError(f"{source.name} has no fragment 'structure', which --align section needs")
    found: dict[str, list[tuple[float, float]]] = {}
    for shard in shards:
        rows = read_shards(source.dataset.storage, "structure", [shard], [TRACK_ID, "sections"])
        assert rows is not None
        for row in rows.to_pylist():
            spans = [(seconds(each["start_s"]), seconds(each["end_s"])) for each in row["sections"] or ()]
            found.setdefault(row[TRACK_ID], spans)
    return found


def _rank(plan: Plan, seed: int, windows: int) -> None:
    """Shuffle: the order of windows follows from the seed, their tracks and their numbers alone."""
    keys = np.zeros(windows, np.uint64)
    splits = np.zeros(windows, np.int8)
    for tracks in plan.tracks:
        for track in tracks:
            part = slice(track.first, track.first + len(track.starts))
            keys[part] = _key(seed, track.track_id) + np.arange(len(track.starts), dtype=np.uint64)
            splits[part] = SPLITS.index(track.split)
    keys = mixed(keys)
    for index, split in enumerate(SPLITS):
        numbers = np.flatnonzero(splits == index)
        plan.ranks[split] = numbers[np.argsort(keys[numbers], kind="stable")]


def _key(seed: int, track_id: str) -> npt.NDArray[np.uint64]:
    digest = hashlib.blake2b(f"{seed} {track_id}".encode(), digest_size=8).digest()
    return np.array([int.from_bytes(digest, "big")], np.uint64)


def _words(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} tracks {why}" for why, count in left_out.items()) or "there are no tracks"
