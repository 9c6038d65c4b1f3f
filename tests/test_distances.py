"""FAD and KAD: closed forms, what published code says of fixed arrays, and what must hold for any sets."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import linalg
from scipy.spatial.distance import cdist, pdist

from training.evaluating import distances
from training.evaluating.distances import frechet_distance, kernel_distance

Doubles = NDArray[np.float64]


def fixed(count: int, width: int, seed: int) -> Doubles:
    """The same numbers everywhere, without a generator."""
    numbers = np.arange(count * width, dtype=np.float64).reshape(count, width)
    return np.sin(numbers * numbers * 0.37 + seed) + 0.1 * seed * np.cos(np.arange(width))


# (n, m, d) -> what the functions of the packages returned for one = fixed(n, d, 0) and two = fixed(m, d, 3), with
# numpy 2.4.6, scipy 1.17.1 and torch 2.11.0 on a CPU; modules that the two import and these functions do not use were
# left empty. fadtk 1.1.0:
#   fadtk.fad.calc_frechet_distance(one.mean(0), np.cov(one, rowvar=False), two.mean(0), np.cov(two, rowvar=False))
# kadtk 1.1.0, which takes the width of its kernel from the second set (in 32 bits), here the reference ``one``:
#   kadtk.kad.calc_kernel_audio_distance(
#       torch.from_numpy(two), torch.from_numpy(one), (None, None), "cpu", precision=torch.float64
#   )
PUBLISHED = {
    (40, 30, 6): (0.8954501935410333, 5.632803628063265),
    (25, 60, 12): (2.007887747926926, 5.722198920392052),
    (10, 9, 3): (0.2670442089846219, -3.3026292626377574),
}


@pytest.mark.parametrize(("sizes", "published"), PUBLISHED.items())
def test_they_are_those_of_published_code(sizes: tuple[int, int, int], published: tuple[float, float]) -> None:
    count, its_count, width = sizes
    one, two = fixed(count, width, 0), fixed(its_count, width, 3)
    assert frechet_distance(one, two) == pytest.approx(published[0], rel=1e-10)
    assert kernel_distance(one, two) == pytest.approx(published[1], rel=1e-6)


def by_roots(one: Doubles, two: Doubles) -> float:
    """The formula as it is written, with a root of a matrix."""
    covariance, its_covariance = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    root = linalg.sqrtm(covariance @ its_covariance).real
    shift = one.mean(axis=0) - two.mean(axis=0)
    return float(shift @ shift + np.trace(covariance + its_covariance - 2 * root))


def by_pairs(one: Doubles, two: Doubles) -> float:
    """The estimator as it is written, pair by pair."""
    ordered = np.sort(pdist(one))
    width = ordered[(len(ordered) - 1) // 2]

    def kernel(distance: Doubles) -> Doubles:
        return np.exp(-(distance**2) / (2 * width**2))

    within, its_within = kernel(pdist(one)).mean(), kernel(pdist(two)).mean()
    return float(100 * (within + its_within - 2 * kernel(cdist(one, two)).mean()))


@pytest.mark.parametrize(("count", "its_count", "width"), [(50, 80, 4), (300, 200, 16), (2, 5, 1), (1500, 70, 2)])
def test_they_are_what_the_formulas_say(count: int, its_count: int, width: int) -> None:
    random = np.random.default_rng(count)
    one = random.normal(size=(count, width)) @ random.normal(size=(width, width)) + 3
    two = random.normal(size=(its_count, width)) * 2
    if width > 1:
        assert frechet_distance(one, two) == pytest.approx(by_roots(one, two), rel=1e-9)
    assert kernel_distance(one, two) == pytest.approx(by_pairs(one, two), rel=1e-6)


def all_pairs(vectors: Doubles) -> Doubles:
    """Squared distances, all in memory at once, as they are computed."""
    squares = distances._squared_distances(vectors, vectors)
    return np.sort(squares[np.triu_indices(len(vectors), k=1)])


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from([1e-160, 0.3, 1, 1e3, 1e150]))
def test_the_median_is_the_lower_middle_bit_by_bit(count: int, width: int, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    drawn = random.normal(size=(count, width)), random.integers(-2, 3, size=(count, width))  # the latter with ties
    for vectors in (scale * drawn[0], scale * drawn[1].astype(np.float64)):
        pairs = all_pairs(vectors)
        assert distances._median_distance(vectors) == np.sqrt(pairs[(len(pairs) - 1) // 2])


def test_the_median_is_the_same_tile_by_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).integers(-9, 10, size=(150, 3)).astype(np.float64)  # exact in any tile
    at_once = distances._median_distance(vectors)
    monkeypatch.setattr(distances, "_BLOCK_VECTORS", 32)
    assert distances._median_distance(vectors) == at_once


def test_memory_does_not_grow_with_the_square_of_the_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_BLOCK_VECTORS", 64)
    peaks: list[int] = []
    for count in (250, 1000):
        one, two = np.random.default_rng(0).normal(size=(2, count, 2))
        tracemalloc.start()
        kernel_distance(one, two)
        peaks.append(tracemalloc.get_traced_memory()[1] - 2 * one.nbytes)
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_gaussians_have_closed_forms() -> None:
    one, two = fixed(9, 1, 0), fixed(7, 1, 2)
    expected = (one.mean() - two.mean()) ** 2 + (one.std(ddof=1) - two.std(ddof=1)) ** 2
    assert frechet_distance(one, two) == pytest.approx(expected)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    scale, its_scale, shift = np.array([1, 2, 3]), np.array([2, 2, 0.5]), np.array([0.5, 0, -4])
    expected = np.square(shift).sum() + 8 / 7 * np.square(scale - its_scale).sum()  # 8 corners, 7 degrees of freedom
    assert frechet_distance(corners * scale, corners * its_scale + shift) == pytest.approx(expected)
    assert frechet_distance(corners, corners + shift) == pytest.approx(np.square(shift).sum())


def test_a_pair_has_a_closed_form() -> None:
    reference, other = np.array([[0.0], [2.0]]), np.array([[0.0], [4.0]])
    within, its_within = np.exp(-0.5), np.exp(-2)
    across = (1 + np.exp(-2) + np.exp(-0.5) + np.exp(-0.5)) / 4
    assert kernel_distance(reference, other) == pytest.approx(100 * (within + its_within - 2 * across), rel=1e-6)


def test_it_is_defined_with_fewer_vectors_than_dimensions_and_too_high() -> None:
    random = np.random.default_rng(0)
    few, more = (frechet_distance(*random.normal(size=(2, count, 64))) for count in (16, 4096))
    assert few > 30
    assert more < 2
    one, two = random.normal(size=(2, 12, 64))
    basis = np.linalg.qr(np.concatenate([one, two]).T)[0]  # what both span: nothing singular is left to the rest
    assert frechet_distance(one, two) == pytest.approx(frechet_distance(one @ basis, two @ basis))


def test_the_kernel_distance_of_equal_distributions_is_zero_in_the_mean() -> None:
    random = np.random.default_rng(1)
    found = [kernel_distance(*random.normal(size=(2, 20, 3))) for _ in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(400)
    assert min(found) < 0 < max(found)
    assert kernel_distance(random.normal(size=(200, 3)), random.normal(size=(200, 3)) + 1) > 5


def test_a_reference_of_one_point_has_a_distance() -> None:
    same = np.ones((4, 3))
    assert kernel_distance(same, same) == pytest.approx(0)
    assert kernel_distance(same, same + np.arange(4)[:, None]) == pytest.approx(50)  # one of four is at the point


SETS = st.tuples(st.integers(2, 12), st.integers(2, 12), st.integers(1, 8), st.integers(0, 2**32 - 1))


@given(SETS)
def test_what_holds_for_any_sets(sizes: tuple[int, int, int, int]) -> None:
    count, its_count, width, seed = sizes
    random = np.random.default_rng(seed)
    one, two = random.normal(size=(count, width)), 2 * random.normal(size=(its_count, width)) + 1
    turn = np.linalg.qr(random.normal(size=(width, width)))[0]
    found, kernel = frechet_distance(one, two), kernel_distance(one, two)
    assert found >= 0
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(two, one) == pytest.approx(found, abs=1e-9)
    moved = random.permutation(one) @ turn - 5, random.permutation(two) @ turn - 5
    assert frechet_distance(*moved) == pytest.approx(found, abs=1e-8)
    assert kernel_distance(*moved) == pytest.approx(kernel, abs=1e-5)
    assert frechet_distance(3 * one, 3 * two) == pytest.approx(9 * found, abs=1e-8)
    assert kernel_distance(3 * one, 3 * two) == pytest.approx(kernel, abs=1e-5)
    assert (frechet_distance(one, two), kernel_distance(one, two)) == (found, kernel)


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        (((1, 4), (5, 4)), "2 vectors of each set are needed, got 1 and 5"),
        (((5, 4), (5, 3)), "vectors of one length"),
        (((5,), (5,)), "vectors of one length"),
    ],
)
def test_sets_that_have_no_distance_are_refused(shapes: tuple[tuple[int, ...], ...], sentence: str) -> None:
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(ValueError, match=sentence):
            distance(*(np.zeros(shape) for shape in shapes))
