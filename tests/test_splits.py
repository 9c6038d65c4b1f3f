"""Splits: what belongs together stays together, and nothing moves without a reason."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.packing.sources import Source, Splits
from pipeline.contents import Contents
from pipeline.dataset import Dataset
from pipeline.errors import BadArgumentError
from pipeline.snapshot import Snapshot
from pipeline.splits import DEFAULT_SHARES, Identity, assign, group_keys, normalised_artist
from pipeline.storage import Storage

THIRDS = {"train": 1.0, "valid": 1.0, "test": 1.0}
ARTISTS = st.sampled_from([None, "", "Various Artists", "Björk", "bjork", "The Band", "Band", "A", "A feat. B", "B"])


@st.composite
def libraries(draw: st.DrawFn) -> list[Identity]:
    """Up to 20 tracks; some share artists, some share content."""
    spectra = [np.linspace(-200, 100, 20) + 40 * n for n in range(4)]
    tracks = []
    for number in range(draw(st.integers(0, 20))):
        spectrum = draw(st.sampled_from([None, *spectra]))
        nudge = draw(st.floats(-0.9, 0.9))
        mfcc = None if spectrum is None else list(spectrum + nudge)
        duration_s = draw(st.sampled_from([None, 30.0, 30.05, 200.0]))
        tracks.append(Identity(f"{number:032x}", draw(ARTISTS), duration_s, mfcc))
    return tracks


def split_of(tracks: Sequence[Identity], seed: int = 0) -> dict[str, str]:
    split = assign(group_keys(tracks), seed)
    return {track_id: name for name, ids in split.items() for track_id in ids}


@given(libraries(), st.integers(0, 5))
def test_every_track_is_in_one_split_and_belongings_are_together(tracks: list[Identity], seed: int) -> None:
    found = split_of(tracks, seed)
    assert found.keys() == {track.track_id for track in tracks}
    for left in tracks:
        for right in tracks:
            if _belong_together(left, right):
                assert found[left.track_id] == found[right.track_id]


def _belong_together(left: Identity, right: Identity) -> bool:
    artist = normalised_artist(left.artist)
    if artist and artist == normalised_artist(right.artist):
        return True
    if None in (left.mfcc_mean, right.mfcc_mean, left.duration_s, right.duration_s):
        return False
    near = np.abs(np.subtract(left.mfcc_mean, right.mfcc_mean)).max() < 2
    return bool(near and abs(left.duration_s - right.duration_s) < 0.1)


@given(libraries(), libraries())
def test_new_tracks_move_only_groups_that_they_join(old: list[Identity], more: list[Identity]) -> None:
    new = [Identity(f"f{t.track_id[1:]}", t.artist, t.duration_s, t.mfcc_mean) for t in more]
    before, after = group_keys(old), group_keys([*old, *new])
    joined = {after[track.track_id] for track in new}
    split = split_of([*old, *new])
    moved = {track_id for track_id, name in split_of(old).items() if split[track_id] != name}
    assert all(after[track_id] in joined for track_id in moved)
    assert all(after[track_id] == key for track_id, key in before.items() if after[track_id] not in joined)


@given(libraries(), st.randoms())
def test_the_order_of_tracks_does_not_matter(tracks: list[Identity], random: object) -> None:
    shuffled = list(tracks)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_of(tracks) == split_of(shuffled)


def test_an_artist_stays_where_it_is_when_more_tracks_of_it_come() -> None:
    one = [Identity(f"{n:032x}", f"Artist {n}") for n in range(300)]
    more = [Identity(f"{n + 1000:032x}", f"ARTIST {n}") for n in range(300)]
    before, after = split_of(one), split_of([*one, *more])
    assert all(after[track_id] == name for track_id, name in before.items())


def test_tracks_of_a_split_are_in_the_order_of_their_ids() -> None:
    assert assign({"b": "one", "c": "one", "a": "one"}, 0, {"train": 1.0}) == {"train": ["a", "b", "c"]}


def test_shares_are_met_on_many_groups_and_seeds_differ() -> None:
    tracks = [Identity(f"{n:032x}", f"Artist {n}") for n in range(5000)]
    keys = group_keys(tracks)
    split = assign(keys, seed=1)
    for name, share in DEFAULT_SHARES.items():
        assert abs(len(split[name]) / len(tracks) - share) < 0.02
    assert assign(keys, seed=2) != split
    assert assign(keys, seed=1) == split
    assert assign(keys, 0, {"train": 1.0, "valid": 0.0, "test": 0.0})["train"] == sorted(keys)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("The Beatles", "beatles"),
        ("  BJÖRK ", "bjork"),
        ("A (feat. B)", "a"),
        ("A ft. B & C", "a"),
        ("Featherstone", "featherstone"),
        ("AC/DC", "ac dc"),
        ("久石譲", "久石譲"),
        ("Various Artists", ""),
        ("???", ""),
        (None, ""),
    ],
)
def test_artists_are_told_by_what_is_heard_of_them(written: str | None, plain: str) -> None:
    assert normalised_artist(written) == plain


def test_a_louder_or_longer_version_is_told_from_another_recording() -> None:
    spectrum = [-100.0, *np.linspace(120, -20, 19)]
    louder = [spectrum[0] + 9, *spectrum[1:]]
    other = [spectrum[0], spectrum[1] + 12, *spectrum[2:]]
    tracks = [
        Identity("a", None, 30.0, spectrum),
        Identity("b", None, 30.04, louder),
        Identity("c", None, 30.0, other),
        Identity("d", None, 31.0, spectrum),
    ]
    keys = group_keys(tracks)
    assert keys["a"] == keys["b"] == "track a"
    assert (keys["c"], keys["d"]) == ("track c", "track d")


def source(name: str, artists: Mapping[str, str | None], seed: int) -> Source:
    """A snapshot of tracks by some artists."""
    split = assign(group_keys([Identity(track_id, artist) for track_id, artist in artists.items()]), seed, THIRDS)
    return Source(name, Dataset(Storage.at("memory://none")), Snapshot(name, "", Contents({}, {}), split, {}))


def rows(artists: Mapping[str, str | None]) -> pa.Table:
    return pa.table({"track_id": list(artists), "artist": pa.array(artists.values(), pa.string())})


def joined(*sources: tuple[Mapping[str, str | None], int]) -> dict[str, str]:
    """Track -> split of snapshots that are packed together: what tracks have for artists, and a seed."""
    splits = Splits()
    for number, (artists, seed) in enumerate(sources):
        splits.add(source(f"s{number}", artists, seed), rows(artists))
    return splits.of_track


@pytest.mark.parametrize("seed", range(8))
def test_a_snapshot_that_knows_whose_a_track_is_sends_its_others_after_it(seed: int) -> None:
    found = joined(({"x": None}, 0), ({"x": "B", "y": "b feat. C"}, seed))
    assert found["x"] == found["y"] == joined(({"x": None}, 0))["x"]


def test_an_artist_whose_tracks_were_told_apart_is_refused() -> None:
    apart: dict[str, str | None] = {f"t{n}": None for n in range(20)}
    together = dict.fromkeys(apart, "Björk")
    with pytest.raises(
        BadArgumentError,
        match=r"^artists of s1:s1 are .*, 1 in all, such as 'bjork' with track t\d+ in .*pack s1:s1 first",
    ):
        joined((apart, 0), (together, 0))
    assert len(set(joined((together, 0), (apart, 0)).values())) == 1, "the other way round is the way out"


TAGGED = st.dictionaries(st.sampled_from([f"t{n}" for n in range(8)]), ARTISTS, max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(TAGGED, st.integers(0, 9)), min_size=1, max_size=4))
def test_joined_snapshots_have_tracks_and_artists_in_one_split(
    sources: list[tuple[dict[str, str | None], int]],
) -> None:
    held: dict[str, str] = {}
    for count in range(1, len(sources) + 1):
        belongings = [(i, normalised_artist(artist)) for artists, _ in sources[:count] for i, artist in artists.items()]
        try:
            found = joined(*sources[:count])
        except BadArgumentError:
            splits = splits_of_artists(belongings, held)
            assert any(len(each) > 1 for each in splits.values()), "refused only for tracks that were decided"
            return
        assert found | held == found, "what is decided stays"
        assert found.keys() == {track_id for track_id, _ in belongings}
        assert all(len(each) == 1 for each in splits_of_artists(belongings, found).values())
        held = dict(found)


def splits_of_artists(belongings: list[tuple[str, str]], found: Mapping[str, str]) -> dict[str, set[str]]:
    splits: dict[str, set[str]] = {}
    for track_id, artist in belongings:
        if artist and track_id in found:
            splits.setdefault(artist, set()).add(found[track_id])
    return splits
