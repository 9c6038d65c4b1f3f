"""Keys by profiles and chords: what turns with the music, and what tells relatives apart."""

import itertools

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from featurizers.beat_votes import ChordSpan
from featurizers.chord_templates import LABELS, template_chords, templates
from featurizers.harmony_agreement import key_agreement
from featurizers.harmony_estimates import by_networks, by_templates
from featurizers.key_profiles import KEYS, PROFILES, chord_evidence, key_evidence, probabilities, profile_correlations
from featurizers.label_chain import Run
from featurizers.madmom_harmony import NetworkHarmony
from featurizers.note_chroma import NoteChroma
from schemas.pitch_classes import PITCH_CLASSES

STEPS = st.integers(0, 11)
CHROMAS = arrays(np.float64, 12, elements=st.floats(0, 1)).filter(lambda chroma: np.ptp(chroma) > 1e-3)
CHORDS = st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0.1, 5)), max_size=12)


def spans(chords: list[tuple[str, float]], steps: int = 0) -> list[ChordSpan]:
    """Chords one after another, moved up by some semitones."""
    found, start_s = [], 0.0
    for label, duration_s in chords:
        root, _, mode = label.partition(":")
        moved = label if label == "N" else f"{PITCH_CLASSES[(PITCH_CLASSES.index(root) + steps) % 12]}:{mode}"
        found.append(ChordSpan(start_s, start_s + duration_s, moved, 1.0))
        start_s += duration_s
    return found


def turned(evidence: np.ndarray, steps: int) -> np.ndarray:
    return np.roll(evidence.reshape(2, 12), steps, axis=1).ravel()


@settings(max_examples=50, deadline=None)
@given(CHROMAS, CHORDS, STEPS)
def test_what_is_transposed_has_its_key_transposed(
    chroma: np.ndarray, chords: list[tuple[str, float]], steps: int
) -> None:
    plain, moved = key_evidence(chroma, spans(chords)), key_evidence(np.roll(chroma, steps), spans(chords, steps))
    np.testing.assert_allclose(moved, turned(plain, steps), atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(CHROMAS)
def test_correlations_are_pearsons(chroma: np.ndarray) -> None:
    expected = [np.corrcoef(np.roll(profile, tonic), chroma)[0, 1] for profile in PROFILES for tonic in range(12)]
    np.testing.assert_allclose(profile_correlations(chroma), expected, atol=1e-9)


def test_flat_chroma_and_no_chords_say_nothing() -> None:
    evidence = key_evidence(np.ones(12), spans([("N", 3)]))
    np.testing.assert_allclose(evidence, evidence[0])
    np.testing.assert_allclose(probabilities(evidence), 1 / 24)


@pytest.mark.parametrize("steps", range(12))
def test_scales_of_sounding_chords_are_recognised(steps: int) -> None:
    major = [("C:maj", 4.0), ("F:maj", 2.0), ("G:maj", 2.0), ("A:min", 2.0)]
    minor = [("C:min", 4.0), ("F:min", 2.0), ("G:maj", 2.0), ("G#:maj", 2.0)]
    assert [int(chord_evidence(spans(chords, steps)).argmax()) for chords in (major, minor)] == [steps, 12 + steps]


def test_the_opening_tells_a_minor_key_from_its_relative() -> None:
    loop = [("A:min", 2.0), ("F:maj", 2.0), ("C:maj", 2.0), ("G:maj", 2.0)]
    names = [KEYS[int(chord_evidence(spans(chords)).argmax())] for chords in (loop, loop[2:] + loop[:2])]
    assert names == ["A minor", "C major"]


def test_tones_and_chords_speak_for_the_key_together() -> None:
    cadence = spans([("G:maj", 4.0), ("C:maj", 2.0), ("D:maj", 2.0)])
    scale = np.isin(np.arange(12), (2, 4, 6, 7, 9, 11, 1)).astype(float)  # D major
    found = [key_evidence(chroma, chords) for chroma, chords in ((np.ones(12), cadence), (scale, []))]
    assert [KEYS[int(evidence.argmax())] for evidence in found] == ["G major", "D major"]
    assert key_evidence(scale, cadence)[2] > found[0][2]


SILENCE = [Run(0, 30, "N", 1.0)]


def test_a_network_speaks_for_its_key_with_less_than_its_own_weight() -> None:
    def log_odds(keys: np.ndarray | None) -> np.ndarray:
        return by_networks(NetworkHarmony(SILENCE, np.ones(12, np.float32), keys), 3.0, ()).key_log_odds

    sure = np.full(24, 0.1 / 23, np.float32)
    sure[14] = 0.9
    found = log_odds(sure)
    assert KEYS[int(found.argmax())] == "D minor"
    assert 1 < found[14] - found[0] < np.log(0.9 * 23 / 0.1) / 2
    certain = np.eye(24, dtype=np.float32)[14]
    assert np.isfinite(log_odds(certain)).all(), "for a network that is sure may be wrong"
    assert np.ptp(log_odds(None)) == pytest.approx(0)


def test_chords_by_templates_are_the_surer_the_higher_their_posteriors() -> None:
    rng = np.random.default_rng(3)
    clear = np.repeat(templates()[:12], 10, axis=0) + rng.uniform(0, np.linspace(0.1, 0.5, 120)[:, None], (120, 12))
    treble, bass = clear.astype(np.float32), np.zeros((120, 12), np.float32)
    posteriors = [run.confidence for run in template_chords(treble, bass)]
    found = by_templates(NoteChroma(treble, bass, None), 12.0, ())
    confidences = [chord.confidence for chord in found.chords]
    assert len(set(posteriors)) > 10
    assert np.argsort(confidences).tolist() == np.argsort(posteriors).tolist()
    assert all(posterior < one <= 1 for posterior, one in zip(posteriors, confidences, strict=True)), "frames overlap"
    assert np.ptp(found.key_log_odds) < np.ptp(key_evidence(found.chroma, found.chords))


def test_chroma_sums_to_one_or_is_even() -> None:
    uneven, none = np.arange(12, dtype=np.float32), np.zeros(12, np.float32)
    shares = [by_networks(NetworkHarmony(SILENCE, chroma, None), 3.0, ()).chroma for chroma in (uneven, none)]
    np.testing.assert_allclose(shares, [np.arange(12) / 66, np.full(12, 1 / 12)], rtol=1e-6)


def test_key_agreement_is_mirex_in_both_directions() -> None:
    for one, other in itertools.product(range(24), repeat=2):
        scores = [mir_eval.key.weighted_score(KEYS[a], KEYS[b]) for a, b in ((one, other), (other, one))]
        assert key_agreement(one, other) == key_agreement(other, one) == max(scores), (one, other)
