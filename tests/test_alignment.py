# ruff: noqa: RUF001 - IPA looks like Latin
"""Letters found where they were put, the network against torchaudio's own, and how phonemes meet letters."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_wav2vec2
from featurizers.alignment import AcousticModel, align_letters, architecture, is_vowel, match_letters
from featurizers.weights_store import LOCATION, Store, WeightsError

WEIGHT = "wav2vec2-base-960h"
LABELS = "-|ETAONIHSRDLUMWCFGYPBVK'XJQZ"
ANYWHERE = (0, 10_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model in a store."""
    store = Store(tmp_path_factory.mktemp("weights"))
    tiny_wav2vec2.write_wav2vec2(store.path(WEIGHT))
    store.record(WEIGHT, "tiny")
    return store.path(WEIGHT)


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[AcousticModel]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(folder.parent))
        yield AcousticModel()


def labels(word: str) -> list[int]:
    return [LABELS.index(letter) for letter in word]


def dictated(path: str) -> np.ndarray:
    """Log probabilities ``(frames, 29)`` in which every frame says what the path does, with 0.9."""
    log_probs = np.full((len(path), len(LABELS)), np.log(0.1 / (len(LABELS) - 1)), np.float32)
    log_probs[np.arange(len(path)), labels(path)] = np.log(0.9)
    return log_probs


def test_spans_are_found_where_they_were_put() -> None:
    path = "---HHE--L-LLO--||--TT-H-EEE--|R-EE-"
    spans = align_letters(dictated(path), [labels("HELLO"), labels("THE"), labels("RE")], [ANYWHERE] * 3)
    assert spans == [
        [(3, 5), (5, 6), (8, 9), (10, 12), (12, 13)],
        [(19, 21), (22, 23), (24, 27)],
        [(30, 31), (32, 34)],
    ]


def test_a_word_is_looked_for_in_its_window_alone() -> None:
    path = "-LA--|-LA----|-LA---"
    words = [labels("LA"), labels("LA")]
    assert align_letters(dictated(path), words, [(6, 13), (13, 20)]) == [[(7, 8), (8, 9)], [(15, 16), (16, 17)]]
    assert align_letters(dictated(path), words, [(0, 5), (6, 13)]) == [[(1, 2), (2, 3)], [(7, 8), (8, 9)]]


@pytest.mark.parametrize("window", [(0, 4), (2, 5), (6, 9), (7, 10)])
def test_a_letter_is_never_outside_a_window_that_can_hold_it(window: tuple[int, int]) -> None:
    """However surely it is heard in frame 5, before the window or after it."""
    spans = align_letters(dictated("-----A-----"), [labels("A")], [window])
    assert spans is not None
    [[(first, stop)]] = spans
    assert window[0] <= first < stop <= window[1]


def test_what_does_not_fit_is_none() -> None:
    assert align_letters(dictated("L-L|A"), [labels("LL"), labels("A")], [ANYWHERE] * 2) is not None
    assert align_letters(dictated("L-L|"), [labels("LL"), labels("A")], [ANYWHERE] * 2) is None


def test_windows_that_cannot_hold_their_words_still_give_every_letter_a_span() -> None:
    spans = align_letters(dictated("A" * 12), [labels("HELLO"), labels("YOU")], [(0, 2), (0, 2)])
    assert spans is not None
    flat = [frame for word in spans for span in word for frame in span]
    assert len(flat) == 16
    assert flat == sorted(flat)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.text("HELO", min_size=1, max_size=6), min_size=1, max_size=4))
def test_without_windows_the_path_is_torchaudio_s(seed: int, words: list[str]) -> None:
    import torch
    from torchaudio.functional import forced_align, merge_tokens

    log_probs = np.random.default_rng(seed).normal(0, 3, (60, len(LABELS))).astype(np.float32)
    transcript = "|".join(words)
    path, scores = forced_align(torch.from_numpy(log_probs[None]), torch.tensor([labels(transcript)]))
    merged = merge_tokens(path[0], scores[0])
    expected = [(span.start, span.end) for span in merged if LABELS[span.token] != "|"]
    spans = align_letters(log_probs, [labels(word) for word in words], [ANYWHERE] * len(words))
    assert spans is not None
    assert [span for word in spans for span in word] == expected


@pytest.mark.parametrize("num_samples", [16_000, 5_333, 400])
def test_log_probabilities_are_torchaudio_s(folder: Path, model: AcousticModel, num_samples: int) -> None:
    import torch
    from torchaudio.models import wav2vec2_model

    samples = np.random.default_rng(1).normal(0, 0.1, num_samples).astype(np.float32)
    network = wav2vec2_model(**tiny_wav2vec2.SIZES, aux_num_out=32).eval()
    network.load_state_dict(torch.load(folder / tiny_wav2vec2.FILE, weights_only=True))
    with torch.inference_mode():
        logits = network(torch.from_numpy(samples[None]))[0][0]
    letters = torch.cat([logits[:, :1], logits[:, 4:]], dim=1)  # as torchaudio's bundle drops fairseq's extra outputs
    assert model(samples) == pytest.approx(torch.log_softmax(letters, dim=-1).numpy(), abs=1e-5)
    assert model(samples).shape == (1 + (num_samples - 400) // 320, 29)


def test_labels_are_those_of_the_bundle(model: AcousticModel) -> None:
    assert "".join(model.labels) == LABELS


def test_the_published_size_is_recognised() -> None:
    from torchaudio.models import wav2vec2_base
    from torchaudio.pipelines import WAV2VEC2_ASR_BASE_960H

    state = wav2vec2_base(aux_num_out=29).state_dict()
    found = architecture({tiny_wav2vec2.published_name(name): tensor for name, tensor in state.items()})
    published = WAV2VEC2_ASR_BASE_960H._params
    of_training = {name for name in published if "drop" in name}
    assert len(of_training) == 5
    assert all(found[name] == 0 for name in of_training)
    assert {**found, **{name: published[name] for name in of_training}} == published


@pytest.mark.parametrize("num_samples", [0, 1, 399])
def test_hardly_any_sound_is_one_frame(model: AcousticModel, num_samples: int) -> None:
    log_probs = model(np.zeros(num_samples, np.float32))
    assert log_probs.shape == (1, 29)
    assert np.isfinite(log_probs).all()


def test_letters_are_what_the_model_can_write(model: AcousticModel) -> None:
    assert model.letters("Café-o’clock isn't | 9") == "CAFEOCLOCKISN'T"


def test_a_missing_or_changed_weight_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path))
    with pytest.raises(WeightsError, match=WEIGHT):
        AcousticModel()
    Store(tmp_path).record(WEIGHT, "tiny", {tiny_wav2vec2.FILE: folder / tiny_wav2vec2.FILE})
    content = bytearray((folder / tiny_wav2vec2.FILE).read_bytes())
    content[5000] ^= 1
    (tmp_path / WEIGHT).mkdir()
    (tmp_path / WEIGHT / tiny_wav2vec2.FILE).write_bytes(content)
    with pytest.raises(WeightsError, match="checksum"):
        AcousticModel()


@pytest.mark.parametrize(
    ("letters", "phonemes", "positions"),
    [
        ("LOVE", "l ˈʌ v", [0, 1, 2, 4]),  # not evenly: the vowel that is held is the O
        ("THE", "ð ə", [0, 2, 3]),
        ("NIGHT", "n ˈaɪ t", [0, 1, 2, 5]),
        ("BOX", "b ˈɑ k s", [0, 1, 2, 2.5, 3]),
        ("ONE", "w ˈʌ n", [0, 0.5, 1, 3]),
        ("TYPE", "t ˈaɪ p", [0, 1, 2, 4]),  # Y is a vowel
        ("BLACK", "b l ˈæ k", [0, 1, 2, 3, 5]),  # of equal paths the diagonal one
        ("I", "ˈaɪ", [0, 1]),
        ("M", "ˈɛ m", [0, 0.5, 1]),
    ],
)
def test_phonemes_meet_their_letters(letters: str, phonemes: str, positions: list[float]) -> None:
    assert match_letters(letters, phonemes.split()).tolist() == positions


@given(st.text(LABELS[2:], min_size=1, max_size=12), st.lists(st.sampled_from("bdaiˈ"), min_size=1, max_size=12))
def test_phonemes_follow_each_other_over_the_whole_word(letters: str, phonemes: list[str]) -> None:
    positions = match_letters(letters, phonemes)
    assert len(positions) == len(phonemes) + 1
    assert positions[0] == 0
    assert positions[-1] == len(letters)
    assert (np.diff(positions) > 0).all()


@pytest.mark.parametrize(
    ("phoneme", "expected"), [("ˈoʊ", True), ("ˌæ", True), ("ɑ̃", True), ("j", False), ("ˈd͡ʒ", False), ("n̩", False)]
)
def test_vowels(phoneme: str, expected: bool) -> None:
    assert is_vowel(phoneme) == expected
