"""Chords by templates, from chroma and from notes rendered here, and the chain that decodes them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers.chord_templates import LABELS, TRIADS, template_chords
from featurizers.label_chain import best_states, posteriors, runs_of
from featurizers.note_chroma import NoteChroma, NoteListener

RATE_HZ = 44100


@pytest.fixture(scope="module")
def listen() -> NoteListener:
    return NoteListener()


def notes(pitches: list[float], duration_s: float = 1.0) -> np.ndarray:
    """Tones of eight harmonics at MIDI pitches."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    frequencies_hz = [440 * 2 ** ((pitch - 69) / 12) for pitch in pitches]
    partials = [np.sin(2 * np.pi * hz * k * time_s + k) / k for hz in frequencies_hz for k in range(1, 9)]
    sound: np.ndarray = (0.05 * np.sum(partials, axis=0)).astype(np.float32)
    return sound


def triad(index: int, cents: float = 0) -> list[float]:
    """A chord over its root in the bass."""
    root, steps = index % 12, TRIADS[index // 12]
    return [pitch + cents / 100 for pitch in (40 + (root - 40) % 12, *(55 + (root + step - 55) % 12 for step in steps))]


@pytest.mark.parametrize("cents", [0, 30, -45])
def test_every_triad_is_named(listen: NoteListener, cents: float) -> None:
    heard = listen(np.concatenate([notes(triad(index, cents)) for index in range(24)]))
    found = template_chords(heard.treble, heard.bass)
    middles = [
        next(run.label for run in found if run.start_frame <= 10 * second + 5 < run.end_frame) for second in range(24)
    ]
    assert middles == list(LABELS[:24])
    assert heard.tuning_cents == pytest.approx(cents, abs=3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 23), st.integers(1, 11), st.floats(0.01, 3))
def test_chroma_turns_with_the_chord_and_chords_with_the_chroma(index: int, steps: int, gain: float) -> None:
    rng = np.random.default_rng(index)
    treble, bass = (rng.uniform(0, 1, (40, 12)).astype(np.float32) for _ in range(2))
    plain, moved = (
        template_chords(np.roll(treble, turn, axis=1) * scale, np.roll(bass, turn, axis=1) * scale)
        for turn, scale in ((0, 1.0), (steps, gain))
    )
    assert [run.label for run in moved] == [_transposed(run.label, steps) for run in plain]
    assert [run.confidence for run in moved] == pytest.approx([run.confidence for run in plain])


def _transposed(label: str, steps: int) -> str:
    index = LABELS.index(label)
    return label if label == "N" else LABELS[index // 12 * 12 + (index + steps) % 12]


def test_overtones_do_not_count_as_tones(listen: NoteListener) -> None:
    """A single note has a strong third harmonic, a fifth: its chroma has one pitch class all the same."""
    chroma = listen(notes([48])).treble.mean(axis=0)
    assert chroma.argmax() == 0
    assert chroma[7] < 0.25 * chroma[0]


def test_the_bass_is_apart(listen: NoteListener) -> None:
    heard: NoteChroma = listen(notes([43, 64, 67, 72]))
    assert int(heard.bass.mean(axis=0).argmax()) == 7
    assert set(heard.treble.mean(axis=0).argsort()[-3:].tolist()) == {0, 4, 7}


def test_loudness_changes_nothing(listen: NoteListener) -> None:
    samples = np.concatenate([notes(triad(index)) for index in (0, 21, 5)]).astype(np.float32)
    runs = [
        template_chords(heard.treble, heard.bass)
        for heard in (listen(samples), listen((samples / 50).astype(np.float32)))
    ]
    assert [run[:3] for run in runs[0]] == [run[:3] for run in runs[1]]


def test_chunks_leave_no_trace(listen: NoteListener, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.concatenate([notes(triad(index, 20)) for index in range(4)])
    whole = listen(samples)
    for module in ("note_chroma", "madmom_spectrogram"):
        monkeypatch.setattr(f"featurizers.{module}._CHUNK_FRAMES", 7)
    chunked = listen(samples)
    np.testing.assert_allclose(chunked.treble, whole.treble, rtol=1e-3, atol=1e-5)
    assert chunked.tuning_cents == pytest.approx(whole.tuning_cents)


def test_silence_between_chords_is_none(listen: NoteListener) -> None:
    silence = np.zeros(RATE_HZ, dtype=np.float32)
    heard = listen(np.concatenate([notes(triad(2)), silence, notes(triad(2))]))
    assert [run.label for run in template_chords(heard.treble, heard.bass)] == ["D:maj", "N", "D:maj"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 5))
def test_the_best_states_beat_all_others(seed: int, change: float) -> None:
    potentials = np.random.default_rng(seed).normal(0, 2, (5, 3))

    def score(states: tuple[int, ...]) -> float:
        return float(potentials[range(5), states].sum() - change * sum(a != b for a, b in itertools.pairwise(states)))

    best = max(map(score, itertools.product(range(3), repeat=5)))
    assert score(tuple(best_states(potentials, change).tolist())) == pytest.approx(best)


def test_posteriors_equal_the_sum_over_all_sequences() -> None:
    rng = np.random.default_rng(2)
    labels, frames = range(3), 4
    potentials, moves = rng.normal(size=(frames, 3)), rng.normal(size=(3, 3))
    first, last = rng.normal(size=(2, 3))
    weights = np.zeros((frames, 3))
    for before, *sequence in itertools.product(labels, repeat=frames + 1):
        energy = first[before] + last[sequence[-1]] + potentials[range(frames), sequence].sum()
        energy += sum(moves[pair] for pair in itertools.pairwise([before, *sequence]))
        weights[range(frames), sequence] += np.exp(energy)
    found = posteriors(potentials, moves, first, last)
    assert found == pytest.approx(weights / weights.sum(axis=1, keepdims=True))


def test_runs_hold_their_mean_posterior() -> None:
    chances = np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])
    runs = runs_of(np.array([0, 0, 1]), chances, ("C:maj", "N"))
    assert [run[:3] for run in runs] == [(0, 2, "C:maj"), (2, 3, "N")]
    assert [run.confidence for run in runs] == pytest.approx([0.8, 0.6])
