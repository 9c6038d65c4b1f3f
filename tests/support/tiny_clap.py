"""LAION-CLAP checkpoints with random weights, and the tokenizers that come with them, as their hubs lay them out."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from featurizers.clap_model import CHECKPOINTS, Model, build, weight_names

WORDS = "a slow sad song with piano fast happy drums sings of rain"
TINY_CONFIG = {
    "embed_dim": 64,
    "audio_cfg": {
        "audio_length": 1024,
        "clip_samples": 480000,
        "mel_bins": 64,
        "sample_rate": 48000,
        "window_size": 1024,
        "hop_size": 480,
        "fmin": 50,
        "fmax": 14000,
        "class_num": 2,
        "model_type": "HTSAT",
        "model_name": "tiny",
    },
    "text_cfg": {"context_length": 77, "vocab_size": 1, "width": 1, "heads": 1, "layers": 1},
    "htsat": {"embed_dim": 8, "depths": [2, 1, 1, 1], "num_heads": [1, 2, 2, 4]},
}
"""In LAION's form; the text tower's size is RoBERTa's, whatever it says here."""

CONSTANTS = ("extractor", "attn_mask")  # spectrograms and shifted windows


def write_clap(store_root: Path, model: Model = "music-audioset", *, tiny: bool = True) -> tuple[str, ...]:
    """Write the weight folders that a model needs and return their names; not tiny has LAION's own audio tower."""
    names = weight_names(model)
    folder, roberta = (store_root / name for name in names)
    folder.mkdir(parents=True, exist_ok=True)
    write_roberta(roberta)
    if tiny:
        (folder / "model_config.json").write_text(json.dumps(TINY_CONFIG))
    file, audio_tower = CHECKPOINTS[model]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        torch.save(_checkpoint(build(folder, audio_tower, roberta)), folder / file)
    return names


def write_roberta(folder: Path) -> None:
    """A byte-level tokenizer that knows a few words, and the configuration of a text tower of one small layer."""
    from transformers import RobertaConfig, RobertaTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = _byte_pairs()
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    RobertaTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 512}')
    RobertaConfig(
        vocab_size=len(vocabulary),
        num_hidden_layers=1,
        intermediate_size=32,
        max_position_embeddings=80,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    ).save_pretrained(folder)


def _byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges: every byte, and every word of WORDS built up letter by letter."""
    from tokenizers.pre_tokenizers import ByteLevel

    merges = []
    for word in WORDS.split():
        merges += [(f"Ġ{word}"[:length], letter) for length, letter in enumerate(word, start=1)]
    merges = list(dict.fromkeys(merges))
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), *(a + b for a, b in merges), "<mask>"]
    return {token: index for index, token in enumerate(tokens)}, merges


def _checkpoint(network: Any) -> dict[str, Any]:
    """What LAION's training saves, with large tensors that are small in the file."""
    state = {f"module.{name}": _varied(name, tensor) for name, tensor in network.state_dict().items()}
    positions = network.text_branch.config.max_position_embeddings
    state["module.text_branch.embeddings.position_ids"] = torch.arange(positions)[None]
    return {"epoch": 15, "name": "tiny", "best": np.float64(0.5), "state_dict": state, "optimizer": {"state": {}}}


def _varied(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Random weights scaled to their inputs. Neighbouring rows overlap in memory, so in the file they cost little."""
    if not tensor.is_floating_point() or tensor.ndim < 2 or any(part in name for part in CONSTANTS):
        return tensor
    strides = (7, *tensor.stride()[1:])
    length = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, strides, strict=True))
    values = torch.randn(length) / tensor[0].numel() ** 0.5
    return values.as_strided(tensor.shape, strides)


@contextmanager
def laion_clap(folder: Path) -> Iterator[Any]:
    """The library itself, imported as its users do; what it takes from hubs lies in ``folder``, which becomes the cwd.

    A hub name that is a relative path of a folder is read from there.
    """
    from transformers import BertTokenizer, RobertaConfig, RobertaModel

    write_roberta(folder / "roberta-base")
    RobertaModel(RobertaConfig.from_pretrained(folder / "roberta-base")).save_pretrained(folder / "roberta-base")
    write_roberta(folder / "facebook" / "bart-base")
    vocabulary = {token: index for index, token in enumerate(("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"))}
    BertTokenizer(vocab=vocabulary).save_pretrained(folder / "bert-base-uncased")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies', at import
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))  # restores all of sys.path in the end
        import laion_clap as library

        yield library
