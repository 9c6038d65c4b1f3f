"""The accuracy benchmark on answers whose worth is known: beats, tempo, keys, chords and sections."""

from itertools import pairwise
from typing import Any

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scoring.annotations import tempi_bpm
from benchmarks.scoring.form import has_form, score_sections
from benchmarks.scoring.harmony import score_chords, score_key, score_tuning
from benchmarks.scoring.piece import Found, Span
from benchmarks.scoring.pulse import score_beats, score_downbeats, score_metre, score_onsets, score_tempo
from benchmarks.scoring.spans import MIN_SPAN_S, tiled

BEATS_S = np.arange(0.5, 20, 0.5)
A_MINUTE = [Span(0, 20, "A"), Span(20, 40, "B"), Span(40, 60, "A")]


def chords(*spans: tuple[float, float, str]) -> Found:
    return {"chords": [{"start_s": start_s, "end_s": end_s, "label": label} for start_s, end_s, label in spans]}


def sections(*spans: tuple[float, float, int]) -> Found:
    return {"sections": [{"start_s": start_s, "end_s": end_s, "cluster": cluster} for start_s, end_s, cluster in spans]}


@pytest.mark.parametrize(
    ("found_s", "f", "cmlt", "amlt"),
    [
        (BEATS_S, 1, 1, 1),
        (BEATS_S + 0.25, 0, 0, 1),  # off-beats are a metrical level of their own
        (np.arange(0.5, 19.8, 0.25), 0.67, 0, 1),
        (BEATS_S + 0.06, 1, 1, 1),
        (BEATS_S + 0.08, 0, 1, 1),  # continuity asks for 17.5 % of a beat
        (BEATS_S + 0.1, 0, 0, 0),
        ([], 0, 0, 0),
        ([0.5], 0.05, 0, 0),
    ],
)
def test_beats(found_s: Any, f: float, cmlt: float, amlt: float) -> None:
    scores = score_beats({"beats_s": BEATS_S}, {"beats_s": found_s})
    assert scores == pytest.approx({"beats F": f, "beats CMLt": cmlt, "beats AMLt": amlt}, abs=0.03)


def test_what_an_estimator_does_not_speak_of_is_no_figure_and_what_it_did_not_find_is_zero() -> None:
    known = {"downbeats_s": [1.0], "time_signature": "3/4"}
    assert score_downbeats(known, {"beats_s": [1.0]}) == score_metre(known, {}) == {}
    assert score_downbeats(known, {"downbeats_s": None}) == {"downbeats F": 0}
    assert score_metre(known, {"time_signature": None}) == {"beats a bar": 0}
    assert score_onsets({"onsets_s": [1.0]}, {"onsets": None}) == {"onsets F": 0}
    assert score_onsets({"onsets_s": [1.0, 2.0]}, {"onsets": [{"time_s": 1.04}]}) == {"onsets F": pytest.approx(2 / 3)}
    assert score_onsets({"onsets_s": [1.0]}, {"onsets": [{"time_s": 1.055}]}) == {"onsets F": 0}


@pytest.mark.parametrize(
    ("annotated", "found_bpm", "acc1", "acc2"),
    [
        ("120", 120, 1, 1),
        ("120", 124.7, 1, 1),
        ("120", 125, 0, 0),
        ("120", 240, 0, 1),
        ("120", 60, 0, 1),
        ("120", 40, 0, 1),
        ("120", 360, 0, 1),
        ("120", 180, 0, 0),
        ("120", None, 0, 0),
        ("87.5|175 (0.7)", 87.5, 1, 1),
        ("87.5|175 (0.7)", 175, 0, 1),
        ("87.5|175 (0.3)", 175, 1, 1),
    ],
)
def test_tempo(annotated: str, found_bpm: float | None, acc1: float, acc2: float) -> None:
    scores = score_tempo({"tempi_bpm": tempi_bpm(annotated)}, {"tempo_bpm": found_bpm})
    assert (scores["tempo Acc1"], scores["tempo Acc2"]) == (acc1, acc2)
    assert ("tempo error where Acc1, %" in scores) == bool(acc1)


def test_the_error_of_a_tempo_is_a_share_of_the_true_one() -> None:
    errors = [
        score_tempo({"tempi_bpm": [120.0]}, {"tempo_bpm": bpm})["tempo error where Acc1, %"] for bpm in (117, 123)
    ]
    assert errors == pytest.approx([2.5, 2.5])


@pytest.mark.parametrize(
    ("found", "exact", "weighted", "either_way"),
    [
        ("C major", 1, 1, 1),
        ("G major", 0, 0.5, 0.5),
        ("F major", 0, 0, 0.5),
        ("A minor", 0, 0.3, 0.3),
        ("C minor", 0, 0.2, 0.2),
        ("F# major", 0, 0, 0),
        (None, 0, 0, 0),
    ],
)
def test_key(found: str | None, exact: float, weighted: float, either_way: float) -> None:
    assert tuple(score_key({"key": "C major"}, {"key": found}).values()) == (exact, weighted, either_way)


@pytest.mark.parametrize(("found", "off"), [(10, 0), (12.5, 2.5), (-45, 45), (None, 50)])
def test_tuning_is_a_circle(found: float | None, off: float) -> None:
    assert score_tuning({"tuning_cents": 10}, {"tuning_cents": found}) == {"tuning error, cents": off}


def test_keys_are_the_same_however_they_are_spelt() -> None:
    assert score_key({"key": "Db major"}, {"key": "C# major"})["key exact"] == 1


TRUE_CHORDS = [Span(0.0, 4.0, "C:maj"), Span(4.0, 6.0, "A:min7"), Span(6.0, 8.0, "B:dim7")]


def test_chords_outside_a_vocabulary_are_left_out_of_its_mean() -> None:
    scores = score_chords({"chords": TRUE_CHORDS}, chords((0, 4, "C:maj"), (4, 8, "A:min")))
    assert scores["chords majmin"] == 1
    assert scores["chords sevenths"] == pytest.approx(4 / 6)
    assert scores["majmin covers"] == scores["sevenths covers"] == pytest.approx(6 / 8)


def test_where_no_chord_is_found_there_is_none() -> None:
    silence_after = {"chords": [Span(0, 4, "C:maj"), Span(4, 8, "N")]}
    assert score_chords(silence_after, chords())["chords majmin"] == pytest.approx(0.5)
    assert score_chords(silence_after, {"chords": None})["chords majmin"] == pytest.approx(0.5)
    assert score_chords(silence_after, chords((0, 2, "C:maj")))["chords majmin"] == pytest.approx(0.75)


def test_time_without_annotation_counts_for_nothing() -> None:
    gap = {"chords": [Span(1, 2, "C:maj"), Span(5, 6, "G:maj")]}
    scores = score_chords(gap, chords((0, 5, "C:maj"), (5, 9, "G:maj")))
    assert (scores["chords majmin"], scores["majmin covers"]) == (pytest.approx(1), pytest.approx(1))


LABELS = st.sampled_from(["C:maj", "A:min", "G:7", "D:maj7", "B:dim", "N"])
CUTS_MS = st.lists(st.integers(1, 8000), unique=True, max_size=6).map(
    lambda cuts: [0, *sorted(cut * 5 for cut in cuts), 40005]
)


@settings(max_examples=25, deadline=None)
@given(*(st.tuples(CUTS_MS, st.lists(LABELS, min_size=7, max_size=7)) for _ in range(2)))
def test_chords_are_scored_as_mir_eval_scores_them(true: Any, found: Any) -> None:
    spans = [[Span(a / 1000, b / 1000, label) for (a, b), label in zip(pairwise(cuts), labels, strict=False)]
             for cuts, labels in (true, found)]  # fmt: skip
    reference, estimate = ((np.array([s[:2] for s in one]), [s.label for s in one]) for one in spans)
    ours = score_chords({"chords": spans[0]}, chords(*spans[1]))
    for name, covers in (("majmin", ours["majmin covers"]), ("sevenths", ours["sevenths covers"])):
        if covers:
            theirs = mir_eval.chord.evaluate(*reference, *estimate)[name]
            assert ours[f"chords {name}"] == pytest.approx(theirs, abs=1e-9)


SECONDS = st.floats(0, 10, allow_nan=False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(SECONDS, SECONDS, LABELS), max_size=8))
def test_tiles_cover_the_range_once(spans: list[tuple[float, float, str]]) -> None:
    tiles = tiled([Span(*span) for span in spans], 1.0, 9.0, "gap")
    assert (tiles[0].start_s, tiles[-1].end_s) == (1.0, 9.0)
    assert all(one.end_s == other.start_s for one, other in pairwise(tiles))
    assert all(tile.end_s - tile.start_s >= MIN_SPAN_S - 1e-9 for tile in tiles)


def test_tiles_are_in_order_of_time_and_on_whole_milliseconds() -> None:
    spans = [Span(2.0004, 3, "b"), Span(0.5, 2.0006, "a"), Span(2.5, 2.8, "within"), Span(4, 4.001, "nothing")]
    assert tiled(spans, 0, 5, "gap") == [(0, 0.5, "gap"), (0.5, 2.001, "a"), (2.001, 3, "b"), (3, 5, "gap")]


@pytest.mark.parametrize(
    ("found", "half", "three", "pairs"),
    [
        (sections((0, 20, 0), (20, 40, 1), (40, 60, 0)), 1, 1, 1),
        (sections((0, 21, 0), (21, 41, 1), (41, 60, 0)), 0, 1, 0.942),
        (sections((0, 60, 0)), 0, 0, 0.714),
        (sections(), 0, 0, 0.714),
    ],
)
def test_sections(found: Found, half: float, three: float, pairs: float) -> None:
    scores = score_sections({"sections": A_MINUTE}, found)
    assert (scores["sections HR0.5F"], scores["sections HR3F"]) == (half, three)
    assert scores["sections pairwise F"] == pytest.approx(pairs, abs=0.005)
    assert (scores["sections NCE F"] == 1) == (half == 1)


def test_types_of_sections_are_scored_by_time_where_the_truth_names_types() -> None:
    typed = [{"start_s": 0, "end_s": 45, "type": "verse", "cluster": 0}, {"start_s": 45, "end_s": 60, "type": "chorus", "cluster": 1}]  # fmt: skip # noqa: E501
    song = {"sections": [Span(0, 30, "verse"), Span(30, 60, "chorus")]}
    assert score_sections(song, {"sections": typed})["section types"] == pytest.approx(0.75)
    assert "section types" not in score_sections({"sections": A_MINUTE}, {"sections": typed})
    assert "section types" not in score_sections(song, sections((0, 60, 0)))


def test_sections_count_from_the_first_annotated_one_and_a_boundary_too_many_costs_precision() -> None:
    late = {"sections": [Span(start_s + 3, end_s + 3, label) for start_s, end_s, label in A_MINUTE]}
    scores = score_sections(late, sections((0, 23, 0), (23, 43, 1), (43, 70, 0)))
    assert set(scores.values()) == {1}
    typed = {"sections": [Span(30, 60, "verse"), Span(60, 90, "chorus")]}
    found = {"sections": [{"start_s": 0, "end_s": 75, "type": "verse", "cluster": 0}]}
    assert score_sections(typed, found)["section types"] == pytest.approx(0.5)
    split = sections((0, 20, 0), (20, 40, 1), (40, 50, 0), (50, 60, 0))
    assert score_sections({"sections": A_MINUTE}, split)["sections HR0.5F"] == pytest.approx(0.8)  # of 2 / 3 and 1


def test_parts_that_are_told_apart_too_finely_cost_what_is_uncertain_of_them() -> None:
    found = score_sections({"sections": A_MINUTE}, sections((0, 20, 0), (20, 40, 1), (40, 60, 2)))
    over = 1 - 2 / 3 / np.log2(3)  # in two thirds of the time a bit, of the three parts' log2 3
    assert found["sections NCE F"] == pytest.approx(2 * over / (over + 1))


def test_short_pieces_and_single_sections_have_no_form() -> None:
    assert score_sections({"sections": [Span(0, 5, "A"), Span(5, 10, "B")]}, sections((0, 10, 0))) == {}
    assert score_sections({"sections": [Span(0, 60, "A")]}, sections((0, 60, 0))) == {}
    assert [has_form({"sections": [Span(5, 10, "A"), Span(10, end_s, "B")]}) for end_s in (24.9, 25)] == [False, True]
