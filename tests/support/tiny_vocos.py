"""A tiny Vocos with random weights in the folder layout that its author publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from schemas.mel_specs import MEL_SPECS, MelSpec

WIDTH, LAYERS = 32, 2


def write_vocos(folder: Path, spec: MelSpec = MEL_SPECS["24k"], **parts: dict[str, Any]) -> nn.Module:
    """Write ``config.yaml`` and ``pytorch_model.bin`` and return the package's model; ``parts`` change the former."""
    from vocos import Vocos

    padding = "center" if spec.padding == "reflect-centred" else "same"
    frames = {"n_fft": spec.n_fft, "hop_length": spec.hop_samples, "padding": padding}
    made = {
        "feature_extractor": {
            "class_path": "vocos.feature_extractors.MelSpectrogramFeatures",
            "init_args": {"sample_rate": spec.rate_hz, "n_mels": spec.num_bins, **frames},
        },
        "backbone": {
            "class_path": "vocos.models.VocosBackbone",
            "init_args": {
                "input_channels": spec.num_bins,
                "dim": WIDTH,
                "intermediate_dim": 2 * WIDTH,
                "num_layers": LAYERS,
            },
        },
        "head": {"class_path": "vocos.heads.ISTFTHead", "init_args": {"dim": WIDTH, **frames}},
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(made))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: nn.Module = Vocos.from_hparams(str(folder / "config.yaml")).eval()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "config.yaml").write_text(yaml.safe_dump(made | parts))
    return model
