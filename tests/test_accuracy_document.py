"""What the accuracy benchmark makes of figures and confidences, and what it writes about them."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.scoring.document import Calibration, Report
from benchmarks.scoring.features import FEATURES
from benchmarks.scoring.measure import Score
from benchmarks.scoring.ours import why_missing
from benchmarks.scoring.piece import ALL, ANNOTATED, CORPORA, RENDERED, Span
from benchmarks.scoring.reliability import CONFIDENCES, bins, calibration_error, judge
from benchmarks.scoring.summary import Mean, mean, summarise


def figures(metric: str, **values: list[float]) -> list[Score]:
    return [
        Score("F", metric, ANNOTATED, f"file {number}", name.replace("_", " "), value)
        for name, column in values.items()
        for number, value in enumerate(column)
    ]


def test_means_are_over_files_that_all_have_and_the_verdict_is_against_the_best_library() -> None:
    [line] = summarise(figures("m", muze=[0.5, 0.7, 0.0], one=[0.4, 0.6], two=[0.9, 0.7]))
    assert line.num_files == 2
    assert {name: mean.value for name, mean in line.means.items()} == pytest.approx(
        {"muze": 0.6, "one": 0.5, "two": 0.8}
    )
    assert line.verdict == "**worse by 0.200**"


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "verdict"),
    [
        ("beats F", 0.9, 0.8, "better by 0.100"),
        ("F0 VFA", 0.9, 0.8, "**worse by 0.100**"),
        ("voices EER", 0.1, 0.2, "better by 0.100"),
        ("beats F", 0.8, 0.8004, "equal"),
        ("majmin covers", 0.8, 0.9, ""),
    ],
)
def test_verdict(metric: str, ours: float, theirs: float, verdict: str) -> None:
    [line] = summarise(figures(metric, muze=[ours], library=[theirs]))
    assert line.verdict == verdict


def test_what_not_all_have_has_no_means_and_what_no_library_has_no_verdict() -> None:
    apart = [Score("F", "m", ANNOTATED, name, name, 0.5) for name in ("muze", "one")]
    assert [line.means for line in summarise(apart)] == [{}]
    assert [line.verdict for line in summarise(figures("m", muze=[0.5]))] == [""]
    assert [line.verdict for line in summarise(figures("m", one=[0.5], two=[0.6]))] == [""]


def test_lines_stand_by_metric_and_corpus_and_a_figure_of_all_files_counts_them() -> None:
    together = [Score("F", metric, corpus, "", "muze", 0.5, 7) for corpus in CORPORA[::-1] for metric in ("b", "a")]
    lines = summarise(together)
    assert [(line.metric, line.corpus) for line in lines] == [(m, corpus) for m in ("b", "a") for corpus in CORPORA]
    assert {line.num_files for line in lines} == {7}


def test_a_metric_of_several_corpora_has_a_line_of_all_its_files_first() -> None:
    rendered = [score._replace(corpus=RENDERED) for score in figures("m", muze=[0.9, 0.8, 0.7], one=[0.1, 0.2, 0.3])]
    renamed = [score._replace(piece=f"song {score.piece}") for score in rendered]
    lines = summarise([*figures("m", muze=[0.2], one=[0.6]), *renamed])
    assert [(line.corpus, line.num_files) for line in lines] == [(ALL, 4), (ANNOTATED, 1), (RENDERED, 3)]
    assert [line.means["muze"].value for line in lines] == pytest.approx([0.65, 0.2, 0.8])
    assert [line.is_worse for line in lines] == [False, True, False]


def test_an_interval_needs_five_files_and_holds_the_mean() -> None:
    assert mean([0, 0, 0, 1]) == Mean(0.25, None)
    assert mean([0.5] * 5).interval == (0.5, 0.5)
    assert mean([0] * 9 + [1]).value == 0.1
    spread = np.linspace(0, 1, 100)
    off = 1.96 * spread.std() / 10  # the normal distribution's 95 %
    assert mean(spread).interval == pytest.approx((0.5 - off, 0.5 + off), abs=0.1 * off)
    assert str(Mean(0.25, (0.124, 0.376))) == "0.250 [0.12, 0.38]"


def test_confidences_are_compared_with_what_is_right_by_weight() -> None:
    found = bins([(0.9, 1.0, 1.0), (0.9, 0.0, 3.0), (0.1, 0.0, 1.0), (1.0, 1.0, 0.0)])
    assert [(one.low, one.high, one.weight) for one in found] == [(0.0, 0.2, 1), (0.8, 1.0, 4)]
    assert [one.right for one in found] == [0, 0.25]
    assert calibration_error(found) == pytest.approx((0.1 * 1 + 0.65 * 4) / 5)
    assert bins([]) == []
    fifths = bins([(0.1, 0.6, 1.0), (0.45, 0.35, 1.0), (0.65, 0.65, 2.0)])
    assert [one.low for one in fifths] == [0.0, 0.4, 0.6]
    assert calibration_error(fifths) == pytest.approx((0.5 + 0.1) / 4), "too little and too much do not make up"


def test_agreements_promise_an_order_only() -> None:
    probabilities = {one.column for one in CONFIDENCES if one.is_probability}
    assert probabilities == {"tempo_confidence", "time_signature_confidence", "key_confidence", "chords.confidence"}


TRUE_CHORDS = [Span(0.0, 4.0, "C:maj"), Span(4.0, 6.0, "A:min7"), Span(6.0, 8.0, "B:dim7")]


SONG_PARTS = [Span(0, 15, "verse"), Span(15, 30, "chorus")]


def test_every_confidence_is_judged_by_its_label() -> None:
    known = {
        "tempi_bpm": [120.0],
        "key": "C major",
        "chords": TRUE_CHORDS,
        "sections": SONG_PARTS,
        "beats_s": [1.0, 2.0],
    }
    found = {
        "tempo_bpm": 60.0,
        "tempo_confidence": 0.9,
        "key": "C major",
        "key_confidence": 0.6,
        "chords": [{"start_s": 0, "end_s": 8, "label": "C:maj", "confidence": 0.7}],
        "chord_agreement": 0.4,
        "beats_s": [1.0],
        "beat_agreement": 0.5,
        "sections": [{"start_s": 0, "end_s": 30, "type": "verse", "cluster": 0, "confidence": 0.8}],
    }
    judged = {(one.column, one.right_if): judge(one, [(known, found), (known, {}), ({}, found)]) for one in CONFIDENCES}
    assert {name: values for name, values in judged.items() if values} == {
        ("tempo_confidence", "the tempo is within 4 % (Acc1)"): [(0.9, 0, 1)],
        ("tempo_confidence", "it is up to octaves (Acc2)"): [(0.9, 1, 1)],
        ("beat_agreement", "beats are (F-measure)"): [(0.5, pytest.approx(2 / 3), 1)],
        ("key_confidence", "the key is exact"): [(0.6, 1, 1)],
        ("chords.confidence", "the chord is (majmin)"): [(0.7, 1, 4), (0.7, 0, 2)],
        ("chord_agreement", "chords are (share of time, majmin)"): [(0.4, pytest.approx(2 / 3), 1)],
        ("sections.confidence", "the type is right"): [(0.8, 1, 15), (0.8, 0, 15)],
    }
    assert len(judged) == len(CONFIDENCES), "a reason a line"
    unsure = {"sections": [{"start_s": 0, "end_s": 30, "type": "verse", "cluster": 0, "confidence": None}]}
    assert judge(CONFIDENCES[-1], [(known, unsure)]) == [(0, 1, 15), (0, 0, 15)]
    letters, short = [Span(0, 15, "A"), Span(15, 30, "B")], [Span(0, 5, "verse"), Span(5, 10, "chorus")]
    assert judge(CONFIDENCES[-1], [({"sections": parts}, found) for parts in (letters, short)]) == []
    unsaid = {"chords": [{"start_s": 0, "end_s": 8, "label": "C:maj", "confidence": None}]}
    assert not any(judge(one, [(known, unsaid)]) for one in CONFIDENCES if one.column == "chords.confidence")
    beyond = {"chords": [Span(0.0, 8.0, "B:dim7")]}
    assert not any(judge(one, [(beyond, found)]) for one in CONFIDENCES), "what no vocabulary has is not judged"


def test_the_document_holds_what_was_scored_and_what_was_not() -> None:
    tempo = next(feature for feature in FEATURES if feature.title == "Tempo")
    scores = [replaced._replace(feature="Tempo") for replaced in figures("tempo Acc1", muze=[1, 0], madmom=[1, 1])]
    calibration = Calibration(CONFIDENCES[0], ANNOTATED, bins([(0.9, 1.0, 1.0)]))
    text = Report(["a | fact"], [tempo], scores, [calibration], {"Words": "no weights"}, [("x", "y")] * 2).markdown()
    assert "| tempo Acc1 | annotated recordings | 2 | 0.500 | 1.000 | **worse by 0.500** |" in text
    assert "| file 1 | 0.000 / 1.000 |" in text
    assert "| annotated recordings | 0.8 to 1 | 1 | 0.90 | 1.00 |" in text
    assert "- Words: no weights." in text
    assert text.count("- Y: x.") == 1
    assert "a | fact" in text
    assert "librosa directly" not in text, "a library without figures"
    assert "Of 1 metrics that a library has too" in text
    assert (
        "in the mean over all files, in tempo Acc1; of the others, in the mean over one kind of audio, in none." in text
    )


def test_the_document_names_what_is_worse_on_one_kind_of_audio_only() -> None:
    tempo = next(feature for feature in FEATURES if feature.title == "Tempo")
    better = [score._replace(corpus=RENDERED, piece="song") for score in figures("m", muze=[1], madmom=[0])]
    scores = [score._replace(feature="Tempo") for score in (*figures("m", muze=[0.2], madmom=[0.6]), *better)]
    text = Report([], [tempo], scores, [], {}, []).markdown()
    assert "in none; of the others, in the mean over one kind of audio, in m (annotated recordings, 1 file)." in text
    assert "| m | all audio | 2 | 0.600 | 0.300 | better by 0.300 |" in text


def test_what_is_not_measured_names_the_weights_it_needs() -> None:
    words = next(feature for feature in FEATURES if feature.title == "Words")
    reason = why_missing(words)
    assert "htdemucs" in reason
    assert "whisper" in reason
    assert "muze models pull" in reason
    assert "no fragment dreams" in why_missing(replace(words, fragment="dreams"))
