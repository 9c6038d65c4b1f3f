"""Text encoders: what T5 makes of a prompt, alone or among others, and clear words for what cannot be loaded."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tiny_t5 import WIDTH, write_t5
from training.errors import SettingError
from training.text_encoders import CACHED_PROMPTS, HASH_WIDTH, PROMPTS_AT_ONCE, load_text_encoder

PROMPTS = ("a slow sad song", "", "fast drums", "a slow sad song", " \n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "tiny-t5"
    write_t5(folder)
    return folder


def test_t5_says_what_transformers_says(folder: Path) -> None:
    from transformers import AutoTokenizer, T5EncoderModel

    text, mask = load_text_encoder(str(folder), "cpu")(PROMPTS)
    assert text.shape == (5, 5, WIDTH)
    assert mask.sum(dim=1).tolist() == [5, 0, 3, 5, 0]
    tokens = AutoTokenizer.from_pretrained(folder)(["a slow sad song", "fast drums"], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = T5EncoderModel.from_pretrained(folder).eval()(**tokens).last_hidden_state
    assert torch.allclose(text[0], expected[0], atol=1e-5)
    assert torch.allclose(text[2, :3], expected[1, :3], atol=1e-5)
    assert torch.equal(text[3], text[0])
    assert not text[~mask].any()
    assert not torch.allclose(text[0, 0], text[2, 0], atol=1e-2)
    assert not text.requires_grad


def test_a_prompt_is_the_same_to_the_bit_whatever_is_beside_it_and_whoever_asks(folder: Path) -> None:
    encode = load_text_encoder(str(folder), "cpu")
    with torch.autocast("cpu", torch.bfloat16):
        together, _ = encode(["fast drums", "a slow sad song with piano"])
    alone, _ = load_text_encoder(str(folder), "cpu")(["fast drums"])
    again, _ = encode(["fast drums"])
    assert alone.dtype == torch.float32
    assert torch.equal(together[0, :3], alone[0])
    assert torch.equal(again, alone)


def test_prompts_in_batches_are_what_they_are_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: batches of one shape, filled up with nothing."""
    prompts = ["a slow sad song", "fast drums", "rain", "a happy song of piano"]
    alone, mask = load_text_encoder(str(folder), "cpu", max_tokens=8)(prompts)
    monkeypatch.setitem(PROMPTS_AT_ONCE, "cpu", 3)
    together, same_mask = load_text_encoder(str(folder), "cpu", max_tokens=8)(prompts)
    assert torch.equal(mask, same_mask)
    assert torch.allclose(alone, together, atol=1e-5)


def test_a_name_that_is_no_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUZE_WEIGHTS", str(folder.parent))  # where weights are is for the caller to say
    with pytest.raises(SettingError, match=r"^there is no text encoder 'tiny-t5': expected hash, or a folder$"):
        load_text_encoder("tiny-t5", "cpu")


def test_a_sentencepiece_file_will_do(tmp_path: Path) -> None:
    write_t5(tmp_path, "spiece.model")
    _, mask = load_text_encoder(str(tmp_path), "cpu")(["a slow sad song", "song"])
    assert mask[0].sum() > mask[1].sum() > 1


def test_a_tokenizer_that_is_missing_or_odd_is_refused(folder: Path, tmp_path: Path) -> None:
    """Without the check every prompt would be the same: transformers makes up a tokenizer that knows no word."""
    without = shutil.copytree(folder, tmp_path / "without", ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(SettingError, match=r"has no tokenizer: tokenizer.json or spiece.model is missing$"):
        load_text_encoder(str(without), "cpu")
    (without / "tokenizer.json").write_text("{}")
    with pytest.raises(SettingError, match=rf"^text encoder {without} can't be read: "):
        load_text_encoder(str(without), "cpu")
    few = shutil.copytree(folder, tmp_path / "few")
    tokenizer = json.loads((few / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] = tokenizer["model"]["vocab"][:5]
    (few / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(SettingError, match=r"its tokenizer knows 5 tokens, its model 18$"):
        load_text_encoder(str(few), "cpu")


def test_weights_that_are_missing_are_an_error_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    without = shutil.copytree(folder, tmp_path / "without", ignore=shutil.ignore_patterns("*.safetensors"))
    torch.save({}, without / "pytorch_model.bin")  # could run code when read
    with pytest.raises(SettingError, match=rf"^text encoder {without} can't be read: [^\n]*$"):
        load_text_encoder(str(without), "cpu")


def test_hashed_words() -> None:
    encode = load_text_encoder("hash", "cpu", max_tokens=4)
    text, mask = encode(("A slow, slow song of rain!", "", "slow"))
    assert text.shape == (3, 4, HASH_WIDTH)
    assert mask.sum(dim=1).tolist() == [4, 0, 1]
    assert torch.equal(text[0, 1], text[0, 2])
    assert torch.equal(text[0, 1], text[2, 0])
    digest_of_a = [0xCA, 0x97, 0x81, 0x12]  # sha256 of "a" begins with that
    levels = [level for byte in digest_of_a for level in (byte // 16, byte % 16)]
    assert torch.allclose(text[0, 0, :8] * (255 / 12) ** 0.5 + 7.5, torch.tensor(levels).float(), atol=1e-4)
    words, _ = load_text_encoder("hash", "cpu", max_tokens=500)([" ".join(map(str, range(500)))])
    assert abs(words.mean()) < 0.02
    assert words.var() == pytest.approx(1, abs=0.02)
    likeness = torch.nn.functional.normalize(words[0], dim=1) @ torch.nn.functional.normalize(words[0], dim=1).T
    assert (likeness - torch.eye(500)).abs().max() < 0.7


def test_it_remembers_the_last_prompts_only(folder: Path) -> None:
    encode = load_text_encoder("hash", "cpu")
    first, _ = encode(["song"])
    for start in range(0, 2 * CACHED_PROMPTS, 100):
        encode([str(number) for number in range(start, start + 100)])
    assert len(encode._known) == CACHED_PROMPTS
    assert torch.equal(encode(["song"])[0], first)
