"""Log-mels of sound and sound of log-mels, in torch: differentiable, on any device, as ``schemas.mel_specs`` says."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from schemas.mel_specs import MelSpec

_UPDATES = 64
"""Steps from mels to magnitudes; more change less than the phases that have to be guessed."""
_MOMENTUM = 0.99
_TINY = 1e-8


def log_mel(samples_BT: Tensor, spec: MelSpec) -> Tensor:
    """Return log-mels ``(B, num_bins, T // hop_samples)``. Raises ValueError if T is not longer than the padding."""
    spectrum_BFK = (_stft(samples_BT.float(), spec).abs().square() + spec.power_offset).pow(spec.power / 2)
    mel_BMK = mel_filters(spec).to(samples_BT.device) @ spectrum_BFK
    return mel_BMK.clamp(min=spec.floor).log()


def griffin_lim(log_mel_BMK: Tensor, spec: MelSpec, iterations: int = 64, seed: int = 0) -> Tensor:
    """Return samples ``(B, frames * hop_samples)`` whose log-mels are near the given ones.

    The magnitudes are those, none negative, whose mels fit (Lee and Seung, 2001); phases start at random and are made
    consistent by the accelerated algorithm of Griffin and Lim (Perraudin, Balazs and Søndergaard, 2013). The same seed
    gives the same samples, whatever else is in the batch: what both channels have stays in the middle. Raises
    ValueError if there are too few frames for one window.
    """
    magnitudes_BFK = _magnitudes(log_mel_BMK.float(), spec)
    generator = torch.Generator().manual_seed(seed)
    turns_FK = torch.rand(magnitudes_BFK.shape[1:], generator=generator).to(magnitudes_BFK.device)
    phases = torch.polar(torch.ones_like(turns_FK), 2 * math.pi * turns_FK).expand_as(magnitudes_BFK)
    before = torch.zeros_like(phases)
    for _ in range(iterations):
        now = _stft(_sound(magnitudes_BFK * phases, spec), spec)
        moved = now + _MOMENTUM / (1 + _MOMENTUM) * (now - before)
        phases, before = moved / moved.abs().clamp(min=_TINY), now
    return _sound(magnitudes_BFK * phases, spec)


@cache
def mel_filters(spec: MelSpec) -> Tensor:
    """Return triangular filters ``(num_bins, 1 + n_fft // 2)``, of equal area as in Slaney's Auditory Toolbox."""
    lowest, highest = _mels(spec.fmin_hz, spec.mel_scale), _mels(spec.fmax_hz, spec.mel_scale)
    corners = torch.linspace(lowest, highest, spec.num_bins + 2, dtype=torch.float64)
    corners_hz = _hertz(corners, spec.mel_scale)
    lows_hz, peaks_hz, highs_hz = corners_hz[:-2, None], corners_hz[1:-1, None], corners_hz[2:, None]
    bins_hz = torch.linspace(0, spec.rate_hz / 2, 1 + spec.n_fft // 2, dtype=torch.float64)
    rising, falling = (bins_hz - lows_hz) / (peaks_hz - lows_hz), (highs_hz - bins_hz) / (highs_hz - peaks_hz)
    heights = 2 / (highs_hz - lows_hz) if spec.norm == "area" else torch.ones_like(lows_hz)
    return (torch.minimum(rising, falling).clamp(min=0) * heights).float()


# Slaney's scale is linear up to 1000 Hz, 15 mels there, and logarithmic above, 27 mels for a factor of 6.4.
_CORNER_HZ, _CORNER_MELS, _MELS_A_NEPER = 1000.0, 15.0, 27.0 / math.log(6.4)


def _mels(hz: float, scale: str) -> float:
    if scale == "htk":
        return 2595 * math.log10(1 + hz / 700)
    if hz < _CORNER_HZ:
        return hz * _CORNER_MELS / _CORNER_HZ
    return _CORNER_MELS + _MELS_A_NEPER * math.log(hz / _CORNER_HZ)


def _hertz(mels: Tensor, scale: str) -> Tensor:
    if scale == "htk":
        return 700 * (10 ** (mels / 2595) - 1)
    above = _CORNER_HZ * torch.exp((mels - _CORNER_MELS) / _MELS_A_NEPER)
    return torch.where(mels < _CORNER_MELS, mels * _CORNER_HZ / _CORNER_MELS, above)


def _stft(samples_BT: Tensor, spec: MelSpec) -> Tensor:
    """Complex ``(B, 1 + n_fft // 2, T // hop_samples)``."""
    if samples_BT.shape[1] <= spec.pad_samples:
        raise ValueError(f"the sound has {samples_BT.shape[1]} samples, a log-mel needs more than {spec.pad_samples}")
    padded = F.pad(samples_BT[:, None], (spec.pad_samples, spec.pad_samples), mode="reflect")[:, 0]
    window = torch.hann_window(spec.win_samples, device=padded.device)
    frames = torch.stft(
        padded, spec.n_fft, spec.hop_samples, spec.win_samples, window, center=False, return_complex=True
    )
    return frames[:, :, : spec.num_frames(samples_BT.shape[1])]


def _sound(spectrum_BFK: Tensor, spec: MelSpec) -> Tensor:
    """The samples whose STFT is nearest to a spectrum: overlapping frames, weighted by the window (Griffin, Lim)."""
    num_frames, surplus = spectrum_BFK.shape[2], spec.n_fft - spec.win_samples
    window = torch.hann_window(spec.win_samples, device=spectrum_BFK.device)
    window = F.pad(window, (surplus // 2, surplus - surplus // 2))
    frames_BNK = torch.fft.irfft(spectrum_BFK, n=spec.n_fft, dim=1) * window[:, None]
    weights_NK = window.square()[None, :, None].expand(1, -1, num_frames)
    length = spec.n_fft + (num_frames - 1) * spec.hop_samples
    summed, weight = (
        F.fold(frames, (1, length), (1, spec.n_fft), stride=(1, spec.hop_samples))[:, 0, 0]
        for frames in (frames_BNK, weights_NK)
    )
    inner = slice(spec.pad_samples, spec.pad_samples + num_frames * spec.hop_samples)
    return summed[:, inner] / weight[:, inner].clamp(min=_TINY)


def _magnitudes(log_mel_BMK: Tensor, spec: MelSpec) -> Tensor:
    """Magnitudes ``(B, 1 + n_fft // 2, frames)`` whose mels are nearest to these."""
    filters, mel_BMK = mel_filters(spec).to(log_mel_BMK.device), log_mel_BMK.exp()
    target_BFK = filters.T @ mel_BMK
    found_BFK = target_BFK.clone()
    for _ in range(_UPDATES):
        found_BFK = found_BFK * target_BFK / (filters.T @ (filters @ found_BFK)).clamp(min=1e-20)
    return found_BFK.pow(1 / spec.power)
