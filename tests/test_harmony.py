"""Key, chords, chroma and tuning of additive songs rendered here, with known harmony."""

import itertools
import sys
from typing import Any

import mir_eval
import numpy as np
import pyarrow as pa
import pytest

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Inputs
from featurizers.harmony import Harmony
from featurizers.key_profiles import KEYS
from jobs.demo.render import render
from jobs.demo.score import Mix, Section, Song
from jobs.demo.truth import truth
from schemas.fragments.harmony import HARMONY

RATE_HZ = 44100
CHORD_S = 2.4
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
STEPS = {"maj": (0, 4, 7), "min": (0, 3, 7)}
# degrees in semitones above the tonic: I IV V I vi ii V I, and i iv V i VI III V i
MAJOR = ((0, "maj"), (5, "maj"), (7, "maj"), (0, "maj"), (9, "min"), (2, "min"), (7, "maj"), (0, "maj"))
MINOR = ((0, "min"), (5, "min"), (7, "maj"), (0, "min"), (8, "maj"), (3, "maj"), (7, "maj"), (0, "min"))


SILENT = dict.fromkeys(HARMONY.names) | {"keys": [], "chords": []}


@pytest.fixture(scope="module", params=["madmom", "templates"])
def harmony(request: pytest.FixtureRequest) -> Extract:
    return Harmony(request.param).load()


def inputs(samples: np.ndarray, rate_hz: int = RATE_HZ, **columns: Any) -> Inputs:
    return Inputs(Sound.of(mix=Audio(np.atleast_2d(samples).astype(np.float32), rate_hz)), columns)


def is_madmom(row: dict[str, Any]) -> bool:
    return bool(row["harmony_model"].startswith("madmom"))


def strum(pitches: list[int], duration_s: float) -> np.ndarray:
    """Decaying tones of ten partials at MIDI pitches."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    frequencies_hz = [440 * 2 ** ((pitch - 69) / 12) for pitch in pitches]
    partials = [np.sin(2 * np.pi * hz * k * time_s + k) / k for hz in frequencies_hz for k in range(1, 11)]
    fades = np.minimum(1, np.minimum(time_s, duration_s - time_s) / 0.01)
    sound: np.ndarray = 0.05 * np.sum(partials, axis=0) * fades * np.exp(-time_s)
    return sound


def song(tonic: int, progression: tuple[tuple[int, str], ...], chord_s: float = CHORD_S) -> np.ndarray:
    """Four strums a chord: its notes in two octaves over a bass."""
    bars = []
    for degree, quality in progression:
        root = (tonic + degree) % 12
        notes = [octave + (root + step) % 12 for octave in (48, 60) for step in STEPS[quality]]
        bars += 4 * [strum([36 + root, *notes], chord_s / 4)]
    return np.concatenate(bars)


@pytest.mark.parametrize(("tonic", "mode"), [(0, 0), (2, 0), (6, 0), (9, 0), (0, 1), (4, 1), (7, 1), (11, 1)])
def test_key_chords_and_chroma_of_a_cadence(harmony: Extract, tonic: int, mode: int) -> None:
    progression = (MAJOR, MINOR)[mode]
    samples = song(tonic, progression)
    (row,) = harmony([inputs(samples)])

    assert row["key_index"] == tonic + 12 * mode
    assert row["key"] == KEYS[row["key_index"]]
    assert 0.2 < row["key_confidence"] <= 1
    assert row["key_agreement"] == 1
    assert chord_recall(row["chords"], tonic, progression) >= 0.97
    assert all(span["confidence"] > 0.5 for span in row["chords"])
    assert abs(row["tuning_cents"]) < 1
    assert row["chord_agreement"] > 0.95 if is_madmom(row) else row["chord_agreement"] is None
    sounding = np.zeros(12)
    for degree, quality in progression:
        sounding[[(tonic + degree + step) % 12 for step in STEPS[quality]]] += 1
    chroma = np.array(row["chroma_mean"])
    assert chroma.sum() == pytest.approx(1)
    assert chroma @ sounding / np.linalg.norm(chroma) / np.linalg.norm(sounding) > (0.95 if is_madmom(row) else 0.9)
    assert len(pa.Table.from_pylist([{"track_id": "a", **row}], HARMONY.schema)) == 1


def chord_recall(
    spans: list[dict[str, Any]], tonic: int, progression: tuple[tuple[int, str], ...], chord_s: float = CHORD_S
) -> float:
    labels = [f"{ROOTS[(tonic + degree) % 12]}:{quality}" for degree, quality in progression]
    return recall(spans, chord_s * np.arange(len(progression) + 1), labels)


def recall(spans: list[dict[str, Any]], edges_s: np.ndarray, labels: list[str]) -> float:
    """Weighted recall of major and minor chords; times rounded because mir_eval takes float noise for overlap."""
    intervals = np.stack([edges_s[:-1], edges_s[1:]], axis=1)
    found = np.array([(span["start_s"], span["end_s"]) for span in spans])
    found_labels = [span["label"] for span in spans]
    return float(mir_eval.chord.evaluate(intervals.round(6), labels, found.round(6), found_labels)["majmin"])


def test_spans_are_contiguous_from_start_to_end(harmony: Extract) -> None:
    samples = song(5, MAJOR, chord_s=0.83)[: int(5.43 * RATE_HZ)]
    (row,) = harmony([inputs(samples)])
    edges_s = [0.0, *(span["end_s"] for span in row["chords"])]
    assert [span["start_s"] for span in row["chords"]] == edges_s[:-1]
    assert edges_s == sorted(set(edges_s))
    assert edges_s[-1] == pytest.approx(len(samples) / RATE_HZ)
    assert all(a["label"] != b["label"] for a, b in itertools.pairwise(row["chords"]))


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (np.zeros(3 * RATE_HZ), RATE_HZ),
        (np.full(3 * RATE_HZ, 0.7), RATE_HZ),
        (np.full(3 * 48000, -0.7), 48000),
        (np.zeros(0), RATE_HZ),
        (np.random.default_rng(0).uniform(-1, 1, RATE_HZ // 20), RATE_HZ),
    ],
    ids=["silence", "DC", "DC resampled", "empty", "0.05 s"],
)
def test_silence_has_no_harmony(harmony: Extract, samples: np.ndarray, rate_hz: int) -> None:
    (row,) = harmony([inputs(samples, rate_hz)])
    assert tuple(sorted(row)) == tuple(sorted(HARMONY.names))
    assert row.pop("harmony_model")
    assert row == {name: value for name, value in SILENT.items() if name != "harmony_model"}


def test_half_a_second_has_chords_but_is_too_short_for_a_key(harmony: Extract) -> None:
    (row,) = harmony([inputs(song(0, MAJOR)[: RATE_HZ // 2])])
    assert [row[name] for name in ("key", "key_index", "key_confidence", "keys", "key_agreement")] == 3 * [None] + [
        [],
        None,
    ]
    assert row["chords"][-1]["end_s"] == pytest.approx(0.5)
    assert len(row["chroma_mean"]) == 12


def test_noise_is_no_chord_and_in_no_tune(harmony: Extract) -> None:
    (row,) = harmony([inputs(np.random.default_rng(1).normal(0, 0.1, 5 * RATE_HZ))])
    assert [span["label"] for span in row["chords"]] == ["N"]
    assert row["tuning_cents"] is None
    assert row["key_confidence"] < 0.3


def test_keys_are_ranked(harmony: Extract) -> None:
    (row,) = harmony([inputs(song(2, MAJOR))])
    found = [key["probability"] for key in row["keys"]]
    assert found == sorted(found, reverse=True)
    assert sum(found) == pytest.approx(1)
    assert sorted(key["key_index"] for key in row["keys"]) == list(range(24))
    assert all(key["key"] == KEYS[key["key_index"]] for key in row["keys"])
    assert row["keys"][0] == {"key": row["key"], "key_index": row["key_index"], "probability": row["key_confidence"]}


@pytest.mark.parametrize("cents", [-42, 30])
def test_a_song_out_of_tune_is_heard_as_if_in_tune(harmony: Extract, cents: int) -> None:
    """Played faster or slower, as a tape is; a network that expects 440 Hz loses chords of this song at -42 cents."""
    import soxr

    ratio = 2 ** (cents / 1200)
    (row,) = harmony([inputs(soxr.resample(song(3, MINOR), RATE_HZ * ratio, RATE_HZ))])
    assert row["tuning_cents"] == pytest.approx(cents, abs=3)
    assert row["key_index"] == 3 + 12
    assert chord_recall(row["chords"], 3, MINOR, CHORD_S / ratio) >= 0.97


def test_chords_change_on_the_beats_that_are_known(harmony: Extract) -> None:
    chord_s = 4 * 60 / 131
    samples, beats_s = song(7, MAJOR, chord_s), [chord_s / 4 * beat for beat in range(33)]
    (unaware,), (aware,) = harmony([inputs(samples)]), harmony([inputs(samples, beats_s=beats_s)])
    assert chord_recall(aware["chords"], 7, MAJOR, chord_s) > max(
        0.99, chord_recall(unaware["chords"], 7, MAJOR, chord_s)
    )
    assert all(min(abs(span["start_s"] - beat_s) for beat_s in beats_s) < 1e-6 for span in aware["chords"])
    (pulseless,) = harmony([inputs(samples, beats_s=[])])
    assert pulseless == unaware


BLUES = "B:maj | B:maj | B:maj | B:maj | E:maj | E:maj | B:maj | B:maj | F#:maj | E:maj | B:maj | F#:maj"
BLUES_OF_SEVENTHS = "A:7 | A:7 | A:7 | A:7 | D:7 | D:7 | A:7 | A:7 | E:7 | D:7 | A:7 | E:7"
LOOP = " | ".join(3 * ["A:min | F:maj | C:maj | G:maj"])


@pytest.mark.parametrize(
    ("key", "chords"),
    [("B major", BLUES), ("A major", BLUES_OF_SEVENTHS), ("A minor", LOOP)],
    ids=["blues", "sevenths", "loop"],
)
def test_keys_that_the_network_alone_gets_wrong(harmony: Extract, key: str, chords: str) -> None:
    """Without drums it takes twelve bars for D# minor, those of sevenths for D major, and the loop for C major."""
    rendered = Song("trap", key, 140, (Section("verse", chords),), mix=Mix(drums_db=None))
    samples, rate_hz = render(rendered)
    facts = truth(rendered)
    (row,) = harmony([inputs(samples, rate_hz, beats_s=facts["beats_s"])])
    assert row["key"] == key
    edges_s = [0.0, *(chord["end_s"] for chord in facts["chords"])]
    assert recall(row["chords"], np.array(edges_s), [chord["label"] for chord in facts["chords"]]) >= 0.95


def test_templates_need_no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("madmom", "onnxruntime"):
        monkeypatch.setitem(sys.modules, library, None)
    templates = Harmony("templates")
    (row,) = templates.load()([inputs(song(0, MAJOR))])
    assert row["key"] == "C major"
    assert (templates.weights, row["harmony_model"]) == ((), "note-templates")
    assert len(Harmony().weights) == 3


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match=r"method is 'guess', expected one of madmom, templates: choose one of them"):
        Harmony("guess")  # type: ignore[arg-type]
