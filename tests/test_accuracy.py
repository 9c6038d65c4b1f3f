"""What the accuracy benchmark makes of answers whose worth is known, and what it writes about them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.accuracy import arguments
from benchmarks.scoring.annotations import read_folder, tempi_bpm
from benchmarks.scoring.document import Calibration, Report
from benchmarks.scoring.features import FEATURES, Feature
from benchmarks.scoring.form import score_sections
from benchmarks.scoring.harmony import score_chords, score_key, score_tuning
from benchmarks.scoring.line import score_f0, score_note, score_parts, score_vibrato
from benchmarks.scoring.measure import CLEAN, MUZE, Measurement, Score
from benchmarks.scoring.ours import CLEAN_RECIPE, BuildError, build, read_rows, why_missing
from benchmarks.scoring.piece import ANNOTATED, Contour, Found, Piece, Span
from benchmarks.scoring.pulse import score_beats, score_downbeats, score_metre, score_onsets, score_tempo
from benchmarks.scoring.reliability import CONFIDENCES, bins, calibration_error, judge
from benchmarks.scoring.rendered import truth_of
from benchmarks.scoring.report import report
from benchmarks.scoring.spans import MIN_SPAN_S, tiled
from benchmarks.scoring.summary import mean, summarise
from benchmarks.scoring.text import score_phonemes, score_words
from benchmarks.scoring.voices import equal_error_rate, score_voices
from inline import inline_build, without_ray
from jobs.demo.songs import HARBOUR_LIGHTS, ON_THE_SILL
from jobs.demo.truth import truth
from jobs.named_recipes import load_recipe

BEATS_S = np.arange(0.5, 20, 0.5)
A_MINUTE = [Span(0, 20, "A"), Span(20, 40, "B"), Span(40, 60, "A")]
HOP_S = 0.01


def chords(*spans: tuple[float, float, str]) -> Found:
    return {"chords": [{"start_s": start_s, "end_s": end_s, "label": label} for start_s, end_s, label in spans]}


def sections(*spans: tuple[float, float, int]) -> Found:
    return {"sections": [{"start_s": start_s, "end_s": end_s, "cluster": cluster} for start_s, end_s, cluster in spans]}


def tone(f0_hz: float, duration_s: float = 2.0) -> Contour:
    times_s = np.arange(0, duration_s, HOP_S)
    return Contour(times_s.tolist(), [f0_hz] * len(times_s))


def sung(f0_hz: float, duration_s: float = 2.0) -> Found:
    return {"f0_hz": tone(f0_hz, duration_s).f0_hz, "f0_hop_s": HOP_S}


@pytest.mark.parametrize(
    ("found_s", "f", "cmlt", "amlt"),
    [
        (BEATS_S, 1, 1, 1),
        (BEATS_S + 0.25, 0, 0, 1),  # off-beats are a metrical level of their own
        (np.arange(0.5, 19.8, 0.25), 0.67, 0, 1),
        (BEATS_S + 0.06, 1, 1, 1),
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


@pytest.mark.parametrize(
    ("annotated", "found_bpm", "acc1", "acc2"),
    [
        ("120", 120, 1, 1),
        ("120", 124.7, 1, 1),
        ("120", 125, 0, 0),
        ("120", 240, 0, 1),
        ("120", 60, 0, 1),
        ("120", 40, 0, 1),
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
    assert score_chords(silence_after, chords((0, 2, "C:maj")))["chords majmin"] == pytest.approx(0.75)


def test_time_without_annotation_counts_for_nothing() -> None:
    gap = {"chords": [Span(1, 2, "C:maj"), Span(5, 6, "G:maj")]}
    assert score_chords(gap, chords((0, 5, "C:maj"), (5, 9, "G:maj")))["chords majmin"] == pytest.approx(1)


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


def test_short_pieces_and_single_sections_have_no_form() -> None:
    assert score_sections({"sections": [Span(0, 5, "A"), Span(5, 10, "B")]}, sections((0, 10, 0))) == {}
    assert score_sections({"sections": [Span(0, 60, "A")]}, sections((0, 60, 0))) == {}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (sung(220), {"RPA": 1, "RCA": 1, "VR": 1, "VFA": 0, "OA": 1, "right where voiced": 1}),
        (sung(440), {"RPA": 0, "RCA": 1, "VR": 1, "VFA": 0, "OA": 0.5, "right where voiced": 0}),
        (sung(220, 4), {"RPA": 1, "RCA": 1, "VR": 1, "VFA": 1, "OA": 0.5, "right where voiced": 0.5}),
        (sung(np.nan), {"RPA": 0, "RCA": 0, "VR": 0, "VFA": 0, "OA": 0.5, "right where voiced": 0}),
        ({"f0_hz": None, "f0_hop_s": None}, {"RPA": 0, "RCA": 0, "VR": 0, "VFA": 0, "OA": 0, "right where voiced": 0}),
    ],
)
def test_f0_of_a_tone_that_ends_half_way(found: Found, expected: dict[str, float]) -> None:
    times_s, f0_hz = tone(220, 4)
    scores = score_f0({"f0": Contour(times_s, [hz if t < 2 else 0.0 for t, hz in zip(times_s, f0_hz, strict=True)])}, found)  # fmt: skip # noqa: E501
    assert scores == pytest.approx({f"F0 {name}": value for name, value in expected.items()}, abs=0.01)


def test_f0_of_many_voices_may_be_that_of_any_of_them() -> None:
    choir = {"f0_parts": [tone(220), tone(330), Contour([0.0, 2.0], [0.0, 0.0])]}
    assert [score_parts(choir, sung(hz))["F0 of any voice"] for hz in (220, 332, 440, np.nan)] == [1, 1, 0, 0]


def test_a_single_note_is_right_within_50_cents_and_in_any_octave_apart() -> None:
    scores = [tuple(score_note({"note_midi": 69}, sung(hz)).values()) for hz in (440, 450, 880, 466.2, np.nan)]
    assert scores == [(1, 1), (1, 1), (0, 1), (0, 0), (0, 0)]


def test_vibrato_is_looked_for_in_every_annotated_span() -> None:
    time_s = np.arange(0, 4, HOP_S)
    wavering = 220 * 2 ** (60 / 1200 * np.sin(2 * np.pi * 5.5 * time_s) * (time_s < 2))
    found = {"f0_hz": wavering, "f0_hop_s": HOP_S, "vibrato_rate_hz": 5.4, "vibrato_depth_cents": 58}
    spans = [Span(0, 2, "yes"), Span(2, 4, "no")]
    scores = score_vibrato({"vibrato": spans, "vibrato_rate_hz": 5.5, "vibrato_depth_cents": 60}, found)
    assert scores == pytest.approx(
        {"vibrato spans F": 1, "vibrato rate error, Hz": 0.1, "vibrato depth error, cents": 2}
    )
    swapped = [Span(0, 2, "no"), Span(2, 4, "yes")]
    assert score_vibrato({"vibrato": swapped}, found) == {"vibrato spans F": 0}


def test_equal_error_rate() -> None:
    assert equal_error_rate([0.8, 0.9], [0.1, 0.2]) == 0
    assert equal_error_rate([0.1, 0.2], [0.8, 0.9]) == 1
    assert equal_error_rate([0.2, 0.6, 0.7, 0.9], [0.1, 0.3, 0.4, 0.65]) == pytest.approx(0.25)
    assert equal_error_rate([0.5] * 4, [0.5] * 4) == pytest.approx(0.5)


def test_voices_of_separate_speakers_are_told_apart_and_confused_ones_are_not() -> None:
    def score(*embeddings: Any) -> dict[str, float]:
        return score_voices(
            [({"speaker": name}, {"voice_embedding": e}) for name, e in zip("aabb", embeddings, strict=True)]
        )

    x, y = [1.0, 0.0], [0.0, 1.0]
    assert score(x, x, y, y) == {"voices EER": 0, "nearest is the same": 1, "retrieval mAP": 1}
    assert score(x, y, x, y)["nearest is the same"] == 0
    assert score(x, None, y, y)["nearest is the same"] < 1
    assert score_voices([({"speaker": "a"}, {"voice_embedding": x})] * 2) == {}


WORDS = [Span(0.0, 0.5, "Don't"), Span(0.5, 1.0, "stop,"), Span(1.0, 1.5, "now")]


def test_words_are_timed_where_they_were_recognised() -> None:
    found = [{"word": word, "start_s": start_s, "end_s": start_s + 0.4} for word, start_s in (("don’t", 0.1), ("step", 0.5), ("now!", 1.5))]  # fmt: skip # noqa: E501, RUF001
    scores = score_words({"words": WORDS}, {"words": found})
    assert scores == pytest.approx(
        {"word error rate": 1 / 3, "word starts, mean error, s": 0.3, "word starts within 0.3 s": 0.5}
    )
    assert score_words({"words": WORDS}, {"words": None}) == {"word error rate": 1}


def test_phoneme_boundaries_count_without_names_and_silence() -> None:
    spans = [Span(0, 1, "pau"), Span(1, 1.2, "k"), Span(1.2, 1.5, "a"), Span(1.5, 2, "sil")]
    found = [{"start_s": 1.03, "end_s": 1.2}, {"start_s": 1.2, "end_s": 1.5}]
    scores = score_phonemes({"phonemes": spans}, {"phonemes": found})
    assert scores == pytest.approx({"phoneme boundaries F, 20 ms": 2 / 3, "phoneme boundaries F, 50 ms": 1})


def answers(facts: dict[str, Any]) -> Found:
    """The truth of a rendered song, in muze's columns."""
    known = truth_of(facts)
    typed = [(s.start_s, s.end_s, s.label, n) for n, s in enumerate(known["sections"])]
    return {
        **facts,
        "tuning_cents": 0.0,
        "f0_hz": [hz or np.nan for hz in facts["f0_hz"]],
        "sections": [dict(zip(("start_s", "end_s", "type", "cluster"), section, strict=True)) for section in typed],
    }


@pytest.mark.parametrize("song", [HARBOUR_LIGHTS, ON_THE_SILL], ids=lambda song: song.title)
def test_the_truth_of_a_rendered_song_scores_perfectly(song: Any) -> None:
    facts = truth(song)
    known, found = truth_of(facts), answers(facts)
    scored = [feature for feature in FEATURES if feature.score and feature.truth in known]
    assert {f.title for f in scored} >= {"Beats", "Downbeats", "Metre", "Tempo", "Key", "Sections", "F0", "Vibrato"}
    assert ("chords" in known) == (not facts["unaccompanied"])
    for feature in scored:
        assert feature.score is not None
        for metric, value in feature.score(known, found).items():
            assert value == pytest.approx(0 if "error" in metric or metric == "F0 VFA" else 1, abs=1e-6), metric


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files: clicks at 120 BPM with annotations, and one of which nothing is known."""
    clicks = np.zeros(8 * 22050)
    for beat_s in np.arange(0.5, 7.5, 0.5):
        at = round(beat_s * 22050)
        clicks[at : at + 400] = np.sin(np.arange(400) / 3) * np.linspace(0.9, 0, 400)
    soundfile.write(tmp_path / "clicks.wav", clicks, 22050)
    write(tmp_path / "manifest.csv", "id,path", "one,clicks.wav", "two,nothing.wav")
    notes = tmp_path / "annotations"
    beats = (f"{time_s},{1 if number % 4 == 0 else 2}" for number, time_s in enumerate(np.arange(0.5, 7.5, 0.5)))
    write(notes / "beats/one.csv", "time_s,beat_in_bar", *beats)
    write(notes / "chords/one.csv", "start_s,end_s,chord", "0,1,B:min")
    write(notes / "chords/one.full_vocab.csv", "start_s,end_s,chord", "0,1,B:dim7/C")
    write(notes / "f0/one.S.csv", "time_s,f0_hz", "0,220", "0.01,0")
    write(notes / "f0/one.A.csv", "time_s,f0_hz", "0,110")
    write(notes / "phonemes/one.csv", "start_s,end_s,phoneme,score_note", "0,0.1,pau,", "0.1,0.2,a,A4")
    write(notes / "vibrato/one.csv", "start_s,end_s,labels_ko,labels_en,is_vibrato", "0,1,,vibrato,1", "1,2,,,0")
    write(notes / "segments/one.csv", "start_s,end_s,label", "0,4,A", "4,8,B")
    write(notes / "tempo.csv", "id,bpm,meter,how_known", "one,120,,metronome")
    write(notes / "key.csv", "id,key,how_known", "one,F (minor/blues),the author says so")
    write(notes / "single_notes.csv", "id,note,source", "one,Bb3,name")
    write(notes / "speakers.csv", "id,speaker,sex,kind", "one,X1,F,speech")
    return tmp_path


def test_a_folder_is_read_with_all_that_is_known(folder: Path) -> None:
    [piece] = read_folder(folder)
    assert (piece.name, piece.path, piece.corpus) == ("one", folder / "clicks.wav", ANNOTATED)
    known = piece.truth
    assert known["beats_s"] == np.arange(0.5, 7.5, 0.5).tolist()
    assert known["downbeats_s"] == [0.5, 2.5, 4.5, 6.5]
    assert known["chords"] == [Span(0, 1, "B:dim7")], "a note in the bass is not Harte syntax"
    assert known["f0_parts"] == [Contour([0], [110]), Contour([0, 0.01], [220, 0])]
    assert known["score_f0"].f0_hz[5:20:10] == [0, pytest.approx(440)]
    assert known["vibrato"] == [Span(0, 1, "yes"), Span(1, 2, "no")]
    assert (known["tempi_bpm"], known["note_midi"], known["speaker"]) == ([120], 58, "X1")
    assert "key" not in known, "a key of no single mode is no key to score"


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="manifest"):
        read_folder(tmp_path)


def listener(tempo_bpm: float) -> Callable[[], Callable[[str], Found]]:
    """A library that hears one tempo, and raises where it is asked twice or cannot read."""

    def load() -> Callable[[str], Found]:
        asked: set[str] = set()

        def call(path: str) -> Found:
            if path in asked or path.endswith("noise"):
                raise OSError(path)
            asked.add(path)
            return {"tempo_bpm": tempo_bpm}

        return call

    return load


def pieces(folder: Path, *names: str) -> list[Piece]:
    for name in names:
        (folder / name).write_text(name)
    return [Piece(name, folder / name, ANNOTATED, {"tempi_bpm": [120.0]}) for name in names]


def test_a_library_is_asked_once_a_file_and_what_it_cannot_read_is_left_out_for_all(tmp_path: Path) -> None:
    there = pieces(tmp_path, "a", "b", "noise", "elsewhere")
    rows = {piece.track_id: {"tempo_bpm": 120.0} for piece in there[:3]}
    library = {"wrong": listener(100)}
    tempo = Feature("Tempo", "tempi_bpm", "rhythm", "tempo_bpm", score_tempo, direct=library)
    measurement = Measurement({MUZE: rows, CLEAN: {}})
    assert [measurement.add(feature, there) for feature in (tempo, replace(tempo, title="Again"))] == [2, 2]
    assert measurement.add(replace(tempo, column="absent"), there) == 0
    acc1 = {(s.feature, s.piece, s.estimator): s.value for s in measurement.scores if s.metric == "tempo Acc1"}
    assert acc1 == {
        (title, name, estimator): value
        for title in ("Tempo", "Again")
        for name in "ab"
        for estimator, value in ((MUZE, 1), ("wrong", 0))
    }
    assert set(measurement.left_out) == {
        ("elsewhere", "not in the dataset"),
        ("noise", "Tempo: OSError in a library"),
        ("noise", "Again: OSError in a library"),
    }


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


def test_an_interval_needs_five_files_and_holds_the_mean() -> None:
    assert mean([0, 1, 0, 1]).interval is None
    assert mean([0.5] * 5).interval == (0.5, 0.5)
    low, high = mean([0, 1] * 10).interval or (0, 0)
    assert 0.2 < low < 0.5 < high < 0.8


def test_confidences_are_compared_with_what_is_right_by_weight() -> None:
    found = bins([(0.9, 1.0, 1.0), (0.9, 0.0, 3.0), (0.1, 0.0, 1.0), (1.0, 1.0, 0.0)])
    assert [(one.low, one.high, one.weight) for one in found] == [(0.0, 0.2, 1), (0.8, 1.0, 4)]
    assert [one.right for one in found] == [0, 0.25]
    assert calibration_error(found) == pytest.approx((0.1 * 1 + 0.65 * 4) / 5)
    assert bins([]) == []


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


def test_what_is_not_measured_names_the_weights_it_needs() -> None:
    words = next(feature for feature in FEATURES if feature.title == "Words")
    reason = why_missing(words)
    assert "htdemucs" in reason
    assert "whisper" in reason
    assert "muze models pull" in reason
    assert "no fragment dreams" in why_missing(replace(words, fragment="dreams"))


def test_rows_of_a_dataset_have_every_column_by_track(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_ray(monkeypatch)
    write(tmp_path / "recipe.yaml", "fragments: {level: {}}")
    inline_build([folder / "clicks.wav"], tmp_path / "dataset", tmp_path / "recipe.yaml")
    rows = read_rows(tmp_path / "dataset")
    assert list(rows) == [read_folder(folder)[0].track_id]
    [row] = rows.values()
    assert {"duration_s", "loudness_lufs"} <= {*row}


def test_a_build_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="exit code 2"):
        build([tmp_path / "absent.wav"], tmp_path / "dataset", "bundled")


def test_the_licence_clean_recipe_loads_no_weights(tmp_path: Path) -> None:
    write(tmp_path / "clean.yaml", CLEAN_RECIPE)
    recipe = load_recipe(str(tmp_path / "clean.yaml"))
    assert {"rhythm", "harmony", "structure"} <= {*recipe.by_fragment}
    assert not any(featurizer.weights for featurizer in recipe.featurizers)


@pytest.mark.soak  # madmom is slow to load
def test_a_folder_is_measured_from_a_dataset_beside_the_libraries(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_ray(monkeypatch)
    write(tmp_path / "recipe.yaml", "fragments: {rhythm: {}}")
    inline_build([folder / "clicks.wav"], tmp_path / "dataset", tmp_path / "recipe.yaml")
    dataset = str(tmp_path / "dataset")
    words = ["--data", str(folder), "--songs", "0", "--only", "Beats,Key"]
    text = report(arguments([*words, "--dataset", dataset, "--clean-dataset", dataset]), tmp_path).markdown()
    assert "| files | muze | madmom directly | librosa directly | muze, licence-clean |" in text
    assert "| beats F | annotated recordings | 1 | " in text
    assert "| one | " in text
    assert str(tmp_path) not in text
    assert "- Key: no file has truth for it." in text
