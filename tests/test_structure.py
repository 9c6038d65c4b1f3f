"""Sections of rendered songs with their true beats, so that structure alone is tested, and of odd sounds."""

from functools import cache
from itertools import groupby, pairwise
from typing import Any

import mir_eval
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.audio import Audio, Sound
from featurizers.bars import Bars, bar_edges_s
from featurizers.featurizer import Extract, Inputs
from featurizers.level import Level
from featurizers.section_clusters import by_first_appearance, group_sections, spectral_clusters
from featurizers.section_types import Part
from featurizers.segmentation import find_boundaries
from featurizers.structure import Structure, audible_bars, described
from jobs.demo.render import render
from jobs.demo.score import Mix, Section, Singer, Song
from jobs.demo.songs import SONGS
from jobs.demo.truth import truth
from jobs.demo.voice import sing
from schemas.fragments.structure import STRUCTURE

RATE_HZ = 44100
A, B, C = "C:maj | A:min | F:maj | G:maj", "D:min | E:min | F:maj | C:maj", "E:maj | A:maj | B:min | Eb:maj"
WALTZ_A, WALTZ_B, WALTZ_C = (
    "G:maj | E:min | C:maj | D:maj",
    "A:min | B:min | C:maj | G:maj",
    "B:maj | E:maj | F:min | Bb:maj",
)
SINGER = Singer("1 1 2 3 r1", vibrato_rate_hz=5.5, vibrato_depth_cents=60)
WALTZ_SINGER = Singer("2 1 3 2 1 2 r1", vibrato_rate_hz=5, vibrato_depth_cents=70)
NO_DRUMS = Mix(drums_db=None)


def form(types: str, chords: dict[str, str], times: int = 1, **song: Any) -> Song:
    """A song whose sections are letters; the same letter has the same chords and no section is louder or sung."""
    sections = [Section(letter, " | ".join([chords[letter]] * times)) for letter in types]
    return Song("form", "C major", song.pop("tempo_bpm", 120), tuple(sections), rate_hz=RATE_HZ, **song)


def pop_song(a: str, b: str, c: str, tempo_bpm: float, beats_per_bar: int, singer: Singer) -> Song:
    def section(type_: str, chords: str, gain_db: float, sung: bool = False, times: int = 1) -> Section:
        return Section(type_, " | ".join([chords] * times), gain_db=gain_db, sung=sung)

    verse, chorus = section("verse", a, -3, sung=True), section("chorus", b, 0, sung=True)
    intro, outro = section("intro", a, -6), section("outro", a, -6)
    sections = (intro, verse, chorus, verse, chorus, section("bridge", c, -6), chorus, outro)
    return Song("pop", "C major", tempo_bpm, sections, beats_per_bar, singer, rate_hz=RATE_HZ)


FORMS = {
    "ABABCB": form("ABABCB", {"A": A, "B": B, "C": C}, 2),
    "ABABCB of four bars": form("ABABCB", {"A": A, "B": B, "C": C}),
    "AABA": form("AABA", {"A": f"{A} | {B}", "B": f"{C} | {C}"}),
    "ABACA without drums": form("ABACA", {"A": A, "B": B, "C": C}, 2, mix=NO_DRUMS),
    "ABABCB waltz": form("ABABCB", {"A": WALTZ_A, "B": WALTZ_B, "C": WALTZ_C}, 1, tempo_bpm=132, beats_per_bar=3),
}
POP = {
    "pop": pop_song(A, B, C, 120, 4, SINGER),
    "pop waltz": pop_song(WALTZ_A, WALTZ_B, WALTZ_C, 132, 3, WALTZ_SINGER),
}


@pytest.fixture(scope="module")
def structure() -> Extract:
    return Structure().load()


def sections_of(extract: Extract, audio: Audio, downbeats_s: list[float], **columns: Any) -> list[dict[str, Any]]:
    sources = {"mix": audio, "vocals": columns.pop("vocals", None)}
    sound = Sound.of(**{name: source for name, source in sources.items() if source})
    [row] = extract([Inputs(sound, {"downbeats_s": downbeats_s, **columns})])
    assert pa.Table.from_pylist([{"track_id": "a", **row}], STRUCTURE.schema).num_rows == 1
    return list(row["sections"])


@cache
def rendered(song: Song) -> Audio:
    return Audio(*render(song))


def found_in(extract: Extract, song: Song, with_stems: bool = False) -> list[dict[str, Any]]:
    columns: dict[str, Any] = {}
    if with_stems:
        voice = (0.2 * np.atleast_2d(sing(song))).astype(np.float32)
        columns = {"vocals": Audio(voice, song.rate_hz), "vocals_uri": "a", "vocals_energy_share": 0.3}
    return sections_of(extract, rendered(song), truth(song)["downbeats_s"], **columns)


def starts(sections: list[dict[str, Any]]) -> list[float]:
    return [round(section["start_s"], 3) for section in sections]


# Rendered songs


@pytest.mark.parametrize("song", SONGS, ids=lambda song: song.title)
@pytest.mark.parametrize("with_stems", [False, True])
def test_songs_of_the_demo_are_found_exactly(structure: Extract, song: Song, with_stems: bool) -> None:
    expected, found = truth(song)["sections"], found_in(structure, song, with_stems)
    assert starts(found) == starts(expected)
    assert [section["type"] for section in found] == [section["type"] for section in expected]
    if with_stems and song.singer:
        assert [section["has_vocals"] for section in found] == [section["has_vocals"] for section in expected]


@pytest.mark.parametrize(("name", "with_stems"), [("pop", True), ("pop", False), ("pop waltz", False)])
def test_songs_with_a_chorus_are_found_exactly(structure: Extract, name: str, with_stems: bool) -> None:
    expected, found = truth(POP[name])["sections"], found_in(structure, POP[name], with_stems)
    assert starts(found) == starts(expected)
    assert [section["type"] for section in found] == [section["type"] for section in expected]
    material = [(section.chords, section.gain_db, section.sung) for section in POP[name].sections]
    assert [section["cluster"] for section in found] == by_first_appearance(
        [material.index(heard) for heard in material]
    )


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_chords_alone_are_found_exactly(structure: Extract, name: str) -> None:
    song = FORMS[name]
    found = found_in(structure, song)
    expected = _neighbours_joined(truth(song)["sections"])
    assert starts(found) == starts(expected)
    assert [s["cluster"] for s in found] == by_first_appearance([ord(section["type"]) for section in expected])
    intervals, estimated = _intervals(expected, "type")[0], _intervals(found, "cluster")[0]
    assert mir_eval.segment.detection(intervals, estimated, window=0.5) == (1, 1, 1)


def _neighbours_joined(sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    groups = [list(group) for _, group in groupby(sections, key=lambda section: section["type"])]
    return [group[0] | {"end_s": group[-1]["end_s"]} for group in groups]


def _intervals(sections: list[dict[str, Any]], name: str) -> tuple[np.ndarray, list[str]]:
    times_s = np.round([(section["start_s"], section["end_s"]) for section in sections], 3)
    return times_s, [str(section[name]) for section in sections]


def test_a_loop_is_one_section(structure: Extract) -> None:
    [section] = found_in(structure, form("A", {"A": A}, 6))
    assert (section["type"], section["cluster"], section["confidence"]) == ("verse", 0, pytest.approx(0.1))


def test_sections_are_the_same_again_and_side_by_side(structure: Extract) -> None:
    songs = (SONGS[0], SONGS[2])
    inputs = [Inputs(Sound.of(mix=rendered(s)), {"downbeats_s": truth(s)["downbeats_s"]}) for s in songs]
    together = structure(inputs)
    assert together == [structure([one])[0] for one in inputs]


def test_energy_is_that_of_level_on_the_section_alone(structure: Extract) -> None:
    song = SONGS[0]
    audio = rendered(song)
    for section in found_in(structure, song)[1:3]:
        first, last = (round(section[name] * audio.rate_hz) for name in ("start_s", "end_s"))
        alone = Audio(audio.samples[:, first:last], audio.rate_hz)
        [row] = Level().load()([Inputs(Sound.of(mix=alone))])
        assert section["energy"] == pytest.approx(row["energy"], abs=0.01)


# Silence, no beats, odd sounds


def test_a_silence_inside_is_a_section(structure: Extract) -> None:
    song = SONGS[0]
    audio = rendered(song)
    samples, gap_s = audio.samples.copy(), (12.5, 18.5)
    samples[:, round(gap_s[0] * audio.rate_hz) : round(gap_s[1] * audio.rate_hz)] = 0
    sections = sections_of(structure, Audio(samples, audio.rate_hz), truth(song)["downbeats_s"])
    [silent] = [section for section in sections if section["type"] == "silence"]
    assert (silent["start_s"], silent["end_s"]) == pytest.approx(gap_s)
    assert (silent["energy"], silent["confidence"]) == (0, 1)


def test_without_beats_sections_are_blocks(structure: Extract) -> None:
    song = form("AB", {"A": A, "B": C}, 2, mix=NO_DRUMS)
    samples = rendered(song).samples.copy()
    samples[:, : round(16.5 * RATE_HZ)] *= 0.2
    sections = sections_of(structure, Audio(samples, RATE_HZ), [])
    assert min(abs(start_s - 16.5) for start_s in starts(sections)) < 1
    assert len(sections) <= 4


@pytest.mark.parametrize(
    "samples",
    [np.zeros((1, 5 * RATE_HZ)), np.full((1, 5 * RATE_HZ), 0.5), np.zeros((2, 0)), np.full((1, 1), 0.1)],
    ids=["silence", "direct current", "empty", "one sample"],
)
def test_no_sections_where_nothing_is_heard(structure: Extract, samples: np.ndarray) -> None:
    assert sections_of(structure, Audio(samples.astype(np.float32), RATE_HZ), [0.5, 2.5]) == []


@pytest.mark.parametrize("rate_hz", [4000, 48000])
@pytest.mark.parametrize("downbeats_s", [[], [0.4], [0.2, 0.7, 1.2]])
@pytest.mark.parametrize("duration_s", [0.9, 1.0, 7.0])
def test_noise_has_sections_from_one_second_on(
    structure: Extract, rate_hz: int, downbeats_s: list[float], duration_s: float
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, round(duration_s * rate_hz))).astype(np.float32)
    sections = sections_of(structure, Audio(noise, rate_hz), downbeats_s)
    assert bool(sections) == (duration_s >= 1)
    if sections:
        assert sections[-1]["end_s"] == pytest.approx(duration_s)


# Parts of it


def test_words_belong_to_the_section_in_which_they_begin() -> None:
    parts = [Part(0, 10, 0, None), Part(10, 20, 1, None)]
    words = [("one ", 1.0), (" two", 9.99), ("three", 10.0), ("lost", None)]
    columns = [{"word": word, "start_s": start_s} for word, start_s in words]
    rows = described(parts, np.ones(200), None, columns)
    assert [row["lyrics"] for row in rows] == ["one two", "three"]
    assert [row["lyrics"] for row in described(parts, np.ones(200), None, [])] == ["", ""]
    assert [row["lyrics"] for row in described(parts, np.ones(200), None, None)] == [None, None]


def test_a_section_is_sung_if_a_quarter_of_it_is() -> None:
    parts = [Part(0, 10, 0, None), Part(10, 20, 1, None), Part(20, 30, 2, None)]
    rows = described(parts, np.ones(300), [(8.0, 12.5), (25.0, 27.0), (29.5, 30.0)], None)
    assert [row["has_vocals"] for row in rows] == [False, True, True]
    assert [row["has_vocals"] for row in described(parts, np.ones(300), None, None)] == [None] * 3


def test_only_long_silences_count() -> None:
    edges_s = np.arange(11.0)
    energies = np.ones(100)
    energies[20:40] = 0  # 2 s
    energies[60:95] = 0  # three whole bars
    assert np.flatnonzero(~audible_bars(energies, edges_s)).tolist() == [6, 7, 8]
    energies = np.ones(240)
    energies[40:80] = 0
    assert np.flatnonzero(~audible_bars(energies, np.arange(0, 25, 2.0))).tolist() == [2, 3]
    assert audible_bars(energies, np.arange(0, 25, 4.0)).all(), "one bar, however long"


def test_bars_go_on_where_no_downbeats_are() -> None:
    edges_s = bar_edges_s([4.1, 6.1, 8.1, 14.1], 18.0)
    assert edges_s.tolist() == pytest.approx([0, 2.1, 4.1, 6.1, 8.1, 10.1, 12.1, 14.1, 16.1, 18])
    assert bar_edges_s([0.5, 2.5, 4.5], 7.3).tolist() == pytest.approx([0, 2.5, 4.5, 7.3])
    assert bar_edges_s([], 5.0).tolist() == pytest.approx([0, 2.5, 5])


@given(st.lists(st.floats(0, 500), max_size=30), st.floats(1, 600))
def test_bars_fill_the_track(downbeats_s: list[float], duration_s: float) -> None:
    spaced_s = [0.0, *sorted(downbeats_s)]
    downbeats_s = [after for before, after in pairwise(spaced_s) if after - before > 0.2]
    edges_s = bar_edges_s(downbeats_s, duration_s)
    assert (edges_s[0], edges_s[-1]) == (0, duration_s)
    assert (np.diff(edges_s) > 0).all()


@st.composite
def any_bars(draw: st.DrawFn) -> tuple[Bars, np.ndarray, np.ndarray]:
    """Random bars, some of them repeated, some silent, and their edges."""
    num_bars = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kinds = rng.integers(0, draw(st.integers(1, 6)), num_bars)
    values = rng.normal(0, 1, (6, 62))[kinds] + draw(st.sampled_from([0, 0.1])) * rng.normal(0, 1, (num_bars, 62))
    bars = Bars(values[:, :48], 20 * values[:, 48:61], 5 * values[:, 61], rng.uniform(0, 1, num_bars).round())
    audible = rng.uniform(0, 1, num_bars) > draw(st.sampled_from([0, 0.2, 1.1]))
    return bars, np.cumsum(np.append(0, rng.uniform(1, 3, num_bars))), audible


@settings(deadline=None)
@given(any_bars())
def test_sections_fill_the_bars(case: tuple[Bars, np.ndarray, np.ndarray]) -> None:
    bars, edges_s, audible = case
    groups = group_sections(bars, find_boundaries(bars, edges_s, audible), audible)
    assert (groups[0].start, groups[-1].stop) == (0, len(audible))
    assert all(before.stop == after.start for before, after in pairwise(groups))
    assert all(before.cluster != after.cluster for before, after in pairwise(groups))
    clusters = [group.cluster for group in groups]
    assert clusters == by_first_appearance(clusters)
    for group in groups:
        assert (audible[group.start : group.stop] != group.is_silent).all()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(0, 2**32))
def test_groups_of_a_graph_are_its_clusters(labels: list[int], seed: int) -> None:
    groups = np.array(labels)
    noise = np.random.default_rng(seed).uniform(0, 0.02, (len(groups), len(groups)))
    likeness = np.where(groups[:, None] == groups, 0.95, 0) + (noise + noise.T) / 2
    np.fill_diagonal(likeness, 1)
    assert by_first_appearance(spectral_clusters(likeness).tolist()) == by_first_appearance(labels)
