"""Checks of the decoded signal, as the tracks fragment defines them."""

from collections.abc import Iterator

import numpy as np

from featurizers.audio import Audio, Samples

_CLIPPED = 0.999
_SILENT_RMS = 0.001  # -60 dBFS
_BLOCKS_A_SECOND = 20  # 50 ms each
_PASS_S = 10


def signal_facts(audio: Audio) -> dict[str, float]:
    """Return duration_s, peak, clipped_ratio and silent_ratio of a non-empty signal, in bounded memory.

    All channels count alike: a sample of any is clipped at or above 0.999, and a block of 50 ms (the last may be
    shorter) is silent if its RMS over all channels is below -60 dB re full scale.
    """
    peak, num_clipped, num_silent, num_blocks = 0.0, 0, 0, 0
    for samples, starts in _passes(audio):
        magnitudes = np.abs(samples)
        peak = max(peak, float(magnitudes.max()))
        num_clipped += int(np.count_nonzero(magnitudes >= _CLIPPED))
        squares = np.square(samples, dtype=np.float64).mean(axis=0)
        lengths = np.diff(starts, append=samples.shape[1])
        num_silent += int(np.count_nonzero(np.add.reduceat(squares, starts) / lengths < _SILENT_RMS**2))
        num_blocks += len(starts)
    return {
        "duration_s": audio.duration_s,
        "peak": peak,
        "clipped_ratio": num_clipped / audio.samples.size,
        "silent_ratio": num_silent / num_blocks,
    }


def _passes(audio: Audio) -> Iterator[tuple[Samples, np.ndarray]]:
    """Yield ten seconds at a time, with the positions in them at which blocks of 50 ms start."""
    num_samples = audio.samples.shape[1]
    length = _PASS_S * audio.rate_hz
    starts = np.arange(_PASS_S * _BLOCKS_A_SECOND) * audio.rate_hz // _BLOCKS_A_SECOND
    for first in range(0, num_samples, length):
        samples = audio.samples[:, first : first + length]
        yield samples, starts[starts < samples.shape[1]]
