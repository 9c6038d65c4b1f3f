"""Major and minor chords by madmom's convolutional network and conditional random field.

Korzeniowski and Widmer, "A Fully Convolutional Deep Auditory Model for Musical Chord Recognition", MLSP 2016.
"""

import numpy as np

from featurizers.label_chain import Run, posteriors, runs_of
from featurizers.madmom_compat import madmom_names
from featurizers.madmom_onnx import ConvolutionalNetwork, read_layers
from featurizers.madmom_spectrogram import Floats
from schemas.pitch_classes import PITCH_CLASSES

FRAMES_PER_S = 10
BANDS = (24, 60, 2600)  # an octave, lowest and highest Hz
_CHUNK_FRAMES = 512
_CONTEXT_FRAMES = 11  # what a frame sees to either side, silence beyond the ends
_ROOTS = (*PITCH_CLASSES[9:], *PITCH_CLASSES[:9])  # from A on
_LABELS = (*(f"{root}:maj" for root in _ROOTS), *(f"{root}:min" for root in _ROOTS), "N")


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
    """Features ``(frames, 128)`` to chords in Harte syntax: the likeliest sequence of the conditional random field."""

    def __init__(self) -> None:
        with madmom_names():
            from madmom.ml.crf import ConditionalRandomField
            from madmom.models import CHORDS_CFCRF

            self._field = ConditionalRandomField.load(CHORDS_CFCRF[0])

    def __call__(self, features: Floats) -> list[Run]:
        states, field = self._field.process(features), self._field
        potentials = (features @ field.W + field.c).astype(np.float64)
        return runs_of(states, posteriors(potentials, field.A, field.pi, field.tau), _LABELS)
