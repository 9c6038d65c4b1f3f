"""Key, chords and chroma of additive songs rendered here, with known harmony."""

import itertools
from types import SimpleNamespace
from typing import Any

import mir_eval
import numpy as np
import pyarrow as pa
import pytest

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Inputs
from featurizers.harmony import KEYS, Harmony
from featurizers.madmom_chords import _marginals
from schemas.fragments.harmony import HARMONY

RATE_HZ = 44100
CHORD_S = 2.4
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
STEPS = {"maj": (0, 4, 7), "min": (0, 3, 7)}
# degrees in semitones above the tonic: I IV V I vi ii V I, and i iv V i VI III V i
MAJOR = ((0, "maj"), (5, "maj"), (7, "maj"), (0, "maj"), (9, "min"), (2, "min"), (7, "maj"), (0, "maj"))
MINOR = ((0, "min"), (5, "min"), (7, "maj"), (0, "min"), (8, "maj"), (3, "maj"), (7, "maj"), (0, "min"))


@pytest.fixture(scope="module")
def harmony() -> Extract:
    return Harmony().load()


def inputs(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Inputs:
    return Inputs(Sound.of(mix=Audio(np.atleast_2d(samples).astype(np.float32), rate_hz)))


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
    assert chord_recall(row["chords"], tonic, progression) >= 0.97
    assert all(span["confidence"] > 0.5 for span in row["chords"])
    sounding = np.zeros(12)
    for degree, quality in progression:
        sounding[[(tonic + degree + step) % 12 for step in STEPS[quality]]] += 1
    chroma = np.array(row["chroma_mean"])
    assert chroma.sum() == pytest.approx(1)
    assert chroma @ sounding / np.linalg.norm(chroma) / np.linalg.norm(sounding) > 0.95
    assert len(pa.Table.from_pylist([{"track_id": "a", **row}], HARMONY.schema)) == 1


def chord_recall(spans: list[dict[str, Any]], tonic: int, progression: tuple[tuple[int, str], ...]) -> float:
    """Weighted recall of major and minor chords; times rounded because mir_eval takes float noise for overlap."""
    edges_s = CHORD_S * np.arange(len(progression) + 1)
    labels = [f"{ROOTS[(tonic + degree) % 12]}:{quality}" for degree, quality in progression]
    truth = np.stack([edges_s[:-1], edges_s[1:]], axis=1)
    found = np.array([(span["start_s"], span["end_s"]) for span in spans])
    found_labels = [span["label"] for span in spans]
    return float(mir_eval.chord.evaluate(truth.round(6), labels, found.round(6), found_labels)["majmin"])


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
    assert row == {"key": None, "key_index": None, "key_confidence": None, "chords": [], "chroma_mean": None}


def test_half_a_second_has_chords_but_is_too_short_for_a_key(harmony: Extract) -> None:
    (row,) = harmony([inputs(song(0, MAJOR)[: RATE_HZ // 2])])
    assert (row["key"], row["key_index"], row["key_confidence"]) == (None, None, None)
    assert row["chords"][-1]["end_s"] == pytest.approx(0.5)
    assert len(row["chroma_mean"]) == 12


def test_noise_is_no_chord(harmony: Extract) -> None:
    (row,) = harmony([inputs(np.random.default_rng(1).normal(0, 0.1, 5 * RATE_HZ))])
    assert [span["label"] for span in row["chords"]] == ["N"]


def test_marginals_equal_the_sum_over_all_sequences() -> None:
    rng = np.random.default_rng(2)
    labels, frames = range(3), 4
    field = SimpleNamespace(
        W=rng.normal(size=(2, 3)),
        c=rng.normal(size=3),
        A=rng.normal(size=(3, 3)),
        pi=rng.normal(size=3),
        tau=rng.normal(size=3),
    )
    features = rng.normal(size=(frames, 2))
    weights = np.zeros((frames, 3))
    for before, *sequence in itertools.product(labels, repeat=frames + 1):
        energy = field.pi[before] + field.tau[sequence[-1]]
        energy += sum(field.A[pair] for pair in itertools.pairwise([before, *sequence]))
        energy += sum(field.c[label] + features[frame] @ field.W[:, label] for frame, label in enumerate(sequence))
        weights[range(frames), sequence] += np.exp(energy)
    assert _marginals(field, features) == pytest.approx(weights / weights.sum(axis=1, keepdims=True))
