"""Beat and downbeat activations by madmom's recurrent networks.

Böck, Krebs and Widmer, "Joint Beat and Downbeat Tracking with Recurrent Neural Networks", ISMIR 2016.
"""

from typing import Any

import numpy as np

from featurizers.madmom_compat import madmom_names
from featurizers.madmom_onnx import LstmLayer, read_layers
from featurizers.madmom_spectrogram import RATE_HZ, Filterbank, Floats, filterbank, magnitudes, num_frames

FRAMES_PER_S = 100
_HOP_SAMPLES = RATE_HZ // FRAMES_PER_S
_BANDS_PER_OCTAVE = {1024: 3, 2048: 6, 4096: 12}  # by frame size


class DownbeatNetworks:
    """The ensemble of eight networks, each of three bidirectional LSTM layers.

    Called with mono 44.1 kHz ``(samples,)`` it returns ``(frames, 2)``: the probabilities of a
    beat that is no downbeat and of a downbeat, at 100 frames a second.
    """

    def __init__(self) -> None:
        with madmom_names():
            from madmom.models import DOWNBEATS_BLSTM
        self._banks = {size: filterbank(size, bands, 30, 17000) for size, bands in _BANDS_PER_OCTAVE.items()}
        self._networks = [_Network(read_layers(path)) for path in DOWNBEATS_BLSTM]

    def __call__(self, samples: Floats) -> Floats:
        features = _features(samples, self._banks)
        mean = sum(network(features) for network in self._networks) / np.float32(len(self._networks))
        return np.asarray(mean, dtype=np.float32)[:, 1:]


class _Network:
    """Features ``(frames, features)`` to the probabilities ``(frames, 3)`` of no beat, beat and downbeat."""

    def __init__(self, layers: list[Any]) -> None:
        *bidirectional, self._output = layers
        self._layers = [
            (LstmLayer(layer.fwd_layer, backward=False), LstmLayer(layer.bwd_layer, backward=True))
            for layer in bidirectional
        ]

    def __call__(self, frames: Floats) -> Floats:
        for forward, backward in self._layers:
            frames = np.hstack((forward(frames), backward(frames)))
        scores = frames @ self._output.weights + self._output.bias
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _features(samples: Floats, banks: dict[int, Filterbank]) -> Floats:
    """Logarithmic spectra at three resolutions, each followed by its rise over half a window, ``(frames, 314)``."""
    features = np.empty((num_frames(len(samples), _HOP_SAMPLES), 2 * sum(map(len, banks.values()))), dtype=np.float32)
    column = 0
    for frame_samples, bank in banks.items():
        spectra, rises = np.hsplit(features[:, column : column + 2 * len(bank)], 2)
        frame = 0
        for chunk in magnitudes(samples, frame_samples, _HOP_SAMPLES):
            spectra[frame : frame + len(chunk)] = bank.log_bands(chunk)
            frame += len(chunk)
        # a Hann window is above half of its height for half of its length
        lag = max(1, round(frame_samples / 4 / _HOP_SAMPLES))
        rises[:lag] = 0
        np.subtract(spectra[lag:], spectra[:-lag], out=rises[lag:])
        np.maximum(rises, 0, out=rises)
        column += 2 * len(bank)
    return features
