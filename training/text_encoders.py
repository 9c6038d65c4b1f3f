"""Encoders of prompts: a T5 from a local folder, or one without weights for laptops and tests. None of them trains."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.errors import SettingError

HASH = "hash"
HASH_WIDTH = 64
TOKENIZER_FILES = ("tokenizer.json", "spiece.model")
CACHED_PROMPTS = 512
PROMPTS_AT_ONCE = {"cpu": 1, "cuda": 16}

TextEncoder = Callable[[Sequence[str]], tuple[Tensor, Tensor]]
"""B texts -> float32 ``(B, L, width)``, and bool ``(B, L)``: which places count. An empty text has none."""


def load_text_encoder(name: str, device: str, max_tokens: int = 128) -> TextEncoder:
    """Load the text encoder of a name on a device; it cuts texts after ``max_tokens``.

    ``hash`` needs no weights, see ``hashed``. Everything else is the folder of a T5 (Raffel et al., 2020) in
    transformers' format. Nothing is fetched, and only safetensors are read. Raises SettingError.
    """
    if name == HASH:
        return _Cached(lambda texts: [hashed(text, max_tokens) for text in texts], HASH_WIDTH, device)
    if not Path(name).is_dir():
        raise SettingError(f"there is no text encoder {name!r}: expected {HASH}, or a folder")
    model, tokenizer = _load_t5(Path(name), device)
    return _Cached(_T5(model, tokenizer, device, max_tokens), model.config.d_model, device)


def text_width(name: str) -> int:
    """How wide the embeddings of a text encoder are, which is not loaded for that. Raises SettingError."""
    if name == HASH:
        return HASH_WIDTH
    try:
        return int(json.loads((Path(name) / "config.json").read_text())["d_model"])
    except (OSError, ValueError, KeyError) as error:
        raise SettingError(f"text encoder {name!r} is no folder with the config.json of a T5") from error


def hashed(text: str, max_tokens: int) -> Tensor:
    """A text as float32 ``(words, HASH_WIDTH)``: a word's vector is its SHA-256, brought to mean 0 and variance 1.

    The same word is the same vector everywhere, two words are as good as orthogonal, and that is all there is to it.
    """
    words = re.findall(r"\w+", text.casefold())[:max_tokens]
    digests = bytearray(b"".join(hashlib.sha256(word.encode()).digest() for word in words))
    levels = torch.tensor(digests, dtype=torch.uint8).reshape(-1, HASH_WIDTH // 2)
    halves = torch.stack([levels // 16, levels % 16], dim=2).flatten(1)
    return (halves.float() - 7.5) / math.sqrt((16**2 - 1) / 12)


class _Cached:
    """Encodes each text once, as long as it is among the last ``CACHED_PROMPTS``."""

    def __init__(self, encode: Callable[[Sequence[str]], list[Tensor]], width: int, device: str) -> None:
        self._encode, self._width, self._device = encode, width, device
        self._known: OrderedDict[str, Tensor] = OrderedDict()

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        wanted = dict.fromkeys(text for text in texts if text.strip())
        new = [text for text in wanted if text not in self._known]
        known = {text: self._known[text] for text in wanted if text in self._known}
        known |= dict(zip(new, self._encode(new), strict=True))
        for text in wanted:
            self._known[text] = known[text]
            self._known.move_to_end(text)
        while len(self._known) > CACHED_PROMPTS:
            self._known.popitem(last=False)
        return self._together([known.get(text) for text in texts])

    def _together(self, encoded: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        length = max((len(part) for part in encoded if part is not None), default=1) or 1
        text_BLD = torch.zeros(len(encoded), length, self._width, device=self._device)
        mask_BL = torch.zeros(len(encoded), length, dtype=torch.bool, device=self._device)
        for number, part in enumerate(encoded):
            if part is not None:
                text_BLD[number, : len(part)] = part
                mask_BL[number, : len(part)] = True
        return text_BLD, mask_BL


class _T5:
    """Encodes texts such that one's embedding does not depend on the others, or a resumed run would differ.

    So a CPU takes one at a time, and a GPU batches of one shape, whatever is in them.
    """

    def __init__(self, model: Any, tokenizer: Any, device: str, max_tokens: int) -> None:
        self._model, self._tokenizer, self._max_tokens = model, tokenizer, max_tokens
        self._device = torch.device(device)
        self._at_once = PROMPTS_AT_ONCE[self._device.type]

    def __call__(self, texts: Sequence[str]) -> list[Tensor]:
        starts = range(0, len(texts), self._at_once)
        return [encoded for start in starts for encoded in self._batch(texts[start : start + self._at_once])]

    @torch.no_grad()
    def _batch(self, texts: Sequence[str]) -> list[Tensor]:
        filled = [*texts, *[""] * (self._at_once - len(texts))]
        padding = "max_length" if self._at_once > 1 else False
        tokens = self._tokenizer(
            filled, padding=padding, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        ).to(self._device)
        with torch.autocast(self._device.type, enabled=False):  # whoever asks, embeddings are the same
            encoded_BLD = self._model(tokens.input_ids, tokens.attention_mask).last_hidden_state
        lengths = tokens.attention_mask.sum(dim=1).tolist()
        return [encoded_BLD[number, : lengths[number]].clone() for number in range(len(texts))]


def _load_t5(folder: Path, device: str) -> tuple[Any, Any]:
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    from transformers import AutoTokenizer, T5EncoderModel

    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise SettingError(f"text encoder {folder} has no tokenizer: {' or '.join(TOKENIZER_FILES)} is missing")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = T5EncoderModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        raise SettingError(f"text encoder {folder} can't be read: {' '.join(str(error).split())}") from error
    known, expected = len(tokenizer), model.config.vocab_size
    if not expected / 2 < known <= expected:  # transformers makes one up where it finds none
        raise SettingError(f"text encoder {folder}: its tokenizer knows {known} tokens, its model {expected}")
    return model.to(device).requires_grad_(False).eval(), tokenizer
