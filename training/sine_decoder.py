"""Sound of the tokens of partials and noise, see ``schemas.sine_tokens``."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from schemas import sine_tokens as meaning
from schemas.sine_tokens import BANDS, HOP_SAMPLES, LEVELS, LINES, RATE_HZ

_FRAME_SAMPLES = 2 * HOP_SAMPLES


def decode_sines(tokens_BKT: Tensor) -> Tensor:
    """Return float32 ``(B, T * HOP_SAMPLES)``: overlapping frames of cosines and of shaped noise, added up.

    Partials of a pitch run on from frame to frame, because their phase is that of a clock which never stops. The noise
    is always the same. Without the last codebook there is none.
    """
    frames_BTN = sum(_line(tokens_BT) for tokens_BT in tokens_BKT[:, :LINES].unbind(dim=1))
    if tokens_BKT.shape[1] > LINES:
        frames_BTN = frames_BTN + _noise(tokens_BKT[:, LINES])
    assert isinstance(frames_BTN, Tensor)
    window_N = torch.hann_window(_FRAME_SAMPLES, dtype=torch.float64, device=tokens_BKT.device)
    windowed_BTN = frames_BTN * window_N
    first, second = windowed_BTN[:, :, :HOP_SAMPLES], windowed_BTN[:, :, HOP_SAMPLES:]
    nothing = first.new_zeros(first.shape[0], 1, HOP_SAMPLES)
    samples_BN = (torch.cat([first, nothing], dim=1) + torch.cat([nothing, second], dim=1)).flatten(1)
    start = HOP_SAMPLES // 2  # a frame's middle is that of its hop
    return samples_BN[:, start : start + tokens_BKT.shape[2] * HOP_SAMPLES].float()


def _line(tokens_BT: Tensor) -> Tensor:
    """Cosines ``(B, T, _FRAME_SAMPLES)``, not windowed."""
    pitch, level = (tokens_BT // LEVELS).double(), tokens_BT % LEVELS
    hz = meaning.LOWEST_HZ * 2 ** (pitch / meaning.PITCHES_AN_OCTAVE)
    amplitude = _amplitude(level, LEVELS, meaning.LEVEL_DB)
    first_T = torch.arange(tokens_BT.shape[1], dtype=torch.float64, device=tokens_BT.device) * HOP_SAMPLES
    time_TN = first_T[:, None] + torch.arange(_FRAME_SAMPLES, dtype=torch.float64, device=tokens_BT.device)
    return amplitude[:, :, None] * torch.cos(2 * math.pi / RATE_HZ * hz[:, :, None] * time_TN)


def _noise(tokens_BT: Tensor) -> Tensor:
    """White noise ``(B, T, _FRAME_SAMPLES)``, not windowed, of which each band has its level."""
    length = (tokens_BT.shape[1] + 1) * HOP_SAMPLES
    white_N = torch.randn(length, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spectra_TF = torch.fft.rfft(white_N.unfold(0, _FRAME_SAMPLES, HOP_SAMPLES).to(tokens_BT.device))
    hz_F = torch.fft.rfftfreq(_FRAME_SAMPLES, 1 / RATE_HZ)
    gain_BTF = torch.zeros(*tokens_BT.shape, len(hz_F), dtype=torch.float64, device=tokens_BT.device)
    rest_BT = tokens_BT
    for band in reversed(BANDS):
        rest_BT, level = rest_BT // band.levels, rest_BT % band.levels
        rms = 10 ** (meaning.LOUDEST_NOISE_DB / 20) * _amplitude(level, band.levels, band.level_db)
        inside_F = ((band.low_hz <= hz_F) & (hz_F < band.high_hz)).to(tokens_BT.device)
        gain_BTF += inside_F * (rms / inside_F.double().mean().sqrt())[:, :, None]
    noise_BTN: Tensor = torch.fft.irfft(spectra_TF * gain_BTF, n=_FRAME_SAMPLES)
    return noise_BTN


def _amplitude(level: Tensor, levels: int, level_db: float) -> Tensor:
    return torch.where(level > 0, 10 ** ((level - levels + 1) * level_db / 20), 0.0).double()
