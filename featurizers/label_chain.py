"""Sequences of labels, one a frame, under a linear chain: the best one, probabilities, and runs of one label.

Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition", Proc. IEEE 1989.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
States = npt.NDArray[np.intp]


class Run(NamedTuple):
    """Frames ``start_frame .. end_frame`` of one label, and its mean posterior probability there."""

    start_frame: int
    end_frame: int
    label: str
    confidence: float


def runs_of(states: States, posteriors: Doubles, labels: Sequence[str]) -> list[Run]:
    """Runs of equal states ``(frames,)``, in order; posteriors are ``(frames, labels)``."""
    chosen = posteriors[np.arange(len(states)), states]
    cuts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    return [Run(start, end, labels[states[start]], float(chosen[start:end].mean())) for start, end in pairwise(cuts)]


def best_states(potentials: Doubles, change: float) -> States:
    """The states ``(frames,)`` with the largest sum of ``potentials (frames, states)`` less ``change`` a change."""
    num_frames, num_states = potentials.shape
    stays, sources = np.empty((num_frames, num_states), dtype=bool), np.empty(num_frames, dtype=np.intp)
    score = np.zeros(num_states)
    for frame, potential in enumerate(potentials):
        sources[frame] = best = score.argmax()
        stays[frame] = score >= score[best] - change
        score = np.maximum(score, score[best] - change) + potential
    states = np.empty(num_frames, dtype=np.intp)
    state = int(score.argmax())
    for frame in reversed(range(num_frames)):
        states[frame] = state
        state = state if stays[frame, state] else int(sources[frame])
    return states


def posteriors(potentials: Doubles, transitions: Doubles, first: Doubles, last: Doubles) -> Doubles:
    """Probabilities ``(frames, states)`` by the forward-backward algorithm.

    All arguments are logarithms; ``first`` is of the state before frame 0, ``last`` of the last frame's.
    """
    emissions, moves = np.exp(potentials - potentials.max(axis=1, keepdims=True)), np.exp(transitions)
    forward, backward = np.empty_like(emissions), np.empty_like(emissions)
    message = np.exp(first)
    for frame, emission in enumerate(emissions):
        message = message @ moves * emission
        forward[frame] = message = message / message.sum()
    message = np.exp(last)
    for frame in reversed(range(len(emissions))):
        backward[frame] = message
        message = moves @ (message * emissions[frame])
        message = message / message.sum()
    products: Doubles = forward * backward
    products /= products.sum(axis=1, keepdims=True)
    return products
