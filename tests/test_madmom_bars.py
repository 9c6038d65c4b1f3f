"""The bar model's evidence for a metre, and its beats at another frame rate, against madmom's hidden Markov models."""

from typing import Any

import numpy as np
import pytest

from featurizers.madmom_bars import tempi, tempi_near, track_bars
from featurizers.madmom_compat import madmom_names


def madmoms(frames_per_s: int) -> Any:
    """madmom's tracker; its models of one metre each are in ``hmms``."""
    with madmom_names():
        from madmom.features.downbeats import DBNDownBeatTrackingProcessor

        return DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=frames_per_s)


def accented(beats_per_bar: int, frames_per_s: int, seed: int) -> np.ndarray:
    """Activations of 12 s at 120 BPM under noise."""
    rng = np.random.default_rng(seed)
    activations = rng.uniform(1e-6, 0.03, (12 * frames_per_s, 2))
    beats = np.arange(frames_per_s // 4, len(activations), frames_per_s // 2)
    activations[beats] = (0.8, 0.05)
    activations[beats[::beats_per_bar]] = (0.05, 0.8)
    single: np.ndarray = activations.astype(np.float32)
    return single


@pytest.mark.parametrize("frames_per_s", [50, 100])
@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_log_odds_are_the_difference_of_madmoms_paths(beats_per_bar: int, frames_per_s: int, seed: int) -> None:
    activations = accented(beats_per_bar, frames_per_s, seed)
    bars = track_bars(activations, (3, 4), tempi(frames_per_s))
    tracker = madmoms(frames_per_s)
    active = np.flatnonzero((activations >= 0.05).any(axis=1))
    with madmom_names():
        paths = [hmm.viterbi(activations[active[0] : active[-1] + 1]) for hmm in tracker.hmms]
    three, four = (probability for _, probability in paths)
    assert bars.beats_per_bar == beats_per_bar == (3 if three > four else 4)
    assert bars.log_odds == pytest.approx(abs(three - four), rel=1e-4, abs=1e-3)


def test_a_single_metre_has_no_odds() -> None:
    assert track_bars(accented(4, 100, 0), (4,), tempi(100)).log_odds is None


def test_odds_are_those_of_the_priors_where_no_beat_is_accented() -> None:
    activations = np.full((1200, 2), 0.01, dtype=np.float32)
    activations[25::50] = 0.4
    log_odds = track_bars(activations, (3, 4), tempi(100)).log_odds
    assert log_odds == pytest.approx(np.log(4 / 3), abs=0.01)  # a bar of four has more states to begin in


def test_near_the_tempo_of_the_best_path_that_path_is_found_and_elsewhere_none_so_good() -> None:
    activations, every_tempo = accented(4, 100, 0), tempi(100)
    best = track_bars(activations, (3, 4), every_tempo)
    near, twice = (tempi_near(bpm, every_tempo, 100) for bpm in (120, 180))
    assert near is not None
    assert twice is not None
    assert np.all(np.abs(6000 / near.lengths / 120 - 1) < 0.11)
    same, other = (track_bars(activations, (3, 4), some) for some in (near, twice))
    assert same.beat_frames.tolist() == best.beat_frames.tolist()
    assert same.log_probability == pytest.approx(best.log_probability)
    assert other.log_probability < best.log_probability - 10
    assert tempi_near(20, every_tempo, 100) is None


def test_a_beat_that_begins_just_after_the_last_activation_needs_slack() -> None:
    activations = np.full((1000, 2), 0.001, dtype=np.float32)
    activations[50:850:50, 0] = 0.6
    activations[50:850:200] = (0.001, 0.6)
    activations[849, 1] = 0.06  # the next downbeat would begin a frame later
    cut, slack = (track_bars(activations, (4,), tempi(100), frames) for frames in (0, 7))
    assert cut.beat_frames.tolist() == list(range(50, 850, 50))
    assert slack.beat_frames.tolist()[:-1] == cut.beat_frames.tolist()
    assert slack.beat_frames[-1] == pytest.approx(850, abs=5)
