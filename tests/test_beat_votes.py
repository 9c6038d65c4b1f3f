"""Chords on beats: they tile the track whatever the beats, and change on those that are near."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.beat_votes import FRAMES_PER_S, MAX_SHIFT_S, ChordSpan, spans_of, spans_on_beats
from featurizers.harmony_agreement import chord_agreement
from featurizers.label_chain import Run

LABELS = ("C:maj", "A:min", "N")


@st.composite
def decoded(draw: st.DrawFn) -> tuple[list[Run], float]:
    """Runs of frames whose neighbours differ, and a duration that the last frame reaches past."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=20))
    steps = draw(st.lists(st.integers(1, 2), min_size=len(lengths), max_size=len(lengths)))
    runs, frame, label = [], 0, 0
    for length, step in zip(lengths, steps, strict=True):
        label = (label + step) % 3
        runs.append(Run(frame, frame + length, LABELS[label], draw(st.floats(0, 1))))
        frame += length
    return runs, frame / FRAMES_PER_S - draw(st.floats(0, 0.09))


@settings(max_examples=60, deadline=None)
@given(decoded(), st.lists(st.floats(-1, 70), max_size=60).map(sorted))
def test_chords_tile_the_track(decoded: tuple[list[Run], float], beats_s: list[float]) -> None:
    runs, duration_s = decoded
    spans = spans_on_beats(runs, duration_s, beats_s)
    assert (spans[0].start_s, spans[-1].end_s) == (0, duration_s)
    assert all(one.end_s == other.start_s and one.label != other.label for one, other in pairwise(spans))
    assert all(span.start_s < span.end_s and 0 <= span.confidence <= 1 for span in spans)


@settings(max_examples=60, deadline=None)
@given(decoded(), st.floats(0.21, 0.39))
def test_every_change_is_on_a_beat_where_beats_are_close(decoded: tuple[list[Run], float], beat_s: float) -> None:
    runs, duration_s = decoded
    beats_s = [beat_s * beat for beat in range(int(duration_s / beat_s) + 1)]
    for span in spans_on_beats(runs, duration_s, beats_s)[1:]:
        is_on_beat = min(abs(span.start_s - other_s) for other_s in beats_s) < 1e-9
        assert is_on_beat or span.start_s > beats_s[-1] + MAX_SHIFT_S - 1e-9 or span.start_s < beat_s


@settings(max_examples=60, deadline=None)
@given(decoded())
def test_without_beats_chords_keep_the_times_of_their_frames(decoded: tuple[list[Run], float]) -> None:
    runs, duration_s = decoded
    spans = spans_of(runs, duration_s)
    assert spans_on_beats(runs, duration_s, []) == spans
    assert [span.label for span in spans] == [run.label for run in runs]
    assert [span.start_s for span in spans] == [pytest.approx(run.start_frame / FRAMES_PER_S) for run in runs]


def test_a_change_far_from_every_beat_stays() -> None:
    runs = [Run(0, 20, "C:maj", 0.9), Run(20, 30, "A:min", 0.8), Run(30, 41, "C:maj", 0.7)]
    starts_s = [span.start_s for span in spans_on_beats(runs, 4.05, [0, 1, 2.1, 3.17])]
    assert starts_s == pytest.approx([0, 2.1, 2.95])


def test_beats_at_the_ends_of_a_track_take_no_chord_away() -> None:
    runs = [Run(0, 2, "C:maj", 0.9), Run(2, 39, "A:min", 0.8), Run(39, 40, "C:maj", 0.7)]
    assert [span.start_s for span in spans_on_beats(runs, 4.0, [0, 2, 4])] == pytest.approx([0, 0.15, 3.85])


def test_a_chord_between_two_changes_on_one_beat_is_dropped_and_its_neighbours_joined() -> None:
    runs = [Run(0, 20, "C:maj", 0.9), Run(20, 22, "A:min", 0.8), Run(22, 40, "C:maj", 0.3)]
    (span,) = spans_on_beats(runs, 4, [2])
    assert span[:3] == (0, 4, "C:maj")
    assert span.confidence == pytest.approx(0.6)


@settings(max_examples=60, deadline=None)
@given(decoded(), decoded())
def test_agreement_is_the_share_of_time_with_one_label(
    one: tuple[list[Run], float], other: tuple[list[Run], float]
) -> None:
    duration_s = min(one[1], other[1])
    if duration_s <= 0:
        return
    spans, others = ([*_cut(spans_of(*decoded), duration_s)] for decoded in (one, other))
    agreed_s = sum(
        max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s)) for a in spans for b in others if a.label == b.label
    )
    assert chord_agreement(spans, others) == pytest.approx(agreed_s / duration_s)
    assert chord_agreement(spans, spans) == pytest.approx(1)


def _cut(spans: list[ChordSpan], end_s: float) -> list[ChordSpan]:
    return [span._replace(end_s=min(span.end_s, end_s)) for span in spans if span.start_s < end_s]
