"""Syncopation by Longuet-Higgins and Lee, against their own examples and values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers.syncopation import bar_weights, mean_syncopation, syncopations, tree_weights


def sounding(*onsets: int, num_places: int = 16) -> np.ndarray:
    return np.isin(np.arange(num_places), onsets)


def test_weights_of_common_and_triple_time() -> None:
    assert bar_weights(4).tolist() == [0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4]
    assert bar_weights(3).tolist() == [0, -3, -2, -3, -1, -3, -2, -3, -1, -3, -2, -3]


def test_weights_of_other_bars_follow_their_prime_factors() -> None:
    assert bar_weights(1).tolist() == [0, -2, -1, -2]
    assert bar_weights(5)[::4].tolist() == [0, -1, -1, -1, -1]
    assert bar_weights(6)[::4].tolist() == [0, -2, -2, -1, -2, -2]
    assert bar_weights(6).tolist()[:4] == [0, -4, -3, -4]


@pytest.mark.parametrize(
    ("durations", "divisions", "strengths"),
    [
        ((1, 3), (2, 2), [0, 1]),
        ((2, 1, 3, 2), (2, 2, 2), [0, 0, 2, 0]),
        ((3, 1), (2, 2), [0, 0]),
        ((2, 1), (3,), [0, 0]),
        ((1, 2), (3,), [0, 0]),  # a pair of equal weights: a syncopation of strength 0
    ],
)
def test_the_paper_s_figure_9(durations: tuple[int, ...], divisions: tuple[int, ...], strengths: list[int]) -> None:
    onsets = np.cumsum([0, *durations[:-1]])
    weights = tree_weights(divisions)
    assert syncopations(np.isin(np.arange(len(weights)), onsets), weights).tolist() == strengths


@pytest.mark.parametrize(
    ("onsets", "expected"),
    [
        # Four on the floor: the silences after beats hold eighths and 16ths only, all lighter than any beat.
        ((0, 4, 8, 12), [0, 0, 0, 0]),
        # Son clave. 3 (-4) is silent over 4 (-2): 2. 6 (-3) is silent over 8 (-1): 2. 10 (-3) over 11 (-4): none.
        ((0, 3, 6, 10, 12), [0, 2, 2, 0, 0]),
        # Rumba clave. 3 (-4) over 4 (-2): 2. 7 (-4) over 8 (-1): 3.
        ((0, 3, 7, 10, 12), [0, 2, 3, 0, 0]),
        # Backbeat alone. 4 (-2) over 8 (-1): 1. 12 (-2) over 14 (-3): none within the bar.
        ((4, 12), [1, 0]),
        # Off-beat hats. 2 (-3) over 4 (-2): 1. 6 (-3) over 8 (-1): 2. 10 (-3) over 12 (-2): 1. 14 over 15: none.
        ((2, 6, 10, 14), [1, 2, 1, 0]),
        # Tresillo 3+3+2 in 16ths, twice as slow: 6 (-3) over 8 (-1): 2. 12 (-2) over 14 (-3): none.
        ((0, 6, 12), [0, 2, 0]),
    ],
    ids=["four on the floor", "son clave", "rumba clave", "backbeat", "off-beat hats", "tresillo"],
)
def test_rhythms_of_one_bar_by_hand(onsets: tuple[int, ...], expected: list[int]) -> None:
    assert syncopations(sounding(*onsets), bar_weights(4)).tolist() == expected


def test_a_dotted_quarter_in_triple_time_by_hand() -> None:
    """6 (-2) is silent over 8 (-1): 1."""
    assert syncopations(sounding(0, 6, num_places=12), bar_weights(3)).tolist() == [0, 1]


def test_a_silence_over_the_bar_line_belongs_to_the_bar_before() -> None:
    """14 (-3) is silent over the next downbeat (0): 3, in the first bar; the second, from 4 on, has 4 over 8: 1."""
    two_bars = np.concatenate([sounding(0, 4, 8, 12, 14), sounding(4)])
    weights, bars = np.tile(bar_weights(4), 2), np.repeat([1, 2], 16)
    assert syncopations(two_bars, weights).tolist() == [0, 0, 0, 0, 3, 1]
    assert mean_syncopation(two_bars, weights, bars) == 2


def test_bars_without_onsets_do_not_count() -> None:
    bars = np.repeat([1, 2, 3], 16)
    clave_and_rest = np.concatenate([sounding(0, 3, 6, 10, 12), sounding(), sounding(0, 8)])
    # The clave's last onset, 12 (-2), is silent over the downbeat of the empty bar (0): 2 more.
    assert mean_syncopation(clave_and_rest, np.tile(bar_weights(4), 3), bars) == (6 + 0) / 2
    assert mean_syncopation(sounding(), bar_weights(4), np.ones(16, int)) is None


RHYTHMS = st.lists(st.booleans(), min_size=32, max_size=32).map(np.array)


@given(RHYTHMS, st.sampled_from([1, 2, 4, 8]))
def test_no_onset_syncopates_more_than_its_weight_lacks(rhythm: np.ndarray, beats_per_bar: int) -> None:
    weights = np.resize(bar_weights(beats_per_bar), 32)
    found = syncopations(rhythm, weights)
    assert (found >= 0).all()
    assert (found <= -weights[rhythm]).all()


@given(RHYTHMS)
def test_filling_the_heaviest_silence_after_an_onset_ends_its_syncopation(rhythm: np.ndarray) -> None:
    weights = np.tile(bar_weights(4), 2)
    before = syncopations(rhythm, weights)
    for onset, strength in zip(np.flatnonzero(rhythm), before, strict=True):
        following = next((place for place in range(onset + 1, 32) if rhythm[place]), 32)
        if strength:
            filled = rhythm.copy()
            filled[onset + np.argmax(weights[onset:following])] = True
            assert syncopations(filled, weights).sum() < before.sum()
