"""Audio codecs with random weights, in folders as transformers saves them."""

from pathlib import Path

RATE_HZ = 8000
CODEBOOK_SIZE = 16


def write_codec(folder: Path, name: str = "encodec-32khz", codebooks: int = 4) -> None:
    """Write a codec of 20 samples a frame for EnCodec, and 16 for DAC, with ``codebooks`` of ``CODEBOOK_SIZE``."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        if name == "dac-44khz":
            _write_dac(folder, codebooks)
        else:
            _write_encodec(folder, codebooks)


def _write_encodec(folder: Path, codebooks: int) -> None:
    from torch import nn
    from transformers import EncodecConfig, EncodecModel

    config = EncodecConfig(
        target_bandwidths=[codebooks * 4 * RATE_HZ / 20 / 1000],
        sampling_rate=RATE_HZ,
        upsampling_ratios=[5, 4],
        hidden_size=8,
        num_filters=4,
        num_lstm_layers=1,
        codebook_size=CODEBOOK_SIZE,
        use_causal_conv=False,
        use_conv_shortcut=False,
    )
    model = EncodecModel(config)
    for layer in model.quantizer.layers:
        nn.init.normal_(layer.codebook.embed, std=0.05)  # a codebook of zeros has but one nearest entry
    model.save_pretrained(folder)


def _write_dac(folder: Path, codebooks: int) -> None:
    from torch import nn
    from transformers import DacConfig, DacModel

    config = DacConfig(
        encoder_hidden_size=4,
        downsampling_ratios=[2, 8],
        decoder_hidden_size=16,
        n_codebooks=codebooks,
        codebook_size=CODEBOOK_SIZE,
        codebook_dim=4,
        sampling_rate=RATE_HZ,
    )
    model = DacModel(config)
    for weight in model.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    model.save_pretrained(folder)
