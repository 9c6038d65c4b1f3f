"""A wav2vec 2.0 for letters with random weights, in the file that torchaudio publishes."""

from pathlib import Path
from typing import Any

FILE = "wav2vec2_fairseq_base_ls960_asr_ls960.pth"
SIZES: dict[str, Any] = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(16, kernel, stride) for kernel, stride in [(10, 5), *[(3, 2)] * 4, *[(2, 2)] * 2]],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 128,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 128,
    "encoder_pos_conv_groups": 16,
    "encoder_num_layers": 2,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 64,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.05,
}


def write_wav2vec2(folder: Path) -> None:
    """Write the state dict of a small model: with the old names of weight norm, and fairseq's four special outputs."""
    import torch
    from torchaudio.models import wav2vec2_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = wav2vec2_model(**SIZES, aux_num_out=32).state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({published_name(name): tensor for name, tensor in state.items()}, folder / FILE)


def published_name(name: str) -> str:
    """What torch called a tensor when the file was published."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    for new_part, old_part in old.items():
        name = name.replace(new_part, old_part)
    return name
