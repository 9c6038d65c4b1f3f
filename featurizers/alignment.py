"""When each letter of known words is sung: CTC forced alignment with wav2vec 2.0.

Graves, Fernandez, Gomez and Schmidhuber, "Connectionist temporal classification" (ICML 2006); Baevski, Zhou, Mohamed
and Auli, "wav2vec 2.0" (NeurIPS 2020), as fine-tuned on LibriSpeech and published by torchaudio; torchaudio finds the
path. The model knows the letters of English.
"""

import itertools
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.device import device
from featurizers.weights_store import weight_folder

Floats = npt.NDArray[np.float32]
Span = tuple[int, int]
"""First frame, and the frame after the last."""

WEIGHT = "wav2vec2-base-960h"
LANGUAGE = "en"
RATE_HZ = 16000
FRAME_S = 0.02  # frame i is computed from samples 320 i to 320 i + 400
BLANK, SEPARATOR = "-", "|"  # labels 0 and 1
VOWELS = frozenset("aeiouyɐɑɒæɛɜɝəɚɘɪɨᵻɔʊʌʉɯøœɵɤɶɞʏ")  # noqa: RUF001 - that is IPA
VOWEL_LETTERS = frozenset("AEIOUY")
_FILE = "wav2vec2_fairseq_base_ls960_asr_ls960.pth"
_MIN_SAMPLES = 400
_STRIDES = (5, 2, 2, 2, 2, 2, 2)  # of the convolutions of every wav2vec 2.0; shapes do not tell them
_HEAD_FEATURES = 64  # nor this
_SPECIAL_ROWS = slice(1, 4)  # of fairseq's dictionary: padding, end and unknown, which were never trained
_OUTSIDE = -1000.0  # log probability of a letter in each frame outside the window of its word: a last resort


class AcousticModel:
    """The log probabilities of letters over time. Raises WeightsError if the store does not have the weight."""

    def __init__(self) -> None:
        import torch
        from torchaudio.models import wav2vec2_model
        from torchaudio.pipelines import WAV2VEC2_ASR_BASE_960H

        state = torch.load(weight_folder(WEIGHT) / _FILE, map_location="cpu", weights_only=True)
        for name in ("aux.weight", "aux.bias"):
            state[name] = torch.cat([state[name][: _SPECIAL_ROWS.start], state[name][_SPECIAL_ROWS.stop :]])
        self._device = device()
        self._network = wav2vec2_model(**architecture(state)).eval()
        self._network.load_state_dict(state)
        self._network.to(self._device)
        self.labels = {letter: label for label, letter in enumerate(WAV2VEC2_ASR_BASE_960H.get_labels())}

    def letters(self, word: str) -> str:
        """The letters of a word without accents, and apostrophes: all of it that the model knows."""
        plain = unicodedata.normalize("NFKD", word).upper()
        return "".join(letter for letter in plain if letter in self.labels and letter not in (BLANK, SEPARATOR))

    def __call__(self, samples: Floats) -> Floats:
        """Return log probabilities ``(frames, 29)`` of ``samples`` at 16 kHz, with zeros up to 25 ms if it is less."""
        import torch

        waveform = np.pad(samples, (0, max(0, _MIN_SAMPLES - len(samples))))
        with torch.inference_mode():
            logits, _ = self._network(torch.from_numpy(waveform[None]).to(self._device))
            log_probs: Floats = torch.log_softmax(logits[0], dim=-1).cpu().numpy()
        return log_probs


def architecture(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``torchaudio.models.wav2vec2_model`` for a state dict of the "base" kind of any size."""
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    kernels = [shapes[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(len(_STRIDES))]
    positions = shapes["encoder.transformer.pos_conv_embed.conv.weight_v"]
    num_features = positions[0]
    hidden = [name for name in shapes if name.endswith("feed_forward.intermediate_dense.weight")]
    return {
        "extractor_mode": "group_norm",
        "extractor_conv_layer_config": [(k[0], k[2], stride) for k, stride in zip(kernels, _STRIDES, strict=True)],
        "extractor_conv_bias": False,
        "encoder_embed_dim": num_features,
        "encoder_projection_dropout": 0.0,
        "encoder_pos_conv_kernel": positions[2],
        "encoder_pos_conv_groups": num_features // positions[1],
        "encoder_num_layers": len(hidden),
        "encoder_num_heads": num_features // _HEAD_FEATURES,
        "encoder_attention_dropout": 0.0,
        "encoder_ff_interm_features": shapes[hidden[0]][0],
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.0,
        "encoder_layer_norm_first": False,
        "encoder_layer_drop": 0.0,
        "aux_num_out": shapes["aux.bias"][0],
    }


def align_letters(
    log_probs: Floats, words: Sequence[Sequence[int]], windows: Sequence[Span]
) -> list[list[Span]] | None:
    """Return the span of every letter of every word on the most probable path; None if there are too few frames.

    ``log_probs (frames, labels)``, label 0 being the blank and 1 the separator; ``words`` are the labels of their
    letters, at least one; ``windows`` are the frames in which each may lie. One path runs through all words, with a
    separator between two.
    """
    import torch
    from torchaudio.functional import forced_align, merge_tokens

    columns, targets = _in_windows(log_probs, words, windows)
    tokens = [token for word in targets for token in (*word, 1)][:-1]
    num_repeats = sum(one == other for one, other in itertools.pairwise(tokens))
    if len(tokens) + num_repeats > len(log_probs):
        return None
    path, scores = forced_align(torch.from_numpy(columns[None]), torch.tensor([tokens]))
    spans = [(span.start, span.end) for span in merge_tokens(path[0], scores[0])]
    starts = itertools.accumulate((len(word) + 1 for word in words), initial=0)
    return [spans[start : start + len(word)] for start, word in zip(starts, words, strict=False)]


def _in_windows(
    log_probs: Floats, words: Sequence[Sequence[int]], windows: Sequence[Span]
) -> tuple[Floats, list[list[int]]]:
    """Give every word letters of its own, which are improbable outside its window.

    Returns log probabilities ``(frames, tokens)`` and the tokens of each word; token 0 is the blank, 1 the separator.
    A letter that a word repeats is one token, so that the path needs a blank between the two, as ever.
    """
    columns = [log_probs[:, 0], log_probs[:, 1]]
    targets = []
    for letters, (first, stop) in zip(words, windows, strict=True):
        outside = np.full(len(log_probs), _OUTSIDE, np.float32)
        outside[first:stop] = 0
        tokens = {letter: len(columns) + number for number, letter in enumerate(dict.fromkeys(letters))}
        columns.extend(log_probs[:, letter] + outside for letter in tokens)
        targets.append([tokens[letter] for letter in letters])
    return np.stack(columns, axis=1), targets


def match_letters(letters: str, phonemes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return where along its letters each phoneme of a word begins, and the last one ends, ``(phonemes + 1,)``.

    Dynamic time warping in which vowels meet the letters AEIOUY and consonants the others as far as can be. A phoneme
    begins with the first letter it meets; those that meet the same one first divide it evenly.
    """
    totals = np.full((len(letters) + 1, len(phonemes) + 1), np.inf)
    totals[0, 0] = 0
    for row, letter in enumerate(letters):
        for column, phoneme in enumerate(phonemes):
            cost = (letter in VOWEL_LETTERS) != is_vowel(phoneme)
            totals[row + 1, column + 1] = cost + totals[row : row + 2, column : column + 2].min()
    first_letters, sizes = np.unique(_first_rows(totals), return_counts=True)
    begun = [first + np.arange(size) / size for first, size in zip(first_letters, sizes, strict=True)]
    return np.append(np.concatenate(begun), len(letters))


def _first_rows(totals: npt.NDArray[np.float64]) -> list[int]:
    """The first row that the cheapest path meets in each column, found from its end; diagonal where costs are equal."""
    row, column = totals.shape[0] - 1, totals.shape[1] - 1
    rows = [0] * column
    while row:
        rows[column - 1] = row - 1
        steps = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(steps, key=lambda cell: float(totals[cell]))
    return rows


def is_vowel(phoneme: str) -> bool:
    """Whether an IPA symbol, with or without stress, begins as a vowel."""
    return phoneme.lstrip("ˈˌ")[:1] in VOWELS
