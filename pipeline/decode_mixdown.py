"""From decoded blocks to one array: at most stereo, at most 48 kHz, finite, in bounded memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import Audio, Samples
from pipeline.reasons import Reason, Refused

MAX_RATE_HZ = 48000
MAX_MAGNITUDE = 16.0
"""Float files may go above full scale, and keep doing so up to 24 dB; beyond, a value is held at this limit."""

_RATES_HZ = range(1000, 1_000_000)
_CHUNK_BYTES = 32 * 2**20  # from this size on malloc maps memory of its own, and gives it back at once

_HALF_POWER = 0.5**0.5
_STEREO_GAINS = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
    "FC": (_HALF_POWER, _HALF_POWER),
    "LFE": (0.0, 0.0),
    "SL": (_HALF_POWER, 0.0),
    "SR": (0.0, _HALF_POWER),
    "BL": (_HALF_POWER, 0.0),
    "BR": (0.0, _HALF_POWER),
    "BC": (0.5, 0.5),
}
"""Left and right gains a loudspeaker, by ITU-R BS.775-3 annex 4: the bass channel is left out, nothing normalised."""

_ORDERS = {
    3: "FL FR FC",
    4: "FL FR BL BR",
    5: "FL FR FC BL BR",
    6: "FL FR FC LFE BL BR",
    7: "FL FR FC LFE BC SL SR",
    8: "FL FR FC LFE BL BR SL SR",
}
"""Loudspeakers of a file that names none, in the order of WAV and FLAC."""


@dataclass(frozen=True)
class Block:
    """A stretch of decoded audio: float32 (channels, samples), its rate, and the loudspeaker names, if known."""

    samples: Samples
    rate_hz: int
    positions: tuple[str, ...] = ()


def mix_matrix(positions: tuple[str, ...], num_in: int, num_out: int) -> npt.NDArray[np.float32] | None:
    """Return the gains (num_out, num_in) that turn ``num_in`` channels into one or two; None if nothing changes.

    Mono goes to both sides at full level. More than two channels fold down as in ITU-R BS.775. A file that names no
    loudspeakers has those usual for its channel count; with a name or a count beyond the table, every channel goes
    to both sides with gain 1 / num_in. Mono is the mean of the two sides.
    """
    if num_in == num_out:
        return None
    if num_in <= 2:
        return np.full((num_out, num_in), 1 / num_in, dtype=np.float32)
    names = positions
    if len(names) != num_in or "NONE" in names:
        names = tuple(_ORDERS.get(num_in, "").split())
    if names and all(name in _STEREO_GAINS for name in names):
        matrix = np.array([_STEREO_GAINS[name] for name in names], dtype=np.float32).T
    else:
        matrix = np.full((2, num_in), 1 / num_in, dtype=np.float32)
    return matrix if num_out == 2 else matrix.mean(axis=0, keepdims=True)


def output_rate_hz(rate_hz: int) -> int:
    """Return the rate that audio of a rate is kept at: its own up to 48 kHz, above it 44100 or 48000 of its family."""
    if rate_hz <= MAX_RATE_HZ:
        return rate_hz
    return 44100 if rate_hz % 11025 == 0 else MAX_RATE_HZ


@dataclass
class _Tape:
    """Audio that grows without being copied: chunks are filled in turn, and freed one by one as they are joined."""

    num_channels: int
    num_samples: int = 0
    _chunks: list[Samples] = field(default_factory=list)

    @property
    def _chunk_samples(self) -> int:
        return _CHUNK_BYTES // (4 * self.num_channels)

    def append(self, samples: Samples) -> None:
        while samples.shape[1]:
            start = self.num_samples % self._chunk_samples
            if start == 0:
                self._chunks.append(np.empty((self.num_channels, self._chunk_samples), dtype=np.float32))
            piece = samples[:, : self._chunk_samples - start]
            self._chunks[-1][:, start : start + piece.shape[1]] = piece
            self.num_samples += piece.shape[1]
            samples = samples[:, piece.shape[1] :]

    def join(self) -> Samples:
        joined = np.empty((self.num_channels, self.num_samples), dtype=np.float32)
        self._chunks.reverse()
        for start in range(0, self.num_samples, self._chunk_samples):
            piece = joined[:, start : start + self._chunk_samples]
            piece[:] = self._chunks.pop()[:, : piece.shape[1]]
        return joined


@dataclass
class Mixdown:
    """Takes blocks one after another; rate and channel count of the first decide those of the result.

    A later block at another rate is resampled, one with another channel count is mixed. Raises Refused (too_long)
    as soon as more than ``max_duration_s`` has come in, and (decode) for a rate that no audio has.
    """

    max_duration_s: float
    num_nonfinite: int = 0
    duration_s: float = 0.0
    _tape: _Tape | None = None
    _rate_hz: int = 0
    _in_rate_hz: int = 0
    _resampler: Any = None

    def add_all(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            self.add(block)

    def add(self, block: Block) -> None:
        num_in, num_samples = block.samples.shape
        if num_samples == 0:
            return
        self._check(block)
        if self._tape is None:
            self._tape = _Tape(min(num_in, 2))
            self._rate_hz = output_rate_hz(block.rate_hz)
        if block.rate_hz != self._in_rate_hz:
            self._switch_rate(block.rate_hz)
        samples = self._clean(block.samples)
        matrix = mix_matrix(block.positions, num_in, self._tape.num_channels)
        self._tape.append(self._resampled(samples if matrix is None else matrix @ samples))

    def finish(self) -> Audio | None:
        """Return everything that came in; None if that was nothing."""
        if self._tape is None:
            return None
        self._switch_rate(0)
        return Audio(self._tape.join(), self._rate_hz)

    def _check(self, block: Block) -> None:
        if block.rate_hz not in _RATES_HZ:
            raise Refused(Reason.DECODE, f"a sample rate of {block.rate_hz} Hz is no audio")
        self.duration_s += block.samples.shape[1] / block.rate_hz
        if self.duration_s > self.max_duration_s:
            raise Refused(Reason.TOO_LONG, f"it goes on after the limit of {self.max_duration_s:.0f} s")

    def _clean(self, samples: Samples) -> Samples:
        broken = ~np.isfinite(samples)
        if broken.any():
            self.num_nonfinite += int(np.count_nonzero(broken))
            samples = np.where(broken, np.float32(0), samples)
        return np.clip(samples, -MAX_MAGNITUDE, MAX_MAGNITUDE)

    def _switch_rate(self, rate_hz: int) -> None:
        """Let the resampler run dry and, if needed, start one for the new rate; 0 if nothing follows."""
        assert self._tape is not None
        if self._resampler is not None:
            silence = np.zeros((0, self._tape.num_channels), dtype=np.float32)
            self._tape.append(self._resampler.resample_chunk(silence, last=True).T)
        self._in_rate_hz, self._resampler = rate_hz, None
        if rate_hz not in (0, self._rate_hz):
            import soxr

            self._resampler = soxr.ResampleStream(rate_hz, self._rate_hz, self._tape.num_channels, "float32", "HQ")

    def _resampled(self, samples: Samples) -> Samples:
        if self._resampler is None:
            return samples
        resampled: Samples = self._resampler.resample_chunk(np.ascontiguousarray(samples.T)).T
        return resampled
