"""Randomly initialised Demucs models, a few kilobytes each, in the files that its hub repositories hold."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

FOUR = ("drums", "bass", "other", "vocals")
SEGMENT_S = Fraction(1, 2)


def write_htdemucs(folder: Path) -> None:
    _write_bag(folder, "htdemucs", FOUR, ["955717e8"])


def write_htdemucs_6s(folder: Path) -> None:
    _write_bag(folder, "htdemucs_6s", (*FOUR, "guitar", "piano"), ["5c90dfd2"])


def write_htdemucs_ft(folder: Path) -> None:
    """Four models, each of which counts for one source alone."""
    one_each = "weights: [\n  [1., 0., 0., 0.],\n  [0., 1., 0., 0.],\n  [0., 0., 1., 0.],\n  [0., 0., 0., 1.],\n]"
    _write_bag(folder, "htdemucs_ft", FOUR, ["f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d"], one_each)


def _write_bag(folder: Path, name: str, sources: Sequence[str], signatures: list[str], weights: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, signature in enumerate(signatures):
        _write_model(folder / f"{signature}.safetensors", sources, seed)
    (folder / f"{name}.yaml").write_text(f"models: {signatures}\n{weights}")


def _write_model(path: Path, sources: Sequence[str], seed: int) -> None:
    """A model with all parts of the real one, and as little of each as it allows."""
    import torch
    from demucs.htdemucs import HTDemucs
    from safetensors.torch import save_file

    settings: dict[str, Any] = {
        "sources": list(sources),
        "channels": 4,
        "growth": 1,
        "dconv_comp": 4,
        "t_layers": 1,
        "t_heads": 2,
        "t_hidden_scale": 1.0,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = HTDemucs(**settings, segment=SEGMENT_S)
    with torch.no_grad():  # fresh weights make stems that are hardly there
        for last in (model.decoder[-1], model.tdecoder[-1]):
            last.conv_tr.weight *= 10
    settings["segment"] = {"_type": "fraction", "numerator": SEGMENT_S.numerator, "denominator": SEGMENT_S.denominator}
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(settings)}
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, path, metadata=metadata)
