"""What stands out of a mix, in levels and in sounds made here."""

import numpy as np
import pytest

from featurizers import prominence
from featurizers.pitch import VOICING, find_voiced, frame_levels_db
from featurizers.prominence import prominence_db, voice_band
from voices import noise, seconds


def levels(*parts: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(num_frames, level_db, np.float32) for level_db, num_frames in parts])


def test_the_threshold_is_between_loud_and_soft() -> None:
    found = prominence_db(levels((-30, 40), (-20, 60)))
    assert found == pytest.approx(levels((-5, 40), (5, 60)))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(-20, 50), (-26, 50)], [(3, 50), (-3, 50)]),
        ([(-20, 50), (-45, 50)], [(12.5, 50), (-12.5, 50)]),
        ([(-20, 40), (-30, 40), (-60, 20)], [(5, 40), (-5, 40), (-35, 20)]),
        ([(0, 1), (-35, 50), (-45, 49)], [(40, 1), (5, 50), (-5, 49)]),
    ],
    ids=["6 dB", "25 dB", "pauses move nothing", "nor does a click"],
)
def test_the_threshold_is_known(parts: list[tuple[float, int]], expected: list[tuple[float, int]]) -> None:
    assert prominence_db(levels(*parts)) == pytest.approx(levels(*expected))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_scatter_does_not_move_it_far(fraction: float) -> None:
    loud = np.arange(1000) < 1000 * fraction
    level_db = np.where(loud, -20, -32) + np.random.default_rng(0).normal(0, 2, 1000)
    assert np.mean((prominence_db(level_db.astype(np.float32)) > 0) == loud) > 0.97


@pytest.mark.parametrize(
    "level_db",
    [
        levels((-20, 100)),
        levels((-20, 50), (-25.5, 50)),
        levels((-20, 50), (-120, 50)),
        levels((-20, 10), (-55, 90)),
        levels((-120, 9)),
        levels((0, 1)),
    ],
    ids=["steady", "5.5 dB", "pauses of everything", "long pauses", "silence", "one frame"],
)
def test_nothing_stands_out(level_db: np.ndarray) -> None:
    assert np.isneginf(prominence_db(level_db)).all()


def test_steady_noise_has_nothing_that_stands_out() -> None:
    assert np.isneginf(prominence_db(frame_levels_db(noise(5, 50, 7900, 0.1, seed=4)))).all()


@pytest.mark.parametrize(
    ("tone_hz", "least_db", "most_db"),
    [(60, -99, -20), (300, -3.1, -2.9), (1000, -1, 0.1), (3500, -3.1, -2.9), (7500, -99, -12)],
)
def test_the_band_of_voices_is_kept(tone_hz: float, least_db: float, most_db: float) -> None:
    tone = np.sin(2 * np.pi * tone_hz * seconds(1)).astype(np.float32)
    gain_db = 20 * np.log10(voice_band(tone)[4000:].std() / tone[4000:].std())
    assert least_db < gain_db < most_db


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = noise(1, 50, 7900, 0.1, seed=5).astype(np.float32)
    whole = voice_band(sound)
    monkeypatch.setattr(prominence, "_BLOCK_SAMPLES", 777)
    assert np.array_equal(voice_band(sound), whole)
    assert not len(voice_band(sound[:0]))


def test_what_stands_out_may_be_less_periodic() -> None:
    level_db = levels((-20, 100))
    periodicity = levels((0.3, 40), (0.5, 1), (0.3, 39), (0.3, 20))
    above_db = levels((5, 50), (-1, 20), (-3, 30))
    assert not find_voiced(periodicity, level_db, VOICING["tiny"]).any()
    assert find_voiced(periodicity, level_db, VOICING["tiny"], above_db).tolist() == [True] * 70 + [False] * 30
    assert not find_voiced(periodicity, level_db, VOICING["tiny"], above_db - 6).any()
