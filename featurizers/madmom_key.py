"""Global key by madmom's convolutional network.

Korzeniowski and Widmer, "Genre-Agnostic Key Classification with Convolutional Neural Networks", ISMIR 2018.
"""

import numpy as np

from featurizers.madmom_compat import madmom_names
from featurizers.madmom_onnx import ConvolutionalNetwork, read_layers
from featurizers.madmom_spectrogram import Floats

FRAMES_PER_S = 5
BANDS = (24, 65, 2100)  # an octave, lowest and highest Hz
MIN_FRAMES = 8  # three poolings by two leave nothing of less
_CHUNK_FRAMES = 512
_CONTEXT_FRAMES = 32  # what a pooled position sees to either side, rounded up to whole positions


class KeyNetwork:
    """Log spectrogram ``(frames, bands)`` at 5 frames a second to the probabilities ``(24,)`` of keys.

    Major keys come first, C to B, then the minor ones.
    """

    def __init__(self) -> None:
        with madmom_names():
            from madmom.models import KEY_CNN
        self._network = ConvolutionalNetwork(read_layers(KEY_CNN[0]))

    def __call__(self, spectrogram: Floats) -> Floats:
        """ValueError below MIN_FRAMES frames."""
        if len(spectrogram) < MIN_FRAMES:
            raise ValueError(f"a key needs at least {MIN_FRAMES} frames, not {len(spectrogram)}")
        positions = np.concatenate([self._positions(spectrogram, start) for start in self._starts(len(spectrogram))])
        powers = np.exp(positions.mean(axis=0, dtype=np.float64))
        from_a = (powers / powers.sum()).reshape(2, 12)  # madmom counts pitch classes from A
        probabilities: Floats = np.roll(from_a, -3, axis=1).ravel().astype(np.float32)
        return probabilities

    @staticmethod
    def _starts(num_frames: int) -> range:
        return range(0, num_frames - MIN_FRAMES + 1, _CHUNK_FRAMES)

    def _positions(self, spectrogram: Floats, start: int) -> Floats:
        """Pooled positions ``(positions, 24)`` of a chunk, computed with context so that no cut shows."""
        first = max(start - _CONTEXT_FRAMES, 0)
        positions = self._network(spectrogram[first : start + _CHUNK_FRAMES + _CONTEXT_FRAMES])
        skipped = (start - first) // MIN_FRAMES
        return positions[skipped : skipped + _CHUNK_FRAMES // MIN_FRAMES]
