"""Train, valid and test: tracks that belong together fall together, whatever else is in the dataset.

Tracks are grouped by artist and by near-identical content, transitively, and every group is assigned by a hash of
the seed and the group's key alone. So adding or removing tracks moves no group that it does not touch, and the
shares are met in expectation rather than exactly: a dataset of few artists may have an empty split.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

DEFAULT_SHARES: Mapping[str, float] = {"train": 0.9, "valid": 0.05, "test": 0.05}
_NOBODY = frozenset({"", "unknown", "unknown artist", "various", "various artists", "va", "n a", "none", "untitled"})
_GUESTS = re.compile(r"[\s(\[]+(?:feat|ft|featuring)\b.*$")
_SAME_DURATION_S = 0.1
# One recording re-encoded (mp3 from 128 kbit/s, AAC, Opus) stays within these; 1 dB of gain moves coefficient 0 by 11.
# Different recordings of our test collection are more than 10 apart in some other coefficient.
_SAME_GAIN_MFCC = 12.0
_SAME_SHAPE_MFCC = 2.0


@dataclass(frozen=True)
class Identity:
    """What says that two tracks belong together."""

    track_id: str
    artist: str | None = None
    duration_s: float | None = None
    mfcc_mean: Sequence[float] | None = None


@lru_cache(maxsize=100_000)
def normalised_artist(artist: str | None) -> str:
    """An artist's name without case, accents, punctuation, article and guests; empty if it names nobody.

    Tracks of one artist share a group, so the same title by the same artist needs no rule of its own.
    """
    plain = unicodedata.normalize("NFKD", artist or "").casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = _GUESTS.sub("", plain)
    words = re.sub(r"[\W_]+", " ", plain).removeprefix("the ").strip()
    return "" if words in _NOBODY else words


def group_keys(tracks: Sequence[Identity]) -> dict[str, str]:
    """Track -> key of its group: the first artist of the group in order, else the first track id."""
    parents = list(range(len(tracks)))
    _join_artists(tracks, parents)
    for left, right in _near_identical(tracks):
        _join(parents, left, right)
    keys: dict[int, str] = {}
    for index, track in enumerate(tracks):
        root = _root(parents, index)
        keys[root] = min(keys.get(root, "\uffff"), _own_key(track))
    return {track.track_id: keys[_root(parents, index)] for index, track in enumerate(tracks)}


def _own_key(track: Identity) -> str:
    artist = normalised_artist(track.artist)
    return f"artist {artist}" if artist else f"track {track.track_id}"


def _join_artists(tracks: Sequence[Identity], parents: list[int]) -> None:
    first: dict[str, int] = {}
    for index, track in enumerate(tracks):
        artist = normalised_artist(track.artist)
        if artist:
            _join(parents, first.setdefault(artist, index), index)


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], left: int, right: int) -> None:
    parents[_root(parents, left)] = _root(parents, right)


def _near_identical(tracks: Sequence[Identity]) -> Iterator[tuple[int, int]]:
    """Pairs of about the same duration and mean spectrum: the same recording in two encodings."""
    known = [i for i, track in enumerate(tracks) if track.mfcc_mean is not None and track.duration_s is not None]
    if len(known) < 2:
        return
    mfcc = np.array([tracks[i].mfcc_mean for i in known], np.float64)  # (tracks, coefficients)
    duration_s = np.array([tracks[i].duration_s for i in known])
    tolerance = np.full(mfcc.shape[1], _SAME_SHAPE_MFCC)
    tolerance[0] = _SAME_GAIN_MFCC
    for left, right in _candidates(mfcc[:, 1], mfcc[:, 2], _SAME_SHAPE_MFCC):
        near = np.abs(duration_s[left] - duration_s[right]) <= _SAME_DURATION_S
        left, right = left[near], right[near]
        same = (np.abs(mfcc[left] - mfcc[right]) <= tolerance).all(axis=1)
        yield from ((known[i], known[j]) for i, j in zip(left[same], right[same], strict=True))


def _candidates(first: Floats, second: Floats, tolerance: float) -> Iterator[tuple[Indices, Indices]]:
    """Arrays of pairs that are close in two coefficients, without looking at all pairs.

    Cells of the first are twice the tolerance wide and laid out twice, half a cell apart, so that every close pair
    shares one. Within a cell, in the order of the second, row i is compared with i + 1, then with i + 2, and so on
    until no pair is close any more.
    """
    for offset in (0.0, 0.5):
        cells = np.floor(first / (2 * tolerance) + offset)
        order = np.lexsort((second, cells))
        cell, value = cells[order], second[order]
        rows = np.arange(len(order))
        for step in range(1, len(order)):
            rows = rows[rows < len(order) - step]
            rows = rows[(cell[rows + step] == cell[rows]) & (value[rows + step] - value[rows] <= tolerance)]
            if not len(rows):
                break
            yield order[rows], order[rows + step]


def assign(keys: Mapping[str, str], seed: int, shares: Mapping[str, float] = DEFAULT_SHARES) -> dict[str, list[str]]:
    """Split -> its tracks in order. Which split a group falls to depends on the seed, its key and the shares only."""
    split: dict[str, list[str]] = {name: [] for name in shares}
    for track_id in sorted(keys):
        split[_split_of(keys[track_id], seed, shares)].append(track_id)
    return split


def _split_of(key: str, seed: int, shares: Mapping[str, float]) -> str:
    digest = hashlib.sha256(f"{seed}\0{key}".encode("utf-8", "surrogatepass")).digest()
    position = int.from_bytes(digest[:8]) / 2**64 * sum(shares.values())
    for name, share in shares.items():
        if position < share:
            return name
        position -= share
    return list(shares)[-1]
