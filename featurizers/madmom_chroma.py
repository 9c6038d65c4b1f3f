"""Chroma by madmom's deep network, which hears chord tones through overtones and drums.

Korzeniowski and Widmer, "Feature Learning for Chord Recognition: The Deep Chroma Extractor", ISMIR 2016.
"""

import numpy as np

from featurizers.madmom_compat import madmom_names
from featurizers.madmom_onnx import read_layers
from featurizers.madmom_spectrogram import Floats

FRAMES_PER_S = 10
_CHUNK_FRAMES = 512
_CONTEXT_FRAMES = 7  # what a frame sees to either side, silence beyond the ends


class ChromaNetwork:
    """Log spectrogram ``(frames, bands)`` at 10 frames a second, bands as for the key, to the mean chroma ``(12,)``.

    Each value is the mean probability, over the track, that the pitch class sounds; C comes first.
    """

    def __init__(self) -> None:
        with madmom_names():
            from madmom.models import CHROMA_DNN
        *self._hidden, self._output = read_layers(CHROMA_DNN[0])

    def __call__(self, spectrogram: Floats) -> Floats:
        padded = np.pad(spectrogram, ((_CONTEXT_FRAMES, _CONTEXT_FRAMES), (0, 0)))
        total = np.zeros(12)
        for start in range(0, len(spectrogram), _CHUNK_FRAMES):
            total += self._probabilities(padded[start:][: _CHUNK_FRAMES + 2 * _CONTEXT_FRAMES]).sum(axis=0)
        return (total / len(spectrogram)).astype(np.float32)

    def _probabilities(self, spectrogram: Floats) -> Floats:
        windows = np.lib.stride_tricks.sliding_window_view(spectrogram, 2 * _CONTEXT_FRAMES + 1, axis=0)
        values = windows.swapaxes(1, 2).reshape(len(windows), -1)
        for layer in self._hidden:
            values = np.maximum(values @ layer.weights + layer.bias, 0)
        return np.asarray(1 / (1 + np.exp(-(values @ self._output.weights + self._output.bias))), dtype=np.float32)
