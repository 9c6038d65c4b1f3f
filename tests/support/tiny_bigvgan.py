"""A tiny BigVGAN-v2 in the folder layout that its authors publish, and transformers' model with the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

RATES, KERNELS = [8, 4, 2, 2, 2, 2], [16, 8, 4, 4, 4, 4]
BLOCKS, DILATIONS = [3, 5], [[1, 3, 5], [1, 2, 3]]
CHANNELS = 64


def write_bigvgan(folder: Path, **changes: Any) -> nn.Module:
    """Write ``config.json`` and ``bigvgan_generator.pt`` and return the reference, from log-mels to samples."""
    from transformers.models.qwen2_5_omni import modeling_qwen2_5_omni as reference
    from transformers.models.qwen2_5_omni.configuration_qwen2_5_omni import Qwen2_5OmniBigVGANConfig

    torch.manual_seed(0)
    sizes = {"upsample_rates": RATES, "upsample_kernel_sizes": KERNELS, "upsample_initial_channel": CHANNELS}
    blocks = {"resblock_kernel_sizes": BLOCKS, "resblock_dilation_sizes": DILATIONS}
    model = reference.Qwen2_5OmniToken2WavBigVGANModel(Qwen2_5OmniBigVGANConfig(mel_dim=128, **sizes, **blocks)).eval()
    for name, parameter in model.named_parameters():
        scale = 0.3 if name.endswith(("alpha", "beta")) else 0.7 / max(1, parameter[0].numel()) ** 0.5
        nn.init.normal_(parameter, std=scale)
    model.process_mel_spectrogram = lambda mel: mel  # its own mels are scaled in a way of their own
    folder.mkdir()
    mel = {"sampling_rate": 44100, "n_fft": 2048, "win_size": 2048, "hop_size": 512, "num_mels": 128}
    mel |= {"fmin": 0, "fmax": None}
    kind = {"resblock": "1", "activation": "snakebeta", "snake_logscale": True}
    ends = {"use_bias_at_final": False, "use_tanh_at_final": False}
    (folder / "config.json").write_text(json.dumps(sizes | blocks | mel | kind | ends | changes))
    torch.save({"generator": _as_published(model.state_dict())}, folder / "bigvgan_generator.pt")
    return model


def _as_published(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of convolutions as lengths and directions, and the constant filters beside the rest."""
    published: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name.endswith(".weight"):
            lengths = value.flatten(1).norm(dim=1).view(-1, *[1] * (value.ndim - 1))
            published |= {f"{name}_g": lengths, f"{name}_v": 3 * value}
        else:
            published[name] = value
        if name.endswith(".alpha"):
            place = name.removesuffix("act.alpha")
            published |= {
                f"{place}upsample.filter": torch.ones(1, 1, 12),
                f"{place}downsample.lowpass.filter": torch.ones(12),
            }
    return published
