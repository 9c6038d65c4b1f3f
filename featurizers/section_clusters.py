"""Which sections are the same music: spectral clustering of the graph of sections.

McFee and Ellis, "Analyzing song structure with spectral clustering" (ISMIR 2014), cluster the eigenvectors of the
normalised Laplacian of a graph of beats. Here the nodes are whole sections, joined by how well the harmony of one
fits somewhere along the other, and how near their timbre and level are.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from featurizers.bars import Bars, Floats
from featurizers.segmentation import correlations

_NEAR = 2.0  # of the squared step from bar to bar, by which averages of sections may differ
_MIN_TIMBRE_STEP = 25.0  # squared dB
_MIN_LEVEL_STEP = 0.5
_SHARPNESS = 3  # related keys correlate at a half: that is no repetition
_OTHER_SOUND = 0.3  # what is left of a fit in harmony where timbre and level have nothing in common
_PHRASE_BARS = 4
_OFF_PHRASE = 0.8
_SAME_EIGENVALUE = 0.5
_MAX_ITERATIONS = 50

_GOES_ON_FIT = 0.6
_GOES_ON_NEARNESS = 0.5
_GOES_ON_ACCENT = 0.5


@dataclass(frozen=True)
class Group:
    """Bars ``start`` to ``stop`` (exclusive) are a section; sections of one cluster are the same music."""

    start: int
    stop: int
    cluster: int
    is_silent: bool = False


def group_sections(bars: Bars, boundaries: list[int], audible: npt.NDArray[np.bool_]) -> list[Group]:
    """Return the sections between boundaries (first bars, and the number of bars), clustered, in order.

    Neighbours are one section where the music goes on as it was, without an accent between, or where they are of one
    cluster. Silences are no part of the graph, and a cluster of their own. Clusters are numbered by first appearance.
    """
    stretches = [(start, stop) for start, stop in pairwise(boundaries) if audible[start]]
    stretches = _without_weak_boundaries(bars, stretches)
    clusters = [int(label) for label in spectral_clusters(section_likeness(bars, stretches))] if stretches else []
    silences = [(start, stop) for start, stop in pairwise(boundaries) if not audible[start]]
    pieces = sorted([*zip(stretches, clusters, strict=True), *((silence, -1) for silence in silences)])
    numbers = by_first_appearance([cluster for _, cluster in pieces])
    groups: list[Group] = []
    for ((start, stop), cluster), number in zip(pieces, numbers, strict=True):
        if groups and groups[-1].cluster == number:
            start = groups.pop().start
        groups.append(Group(start, stop, number, cluster < 0))
    return groups


def _without_weak_boundaries(bars: Bars, sections: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if len(sections) < 2:
        return sections
    fit, nearness = section_fit(bars, sections), section_nearness(bars, sections)
    kept = sections[:1]
    for index, (start, stop) in enumerate(sections[1:]):
        alike = fit[index, index + 1] > _GOES_ON_FIT and nearness[index, index + 1] > _GOES_ON_NEARNESS
        if alike and bars.accent[start] < _GOES_ON_ACCENT and kept[-1][1] == start:
            kept[-1] = (kept[-1][0], stop)
        else:
            kept.append((start, stop))
    return kept


def section_likeness(bars: Bars, sections: list[tuple[int, int]]) -> Floats:
    """How much every two sections, from bar to bar, are the same music: 0-1, ``(sections, sections)``."""
    sound = _OTHER_SOUND + (1 - _OTHER_SOUND) * section_nearness(bars, sections)
    likeness: Floats = section_fit(bars, sections) ** _SHARPNESS * sound
    return likeness


def section_fit(bars: Bars, sections: list[tuple[int, int]]) -> Floats:
    """Correlation of the harmony of every two sections where they fit best: 0-1, ``(sections, sections)``."""
    alike = correlations(bars.harmony)
    fit = np.eye(len(sections))
    for one, (start, stop) in enumerate(sections):
        for other, (begin, end) in enumerate(sections[:one]):
            fit[one, other] = fit[other, one] = _best_fit(alike[start:stop, begin:end])
    return fit


def _best_fit(alike: Floats) -> float:
    """Mean correlation where the shorter section fits best along the longer, at least 0.

    It counts four fifths unless it begins a whole number of four bars into the longer: a loop is not its rotation.
    """
    if alike.shape[0] > alike.shape[1]:
        alike = alike.T
    shifts = range(alike.shape[1] - alike.shape[0] + 1)
    fits = [np.diagonal(alike, shift).mean() * (_OFF_PHRASE if shift % _PHRASE_BARS else 1.0) for shift in shifts]
    return max(0.0, float(max(fits)))


def section_nearness(bars: Bars, sections: list[tuple[int, int]]) -> Floats:
    """How near the mean timbre and median level of every two sections are: 0-1, ``(sections, sections)``."""
    timbre = np.array([bars.timbre[start:stop].mean(axis=0) for start, stop in sections])
    level_db = np.array([[np.median(bars.level_db[start:stop])] for start, stop in sections])
    far = _distance(timbre, bars.timbre, _MIN_TIMBRE_STEP) + _distance(level_db, bars.level_db, _MIN_LEVEL_STEP)
    nearness: Floats = np.exp(-far)
    return nearness


def _distance(averages: Floats, bars: Floats, min_step: float) -> Floats:
    """Squared distance of every two averages, against the usual step from one bar to the next."""
    steps = np.square(np.diff(bars.reshape(len(bars), averages.shape[1]), axis=0)).sum(axis=1)
    step = max(float(np.median(steps)), min_step) if len(steps) else min_step
    distance: Floats = np.square(averages[:, None] - averages).sum(axis=2) / (_NEAR * step)
    return distance


def spectral_clusters(likeness: Floats) -> npt.NDArray[np.int64]:
    """Return a cluster a node, ``(nodes,)``, of a graph whose nodes are alike by ``(nodes, nodes)``, 1 with themselves.

    A graph of k groups with nothing between them has k eigenvalues 0 of its normalised Laplacian, and others near 1:
    there are as many clusters as eigenvalues below 0.5. Rows of those eigenvectors, scaled to unit length, are
    clustered by k-means from centres chosen one after another as far as can be from those before: nothing is random.
    """
    from scipy.linalg import eigh

    degrees = likeness.sum(axis=1)
    laplacian = np.eye(len(likeness)) - likeness / np.sqrt(np.outer(degrees, degrees))
    eigenvalues, eigenvectors = eigh(laplacian)
    num_clusters = max(1, int((eigenvalues < _SAME_EIGENVALUE).sum()))
    rows = eigenvectors[:, :num_clusters]
    return _k_means(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), num_clusters)


def _k_means(rows: Floats, num_clusters: int) -> npt.NDArray[np.int64]:
    centres = rows[:1]
    while len(centres) < num_clusters:
        centres = np.vstack([centres, rows[_square_distances(rows, centres).min(axis=1).argmax()]])
    labels: npt.NDArray[np.int64] = _square_distances(rows, centres).argmin(axis=1)
    for _ in range(_MAX_ITERATIONS):
        used = np.unique(labels)
        centres = np.array([rows[labels == label].mean(axis=0) for label in used])
        last, labels = labels, used[_square_distances(rows, centres).argmin(axis=1)]
        if np.array_equal(last, labels):
            break
    return labels


def _square_distances(rows: Floats, centres: Floats) -> Floats:
    distances: Floats = np.square(rows[:, None] - centres).sum(axis=2)
    return distances


def by_first_appearance(labels: list[int]) -> list[int]:
    """The same clusters, numbered 0, 1, 2 ... as they first appear."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label, len(numbers)) for label in labels]
