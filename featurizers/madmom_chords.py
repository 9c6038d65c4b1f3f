"""Major and minor chords by madmom's convolutional network and conditional random field.

Korzeniowski and Widmer, "A Fully Convolutional Deep Auditory Model for Musical Chord Recognition", MLSP 2016.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.madmom_compat import madmom_names
from featurizers.madmom_onnx import ConvolutionalNetwork, read_layers
from featurizers.madmom_spectrogram import Floats

Doubles = npt.NDArray[np.float64]

FRAMES_PER_S = 10
BANDS = (24, 60, 2600)  # an octave, lowest and highest Hz
_CHUNK_FRAMES = 512
_CONTEXT_FRAMES = 11  # what a frame sees to either side, silence beyond the ends
_ROOTS = ("A", "A#", "B", "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#")
_LABELS = (*(f"{root}:maj" for root in _ROOTS), *(f"{root}:min" for root in _ROOTS), "N")


class Chord(NamedTuple):
    """Frames ``start_frame .. end_frame`` of one chord in Harte syntax, and its mean posterior probability there."""

    start_frame: int
    end_frame: int
    label: str
    confidence: float


class ChordNetwork:
    """Log spectrogram ``(frames, bands)`` at 10 frames a second to learned features ``(frames, 128)``."""

    def __init__(self) -> None:
        with madmom_names():
            from madmom.models import CHORDS_CNN_FEAT
        self._network = ConvolutionalNetwork(read_layers(CHORDS_CNN_FEAT[0]))

    def __call__(self, spectrogram: Floats) -> Floats:
        padded = np.pad(spectrogram, ((_CONTEXT_FRAMES, _CONTEXT_FRAMES), (0, 0)))
        starts = range(0, len(spectrogram), _CHUNK_FRAMES)
        return np.concatenate(
            [self._features(padded[start:][: _CHUNK_FRAMES + 2 * _CONTEXT_FRAMES]) for start in starts]
        )

    def _features(self, spectrogram: Floats) -> Floats:
        positions = self._network(spectrogram)
        return (positions[:-2] + positions[1:-1] + positions[2:]) / np.float32(3)


class ChordDecoder:
    """Features ``(frames, 128)`` to chords: the most probable sequence of the conditional random field."""

    def __init__(self) -> None:
        with madmom_names():
            from madmom.ml.crf import ConditionalRandomField
            from madmom.models import CHORDS_CFCRF

            self._field = ConditionalRandomField.load(CHORDS_CFCRF[0])

    def __call__(self, features: Floats) -> list[Chord]:
        states = self._field.process(features)
        posterior = _marginals(self._field, features)[np.arange(len(states)), states]
        cuts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
        return [
            Chord(start, end, _LABELS[states[start]], float(posterior[start:end].mean()))
            for start, end in pairwise(cuts)
        ]


def _marginals(field: Any, features: npt.NDArray[np.floating[Any]]) -> Doubles:
    """Posterior probabilities ``(frames, labels)`` of a linear-chain field by the forward-backward algorithm."""
    potentials = (features @ field.W + field.c).astype(np.float64)
    emissions = np.exp(potentials - potentials.max(axis=1, keepdims=True))
    transitions = np.exp(field.A.astype(np.float64))
    forward, backward = np.empty_like(emissions), np.empty_like(emissions)
    message = np.exp(field.pi.astype(np.float64))
    for frame, emission in enumerate(emissions):
        message = message @ transitions * emission
        forward[frame] = message = message / message.sum()
    message = np.exp(field.tau.astype(np.float64))
    for frame in reversed(range(len(emissions))):
        backward[frame] = message
        message = transitions @ (message * emissions[frame])
        message = message / message.sum()
    marginals: Doubles = forward * backward
    marginals /= marginals.sum(axis=1, keepdims=True)
    return marginals
