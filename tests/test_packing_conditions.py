"""Conditions of windows of a track made by hand: the window is 8 to 16 s, its middle at 12 s."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.packing.conditions import CUTS, conditions_of, reduced
from jobs.packing.track import COLUMNS, Track
from jobs.packing.windows import Cutting, Window
from tiny_pack import FRAGMENTS
from training.conditions import BY_NAME, CHORDS

WINDOW = Window(1, 8.0, 16.0)


def track(**columns: Any) -> Track:
    """``fragment__column=value`` for each that is known."""
    found = {}
    for name, value in columns.items():
        fragment, column = name.split("__")
        found[f"{fragment}.{column}"] = pa.array([value], FRAGMENTS[fragment].schema.field(column).type)[0]
    return Track("t", found)


def span(start_s: float, end_s: float, **more: Any) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, **more}


def cut(name: str, **columns: Any) -> Any:
    return CUTS[name](track(**columns), WINDOW)


def symbols(found: Any) -> list[tuple[str, float, float]]:
    return [(item["symbol"], item["start_s"], item["end_s"]) for item in found]


def test_every_condition_is_cut_and_every_column_is_there() -> None:
    assert list(CUTS) == list(BY_NAME)
    for fragment, columns in COLUMNS.items():
        assert set(columns) <= set(FRAGMENTS[fragment].names)


def test_of_an_unknown_track_nothing_is_known() -> None:
    assert set(conditions_of(track(), WINDOW).values()) == {None}


def test_beats_begin_in_the_window_and_end_at_the_next() -> None:
    beats_s = [7.99, 8.0, 10.24, 15.99, 16.0, 17.0]
    assert cut("num_beats", rhythm__beats_s=beats_s) == 3
    assert cut("beats", rhythm__beats_s=beats_s) == [span(0.0, 2.24), span(2.24, 7.99), span(7.99, 8.0)]
    assert cut("beats", rhythm__beats_s=[9.0]) == []
    assert (cut("num_beats", rhythm__beats_s=[]), cut("beats", rhythm__beats_s=[])) == (0, [])


def test_times_of_32_bits_fall_where_they_were_meant() -> None:
    late = Window(0, 10.24, 20.48)
    assert CUTS["num_beats"](track(rhythm__beats_s=[10.24, 20.48]), late) == 1


def test_chords_are_reduced_joined_and_cut() -> None:
    labels = ["C:maj", "C:7/E", "D:min7", "G:sus4", "N", "A:dim", "F#:aug", "B:maj"]
    edges = [6.0, 9.0, 10.0, 11.5, 12.5, 13.0, 14.0, 15.0, 18.0]
    chords = [span(*at, label=label) for *at, label in zip(edges, edges[1:], labels, strict=False)]
    found = cut("chords", harmony__chords=chords)
    expected = [("C:maj", 0, 2), ("D:min", 2, 3.5), ("N", 4.5, 5), ("A:min", 5, 6), ("F#:maj", 6, 7), ("B:maj", 7, 8)]
    assert symbols(found) == expected
    assert cut("current_chord", harmony__chords=chords) is None, "a suspension has no third"
    assert cut("current_chord", harmony__chords=[span(0, 12, label="C:maj"), span(12, 13, label="Bb:min")]) == "A#:min"
    assert cut("chords", harmony__chords=[]) == []
    apart = [span(8, 9, label="C:maj"), span(10, 11, label="C:7")]
    assert symbols(cut("chords", harmony__chords=apart)) == [("C:maj", 0, 1), ("C:maj", 2, 3)], "a gap stays one"


@given(st.sampled_from(["C", "F#", "Bb"]), st.sampled_from(["", ":maj7", ":min9", ":hdim7", ":7(b9)", ":5", ":sus2"]))
def test_reduced_chords_are_in_the_table(root: str, quality: str) -> None:
    assert reduced(root + quality) in (*CHORDS, None)
    assert (reduced(root + quality) is None) == (quality in (":5", ":sus2"))


@pytest.mark.parametrize(("label", "expected"), [("N", "N"), ("X", None), (None, None), ("nonsense", None), ("", None)])
def test_what_is_no_chord(label: str | None, expected: str | None) -> None:
    assert reduced(label) == expected


def test_the_section_in_the_middle() -> None:
    sections = [
        span(0.0, 12.0, type="verse", energy=0.25, has_vocals=True),
        span(12.0, 20.0, type="chorus", energy=None, has_vocals=False),
    ]
    known = {"structure__sections": sections, "level__energy": 0.75}
    assert cut("section_type", **known) == "chorus"
    assert cut("section_energy", **known) == 0.75
    assert CUTS["section_energy"](track(**known), Window(0, 7.0, 15.0)) == 0.25
    assert cut("has_vocals", **known) == 0.0
    position = Track("t", {"tracks.duration_s": pa.scalar(48.0)})
    assert CUTS["section_position"](position, WINDOW) == 0.25
    assert CUTS["section_position"](Track("t", {"tracks.duration_s": pa.scalar(11.9)}), WINDOW) == 1.0


def test_somebody_sings() -> None:
    words = [span(15.9, 16.5, word=" la", probability=1.0)]
    silent, voiced = np.zeros(2000, bool), np.arange(2000) % 50 == 0
    assert cut("has_vocals", lyrics__has_vocals=False, lyrics__words=words) == 0
    assert cut("has_vocals", lyrics__has_vocals=True, lyrics__words=words) == 1
    assert cut("has_vocals", lyrics__words=[span(7.0, 8.1, word="la", probability=1.0)]) == 1, "it is still sung"
    late = [span(16.0, 17.0, word="la", probability=1.0)]
    assert cut("has_vocals", lyrics__words=late) == 0
    stem = {"pitch__f0_hop_s": 0.01, "pitch__pitch_source": "vocals", "lyrics__words": late}
    assert cut("has_vocals", pitch__voiced=silent, **stem) == 0
    assert cut("has_vocals", pitch__voiced=voiced, **stem) == 1, "16 frames of 10 ms"
    voiced[900:1600] = False
    assert cut("has_vocals", pitch__voiced=voiced, **stem) == 0, "2 of them are too few"
    assert cut("has_vocals", pitch__voiced=voiced, pitch__f0_hop_s=0.01, pitch__pitch_source="mix") is None


def test_lyrics_and_phonemes() -> None:
    words = [span(s, s + 1, word=word) for s, word in ((7.5, " no"), (8.0, " yes"), (15.9, " please "), (16.0, " no"))]
    assert cut("lyrics", lyrics__words=words) == "yes please"
    assert cut("lyrics", lyrics__words=[]) == ""
    phonemes = [span(7.9, 8.1, phoneme="j"), span(8.1, 8.2, phoneme="ɛ"), span(15.95, 16.05, phoneme="s")]
    found = symbols(cut("phonemes", phonemes__phonemes=phonemes))
    assert found == [("j", 0.0, 0.1), ("ɛ", 0.1, 0.2), ("s", 7.95, 8.0)]
    assert symbols(cut("phonemes", phonemes__phonemes=[span(7.0, 8.0, phoneme="j")])) == []


def test_breaths_and_numerals() -> None:
    assert cut("breaths", pitch__breaths=[span(7.5, 8.5), span(15.5, 17.0)]) == [span(0, 0.5), span(7.5, 8)]
    numerals = [span(7.0, 9.0, numeral="V7"), span(9.0, 30.0, numeral="I")]
    assert symbols(cut("numerals", theory__roman_numerals=numerals)) == [("V7", 0, 1), ("I", 1, 8)]


def test_curves_are_on_the_grid() -> None:
    f0_hz = np.where(np.arange(1500) % 2, np.nan, np.arange(1500) + 100).astype(np.float32)
    pitch = {"pitch__f0_hz": f0_hz, "pitch__f0_hop_s": 0.01, "pitch__voiced": np.isfinite(f0_hz)}
    curve = cut("f0_hz", **pitch)
    assert curve.shape == (800,)
    assert curve[:4].tolist() == [900, 0, 902, 0]
    assert curve[698:].tolist() == [1598] + [0] * 101, "the track ends at 15 s"
    assert cut("voiced", **pitch)[:2].tolist() == [1, 0]
    coarse = cut("f0_coarse_hz", **pitch)
    assert coarse[:11].tolist() == [904] * 10 + [914]
    assert coarse[-1] == 0
    twice = {**pitch, "pitch__f0_hop_s": 0.02}
    assert cut("f0_hz", **twice)[:4].tolist() == [500, 0, 0, 502], "halfway between two, the later"
    assert cut("f0_hz", pitch__f0_hz=[], pitch__f0_hop_s=0.01).tolist() == [0] * 800


def test_curves_end_where_their_values_do() -> None:
    curve = cut("f0_hz", pitch__f0_hz=[100.0] * 900, pitch__f0_hop_s=0.01)
    assert (curve[:100].tolist(), curve[100:].any()) == ([100.0] * 100, False)


def test_values_of_the_track() -> None:
    assert cut("voice", singer__voice_embedding=[1.0] * 256).tolist() == [1] * 256
    both = {"singer__voice_embedding": [1.0] * 256, "singer_vocals__voice_embedding_vocals": [2.0] * 256}
    assert cut("voice", **both)[0] == 2
    assert cut("genre", theory__genres=[{"genre": "jazz"}], tracks__genre_tag="") == "jazz"
    assert cut("genre", theory__genres=[{"genre": "jazz"}], tracks__genre_tag="Rock") == "Rock"
    assert cut("artist", tracks__artist="") is None
    assert cut("key_index", harmony__key_index=0) == 0


def cutting(window: int, hop: int, align: str = "fixed") -> Cutting:
    return Cutting(window, hop, 10.0, align)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frames", "starts"),
    [(7, []), (8, [0]), (11, [0]), (12, [0, 4]), (16, [0, 8]), (19, [0, 8]), (20, [0, 8, 12]), (24, [0, 8, 16])],
)
def test_fixed_windows(frames: int, starts: list[int]) -> None:
    assert cutting(8, 8).starts(frames).tolist() == starts


def test_windows_within_sections() -> None:
    sections = [(0.0, 0.4), (0.4, 2.0), (2.0, 2.2), (2.2, 3.0), (3.0, 3.9)]
    assert cutting(8, 8, "section").starts(39, sections).tolist() == [0, 4, 12, 17, 22, 30]
    assert cutting(8, 8, "section").starts(39).tolist() == cutting(8, 8).starts(39).tolist()
    assert cutting(8, 8, "section").starts(7, sections).tolist() == []


@given(st.data(), st.integers(1, 20), st.integers(1, 30), st.integers(0, 200))
def test_windows_lie_in_the_track(data: st.DataObject, window: int, hop: int, frames: int) -> None:
    edges = sorted({0, frames, *data.draw(st.lists(st.integers(0, frames), max_size=6))})
    sections = [(s / 10, e / 10) for s, e in pairwise(edges)]
    for align in ("fixed", "section"):
        starts = cutting(window, hop, align).starts(frames, sections)
        assert (len(starts) > 0) == (frames >= window)
        assert (np.diff(starts) > 0).all()
        assert not len(starts) or (starts[0] >= 0 and starts[-1] + window <= frames)
    frames_of = [(round(10 * s), round(10 * e)) for s, e in sections]
    for start in starts.tolist():
        inside = any(s <= start and start + window <= e for s, e in frames_of)
        assert inside or any(e - s < window and s < start + window and start < e for s, e in frames_of)


def test_cuttings_are_rounded_to_what_models_can_halve() -> None:
    assert Cutting.of(5.12, 5.12, 100.0, 8, "fixed") == Cutting(512, 512, 100.0, "fixed")
    found = Cutting.of(5.12, 2.0, 44_100 / 512, 8, "fixed")
    assert (found.window_frames, found.hop_frames) == (440, 172)
    assert Cutting.of(0.001, 0.001, 50.0, 1, "fixed") == Cutting(1, 1, 50.0, "fixed")
