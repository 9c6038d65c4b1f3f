"""A Whisper of random weights as CTranslate2 stores it, with a tokenizer of nonsense words of three syllables.

What it writes follows from what it hears: a dozen words a chunk, one each half second, so that words have times and
texts end as a trained model's do.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from featurizers.phonemizer import GRUUT

NUM_WORDS = 4000  # of large-v3's 50,000
LANGUAGES = tuple(GRUUT)
"""That it may hear, of large-v3's hundred: a processor's rounding decides between them, and all can be pronounced."""
NUM_MELS = 128
WIDTH = 32
NUM_HEADS = 2
NUM_POSITIONS = 448
WORDS_A_CHUNK = 12
PROMPT_TOKENS = 4
END, WORD, TIME = 0, 1, slice(2, 10)  # dimensions of the embeddings that say: this ends the text, is a word, is then
PERIODS_S = (60, 20, 6, 2)  # of the four sines and cosines of TIME


def write_whisper(folder: Path) -> None:
    """Write a model with large-v3's special tokens and mel bands: any setting of the model can load it."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    folder.mkdir(parents=True, exist_ok=True)
    text, special = _text_tokens(), _special_tokens(_LANGUAGE_CODES)
    _write_model(folder, [*text, *special])
    _write_tokenizer(folder, text, special)
    extractor = {"feature_size": NUM_MELS, "sampling_rate": 16000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(extractor))


def _text_tokens() -> list[str]:
    """Every byte, words with a space before them, and the empty token, which only multilingual models have."""
    from tokenizers.pre_tokenizers import ByteLevel

    syllables = [consonant + vowel for consonant in "bdfghjklmnprstvwz" for vowel in "aeiou"]
    words = ["Ġ" + "".join(three) for three in itertools.product(syllables, repeat=3)]
    return [*sorted(ByteLevel.alphabet()), *words[:: len(words) // NUM_WORDS], ""]


def _special_tokens(languages: tuple[str, ...]) -> list[str]:
    """The 1609 tokens after the text, in large-v3's order."""
    tasks = ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    names = ["endoftext", "startoftranscript", *languages, *tasks, *(f"{step / 50:.2f}" for step in range(1501))]
    return [f"<|{name}|>" for name in names]


def _write_tokenizer(folder: Path, text: list[str], special: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(text)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def _write_model(folder: Path, tokens: list[str]) -> None:
    from ctranslate2.specs import WhisperSpec

    spec = WhisperSpec(1, NUM_HEADS, 1, NUM_HEADS)
    random = np.random.default_rng(5)
    _fill_encoder(spec.encoder, random)
    _fill_decoder(spec.decoder, _embeddings(tokens, random), random)
    ids = {token: index for index, token in enumerate(tokens)}
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [ids["<|endoftext|>"]]
    spec.config.lang_ids = [ids[f"<|{language}|>"] for language in LANGUAGES]
    spec.config.alignment_heads = [(0, head) for head in range(NUM_HEADS)]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))


def _embeddings(tokens: list[str], random: np.random.Generator) -> np.ndarray:
    """``(tokens, 32)``, also what turns the decoder's output into logits."""
    weights = random.standard_normal((len(tokens), WIDTH)).astype(np.float32)
    weights[:, END] = 0
    weights[:, WORD] = [4 if token.startswith("Ġ") and len(token) > 1 else -4 for token in tokens]
    weights[tokens.index("<|endoftext|>")] = [20 if dimension == END else 0 for dimension in range(WIDTH)]
    return weights


def _fill_encoder(encoder: Any, random: np.random.Generator) -> None:
    for conv, num_inputs in ((encoder.conv1, NUM_MELS), (encoder.conv2, WIDTH)):
        conv.weight = _normal(random, WIDTH, num_inputs, 3)
        conv.bias = np.zeros(WIDTH, np.float32)
    positions = _normal(random, 1500, WIDTH)
    positions[:, TIME] = 3 * _times(np.arange(1500) / 50)
    encoder.position_encodings.encodings = positions
    _fill_norm(encoder.layer_norm)
    for layer in encoder.layer:
        _fill_layer(layer, random)


def _fill_decoder(decoder: Any, embeddings: np.ndarray, random: np.random.Generator) -> None:
    decoder.embeddings.weight = decoder.projection.weight = embeddings
    positions = 4 * random.standard_normal((NUM_POSITIONS, WIDTH)).astype(np.float32)
    positions[:, TIME] = 8 * _times((np.arange(NUM_POSITIONS) - PROMPT_TOKENS + 1) / 2)
    positions[:, WORD] = 8
    positions[:, END] = np.where(np.arange(NUM_POSITIONS) < PROMPT_TOKENS - 1 + WORDS_A_CHUNK, -10, 1000)
    decoder.position_encodings.encodings = positions
    _fill_norm(decoder.layer_norm)
    for layer in decoder.layer:
        _fill_layer(layer, random)
        _fill_attention(layer.attention, random, (1, 2, 1))
        for linear in layer.attention.linear[:2]:  # a word's query finds the keys of its time, in every head
            for row, dimension in itertools.product(range(0, WIDTH, WIDTH // NUM_HEADS), range(8)):
                linear.weight[row + dimension] = 4 * (np.arange(WIDTH) == TIME.start + dimension)


def _times(time_s: np.ndarray) -> np.ndarray:
    """Sines and cosines of times ``(n,)`` as ``(n, 8)``."""
    phases = 2 * np.pi * time_s[:, None] / PERIODS_S
    return np.hstack([np.sin(phases), np.cos(phases)])


def _fill_layer(layer: Any, random: np.random.Generator) -> None:
    _fill_attention(layer.self_attention, random, (3, 1))
    _fill_norm(layer.ffn.layer_norm)
    _fill_linear(layer.ffn.linear_0, random, 2 * WIDTH, WIDTH)
    _fill_linear(layer.ffn.linear_1, random, WIDTH, 2 * WIDTH)


def _fill_attention(attention: Any, random: np.random.Generator, widths: tuple[int, ...]) -> None:
    """``widths`` are the outputs of its linear layers, in widths of the model: queries, keys and values may be one."""
    _fill_norm(attention.layer_norm)
    for linear, width in zip(attention.linear, widths, strict=True):
        _fill_linear(linear, random, width * WIDTH, WIDTH)


def _fill_linear(linear: Any, random: np.random.Generator, num_outputs: int, num_inputs: int) -> None:
    linear.weight = 2 * _normal(random, num_outputs, num_inputs)
    linear.bias = np.zeros(num_outputs, np.float32)


def _fill_norm(norm: Any) -> None:
    norm.gamma, norm.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def _normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Normal values scaled to the number of inputs."""
    return random.standard_normal(shape).astype(np.float32) / np.sqrt(np.prod(shape[1:])).astype(np.float32)
