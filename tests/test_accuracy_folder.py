"""The accuracy benchmark from a folder or rendered songs to figures, beside libraries asked directly."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks.accuracy import arguments
from benchmarks.scoring.annotations import read_folder
from benchmarks.scoring.features import FEATURES, Feature
from benchmarks.scoring.measure import CLEAN, MUZE, Measurement
from benchmarks.scoring.ours import CLEAN_RECIPE, BuildError, build, read_rows
from benchmarks.scoring.piece import ANNOTATED, Contour, Found, Piece, Span
from benchmarks.scoring.pulse import score_tempo
from benchmarks.scoring.rendered import truth_of
from benchmarks.scoring.report import report
from inline import inline_build, without_ray
from jobs.demo.songs import HARBOUR_LIGHTS, ON_THE_SILL
from jobs.demo.truth import truth
from jobs.named_recipes import load_recipe


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
    sung = ("0,0.1,pau,", "0.1,0.2,a,A4", "0.2,0.3,cl,A4", "0.3,0.4,S,A4", "0.4,0.5,m,A3")
    write(notes / "phonemes/one.csv", "start_s,end_s,phoneme,score_note", *sung)
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
    assert known["f0"].times_s[5:50:10] == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.45])
    assert known["f0"].f0_hz[5:50:10] == pytest.approx([0, 440, 0, 0, 220]), "no voice in a stop and a sibilant"
    assert known["vibrato"] == [Span(0, 1, "yes"), Span(1, 2, "no")]
    assert (known["tempi_bpm"], known["note_midi"], known["speaker"]) == ([120], 58, "X1")
    assert "key" not in known, "a key of no single mode is no key to score"


@pytest.mark.parametrize(("human", "expected"), [("0,110", [110]), ("", [0, 440])])
def test_written_notes_are_the_truth_of_a_voice_only_where_nobody_measured_it(
    folder: Path, human: str, expected: list[float]
) -> None:
    write(folder / "annotations/score_f0/one.csv", "time_s,f0_hz", "0.05,440", "0.15,440")
    if human:
        write(folder / "annotations/f0/one.csv", "time_s,f0_hz", human)
    assert read_folder(folder)[0].truth["f0"].f0_hz == expected


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
