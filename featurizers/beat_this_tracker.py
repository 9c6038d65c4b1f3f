"""Beat and downbeat activations by Beat This!, a transformer.

Foscarin, Schlüter and Widmer, "Beat This! Accurate beat tracking without DBN postprocessing", ISMIR 2024.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.device import device

Floats = npt.NDArray[np.float32]

FRAMES_PER_S = 50

_HOP_SAMPLES = 441
_CHUNK_FRAMES = 3000
_MARGIN_FRAMES = 2  # what a chunk hears beyond its ends is mirrored sound, for half a window of 1024 samples
_EPSILON = 1e-5


class BeatThisNetwork:
    """A checkpoint, loaded and run by the package itself on pieces of 30 s.

    Called with mono 22.05 kHz ``(samples,)``, more than a window of 0.05 s, it returns ``(frames, 2)``: the
    probabilities of a beat that is no downbeat and of a downbeat, at 50 frames a second, as the authors hand them to
    madmom's bar model.
    """

    def __init__(self, checkpoint: Path) -> None:
        """``checkpoint`` must be there, or the package would download it; it is unpickled as weights only."""
        from beat_this.inference import Audio2Frames

        self._frames = Audio2Frames(str(checkpoint), device())

    def __call__(self, samples: Floats) -> Floats:
        beat, downbeat = (_probabilities(logits) for logits in self._frames.spect2frames(self._spectrogram(samples)))
        only_beat = np.maximum(beat - downbeat, _EPSILON / 2)
        return np.stack([only_beat, downbeat], axis=1).astype(np.float32)

    def _spectrogram(self, samples: Floats) -> Any:
        """The package's spectrogram ``(frames, bands)``, a minute at a time."""
        import torch

        waveform = torch.from_numpy(samples)
        num_frames = 1 + len(samples) // _HOP_SAMPLES
        chunks = []
        for first in range(0, num_frames, _CHUNK_FRAMES):
            last = min(first + _CHUNK_FRAMES, num_frames)
            heard_from = max(first - _MARGIN_FRAMES, 0)
            heard = waveform[heard_from * _HOP_SAMPLES : (last + _MARGIN_FRAMES) * _HOP_SAMPLES]
            chunk = self._frames.spect(heard.to(self._frames.device))
            chunks.append(chunk[first - heard_from : last - heard_from])
        return torch.cat(chunks)


def _probabilities(logits: Any) -> npt.NDArray[np.float64]:
    """Neither 0 nor 1, of which the bar model takes logarithms."""
    probabilities: npt.NDArray[np.float64] = logits.double().sigmoid().cpu().numpy()
    return probabilities * (1 - _EPSILON) + _EPSILON / 2
