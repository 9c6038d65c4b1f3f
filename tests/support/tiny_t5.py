"""A T5 encoder with random weights and a tokenizer that knows a few words, in a folder as hubs lay it out."""

import io
from pathlib import Path
from typing import Literal

WORDS = "a slow sad song with piano fast happy drums sings of rain"
WIDTH = 32


def write_t5(folder: Path, tokenizer: Literal["tokenizer.json", "spiece.model"] = "tokenizer.json") -> None:
    """Write an encoder of two layers, and its tokenizer as this file."""
    import torch
    from transformers import T5Config, T5EncoderModel

    folder.mkdir(parents=True, exist_ok=True)
    vocab_size = _write_pieces(folder) if tokenizer == "spiece.model" else _write_words(folder)
    config = T5Config(
        vocab_size=vocab_size,
        d_model=WIDTH,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        initializer_factor=5.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        T5EncoderModel(config).save_pretrained(folder)


def _write_words(folder: Path) -> int:
    """Save a unigram tokenizer as transformers does, without the sentinels that T5 was trained with."""
    from transformers import T5Tokenizer

    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -8.0)]
    vocabulary = special + [(f"▁{word}", -3.0) for word in WORDS.split()]
    T5Tokenizer(vocab=vocabulary, extra_ids=0).save_pretrained(folder)
    return len(vocabulary) + 2  # T5's own embedding has some rows to spare, too


def _write_pieces(folder: Path) -> int:
    """Train a SentencePiece model; with T5's sentinels it has a hundred tokens more."""
    import sentencepiece

    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([WORDS] * 20),
        model_writer=file,
        vocab_size=24,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    (folder / "spiece.model").write_bytes(file.getvalue())
    return 24 + 100
