"""report: the map keeps what two axes can hold, and says what it samples; scales and shares are round."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import Fake
from jobs.pictures import report_map
from jobs.pictures.report import dataset_card
from jobs.pictures.report_distributions import round_steps
from jobs.pictures.report_map import project
from jobs.pictures.report_page import render_page
from jobs.pictures.report_words import percent
from report_data import NUM


@given(st.integers(1, 60), st.integers(3, 12), st.integers(0, 1000))
def test_the_map_keeps_as_much_variance_as_two_axes_can(num: int, size: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(0, 1, (num, size))
    found, shares = project(vectors)
    strengths = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    best = np.append(strengths, np.zeros(2))[:2]
    np.testing.assert_allclose((found**2).sum(axis=0), best, atol=1e-8)
    np.testing.assert_allclose(shares, best / strengths.sum() if num > 1 else (0, 0), atol=1e-8)
    np.testing.assert_allclose(project(vectors)[0], found)


def test_the_sample_of_the_map_is_said_and_steady(
    reported: Fake, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_map, "SAMPLE", 10)
    sampled = dataset_card(reported.dataset)["map"]
    assert (sampled["tracks"], sampled["sampled"]) == (NUM, 10)
    assert "A sample: 10 of 40 tracks" in render_page(card | {"map": sampled})
    ids = [point["track_id"] for point in sampled["points"]]
    assert ids == [point["track_id"] for point in card["map"]["points"]][: len(ids)]


@given(st.floats(0, 1))
def test_only_everything_is_all(share: float) -> None:
    assert (percent(share) == "100\u202f%") == (share == 1)
    assert (percent(share) == "0\u202f%") == (share == 0)


def test_clocks_and_powers_of_ten_have_round_steps() -> None:
    for unit, after in (("s", [30.0, 60.0]), ("BPM", [50.0, 100.0])):
        steps = round_steps(unit)
        assert [next(step for step in steps if step > least) for least in (20, 40)] == after
