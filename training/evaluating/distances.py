"""How far two sets of embeddings are apart: the Fréchet and the kernel audio distance.

Both are zero for equal distributions and compare only with values of the same embedding, the same reference set and
about as many vectors. Everything is computed in 64 bits, and nothing is drawn at random.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]

MIN_VECTORS = 2
"""Of either set: fewer have no covariance and no pair."""

_KAD_SCALE = 100.0
_KAD_EPSILON = 1e-8  # keeps the kernel defined where all vectors of the reference are the same
_BLOCK_VECTORS = 1024
_DIGIT_BITS = 16
_DIGIT_MASK = 2**_DIGIT_BITS - 1


def frechet_distance(reference: Array, other: Array) -> float:
    """Return the Fréchet distance of Gaussians fitted to two sets of vectors ``(n, d)`` and ``(m, d)``.

    The squared distance of the means plus tr(C + D - 2 √(C D)) of the unbiased covariances: Dowson and Landau, "The
    Fréchet distance between multivariate normal distributions" (1982), for audio Kilgour, Zuluaga, Roblek and Sharifi,
    "Fréchet Audio Distance" (Interspeech 2019). The trace of the root is the sum of the singular values of A Bᵀ, where
    A and B are the centred sets over √(n - 1) and √(m - 1): no root of a matrix is taken, and one that is singular is
    none the worse. That is the case with no more vectors than dimensions; the distance is defined then too, but the
    fewer there are, the further it is above that of the distributions (Gui, Gamper, Braun and Emmanouilidou, "Adapting
    Fréchet Audio Distance for generative music evaluation", ICASSP 2024). Raises ValueError for sets that do not fit
    together.
    """
    one, two = _doubles(reference, other)
    shift = one.mean(axis=0) - two.mean(axis=0)
    factor, its_factor = _factor(one), _factor(two)
    overlap = np.linalg.svd(factor @ its_factor.T, compute_uv=False).sum()
    distance = shift @ shift + np.square(factor).sum() + np.square(its_factor).sum() - 2 * overlap
    return max(float(distance), 0.0)  # below by no more than rounding


def kernel_distance(reference: Array, other: Array) -> float:
    """Return the kernel audio distance of ``(m, d)`` from the reference ``(n, d)``, which gives the kernel its width.

    100 times the unbiased estimate of the squared maximum mean discrepancy under a Gaussian kernel as wide as the
    median distance of two vectors of the reference: Chung et al., "KAD: No More FAD! An effective and efficient
    evaluation metric for audio generation" (2025), scaled as in its authors' toolkit. Being unbiased, it may be below
    zero for sets that are alike. Beside the two sets in 64 bits it takes about 50 MiB of memory, however many vectors
    they have, but time that grows with the square. Raises ValueError for sets that do not fit together.
    """
    one, two = _doubles(reference, other)
    one, two = one - one.mean(axis=0), two - one.mean(axis=0)  # only distances count, and small numbers keep digits
    exponent = 1 / (2 * _median_distance(one) ** 2 + _KAD_EPSILON)
    within, its_within = (_kernel_sum(each, each, exponent) - len(each) for each in (one, two))  # but with themselves
    pairs, its_pairs = (len(each) * (len(each) - 1) for each in (one, two))
    across = _kernel_sum(one, two, exponent) / (len(one) * len(two))
    return float(_KAD_SCALE * (within / pairs + its_within / its_pairs - 2 * across))


def _doubles(reference: Array, other: Array) -> tuple[Doubles, Doubles]:
    one, two = np.asarray(reference, np.float64), np.asarray(other, np.float64)
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1]:
        raise ValueError(f"two sets of vectors of one length are needed, got {one.shape} and {two.shape}")
    if min(len(one), len(two)) < MIN_VECTORS:
        raise ValueError(f"{MIN_VECTORS} vectors of each set are needed, got {len(one)} and {len(two)}")
    return one, two


def _factor(vectors: Doubles) -> Doubles:
    """A matrix with at most ``d`` rows whose square is the covariance."""
    centred: Doubles = (vectors - vectors.mean(axis=0)) / np.sqrt(len(vectors) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    reduced: Doubles = np.linalg.qr(centred)[1]
    return reduced


def _median_distance(vectors: Doubles) -> float:
    """Of all pairs; the lower of the two in the middle if there are two, as in the toolkit.

    It is exact, and its memory that of a few tiles, about 50 MiB, however many vectors there are: numbers that are
    not negative are in the order of their bits, and those of the median are counted out from the highest to the lowest,
    sixteen at a time, for which the distances are computed again.
    """
    rank = (len(vectors) * (len(vectors) - 1) // 2 - 1) // 2  # of the median, among those that begin with ``found``
    found = 0
    for shift in (48, 32, 16, 0):
        counts = np.zeros(2**_DIGIT_BITS, np.int64)
        for squares in _pairs(vectors):
            heads = squares.view(np.uint64) >> np.uint64(shift)
            chosen = heads[heads >> np.uint64(_DIGIT_BITS) == found]
            counts += np.bincount((chosen & np.uint64(_DIGIT_MASK)).astype(np.int64), minlength=len(counts))
        ends = np.cumsum(counts)
        digit = int(np.searchsorted(ends, rank, side="right"))
        rank -= int(ends[digit] - counts[digit])
        found = found << _DIGIT_BITS | digit
    return float(np.sqrt(np.array(found, np.uint64).view(np.float64)))


def _pairs(vectors: Doubles) -> Iterator[Doubles]:
    """The squared distance of each two vectors once, tile by tile."""
    for first in range(0, len(vectors), _BLOCK_VECTORS):
        rows = vectors[first : first + _BLOCK_VECTORS]
        yield _squared_distances(rows, rows)[np.triu_indices(len(rows), k=1)]
        for second in range(first + _BLOCK_VECTORS, len(vectors), _BLOCK_VECTORS):
            yield _squared_distances(rows, vectors[second : second + _BLOCK_VECTORS]).ravel()


def _kernel_sum(one: Doubles, two: Doubles, exponent: float) -> float:
    """The kernel of each vector with each, summed tile by tile: memory for all would grow with the square."""
    starts = product(range(0, len(one), _BLOCK_VECTORS), range(0, len(two), _BLOCK_VECTORS))
    tiles = ((one[row : row + _BLOCK_VECTORS], two[column : column + _BLOCK_VECTORS]) for row, column in starts)
    return float(sum(np.exp(-exponent * _squared_distances(*tile)).sum() for tile in tiles))


def _squared_distances(one: Doubles, two: Doubles) -> Doubles:
    products = one @ two.T
    squares = np.square(one).sum(axis=1)[:, None] + np.square(two).sum(axis=1) - 2 * products
    distances: Doubles = np.maximum(squares, 0)
    return distances
