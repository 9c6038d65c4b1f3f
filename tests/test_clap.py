"""CLAP against LAION's library called directly, against transformers' own CLAP, and what must not change it."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers import clap, clap_model
from featurizers.audio import Sound
from featurizers.batching import Batches
from featurizers.clap import BATCH_WINDOWS, GENRES, RATE_HZ, WINDOW_SAMPLES, Clap, cut_windows, embed
from featurizers.clap_model import load_text_tower, read_state
from featurizers.clap_text import ClapText
from featurizers.featurizer import Extract, Inputs
from featurizers.weights_store import Store, WeightsError
from schemas.fragments.clap import CLAP
from schemas.fragments.clap_text import CLAP_TEXT
from tiny_clap import TINY_CONFIG, laion_clap, write_clap
from voices import inputs

PROMPTS = ["a slow sad song with piano", "fast happy drums", "rain"]


def write_store(root: Path, **options: Any) -> None:
    for name in write_clap(root, **options):
        Store(root).record(name, "tiny")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("weights")
    write_store(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUZE_WEIGHTS", str(root))
        yield root


@pytest.fixture(scope="module")
def extract(store: Path) -> Extract:
    return Clap(windows=True).load()


@pytest.fixture(scope="module")
def extract_text(store: Path) -> Extract:
    return ClapText().load()


def music(duration_s: float, seed: int = 0) -> np.ndarray:
    """Noise whose colour and level wander, so that no two windows are alike."""
    rng = np.random.default_rng(seed)
    num_samples = round(duration_s * RATE_HZ)
    time_s = np.arange(num_samples) / RATE_HZ
    tone = np.sin(2 * np.pi * (100 * time_s + 15 * time_s**2))
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * time_s / 7 + seed)
    return (0.2 * swell * (tone + rng.standard_normal(num_samples))).astype(np.float32)


def features_of(extract: Extract, samples: np.ndarray, rate_hz: int = RATE_HZ) -> dict[str, Any]:
    (features,) = extract([inputs(samples, rate_hz)])
    return features


def prompted(prompt: str | None) -> Inputs:
    return Inputs(Sound({}), {"prompt": prompt})


def embed_prompts(extract_text: Extract, *prompts: str | None) -> list[Any]:
    return [row["clap_text_embedding"] for row in extract_text([prompted(prompt) for prompt in prompts])]


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_the_embeddings_are_the_library_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the full size of LAION's smaller audio tower, from the same checkpoint."""
    monkeypatch.setenv("MUZE_WEIGHTS", str(tmp_path))
    write_store(tmp_path, model="630k-audioset", tiny=False)
    long, short = 2 * music(17), music(3.3)  # the long one is partly over full scale
    extract = Clap("630k-audioset", windows=True).load()
    found, found_short = features_of(extract, long), features_of(extract, short)
    found_text = embed_prompts(ClapText("630k-audioset").load(), *PROMPTS)
    with laion_clap(tmp_path / "hubs") as library:
        module = library.CLAP_Module(enable_fusion=False, device="cpu", amodel="HTSAT-tiny")
        module.load_ckpt(str(tmp_path / "clap-630k-audioset" / "630k-audioset-best.pt"), verbose=False)
        cuts = [long[:WINDOW_SAMPLES], long[-WINDOW_SAMPLES:], short]
        expected = [module.get_audio_embedding_from_data(x=cut[None], use_tensor=False)[0] for cut in cuts]
        expected_text = module.get_text_embedding(PROMPTS)
        genre_texts = module.get_text_embedding([f"This audio is a {genre} song." for genre in GENRES])
        scale = module.model.logit_scale_a.exp().item()
    assert np.array(found["clap_windows"]) == pytest.approx(np.array(expected[:2]), abs=1e-6)
    assert np.array(found["clap_audio_embedding"]) == pytest.approx(unit(expected[0] + expected[1]), abs=1e-6)
    assert np.array(found_short["clap_audio_embedding"]) == pytest.approx(expected[2], abs=1e-6)
    assert np.array(found_text) == pytest.approx(expected_text, abs=1e-6)
    assert in_order_of_genres(found) == pytest.approx(softmax(scale * genre_texts @ unit(sum(expected[:2]))), abs=1e-5)
    assert np.linalg.norm(expected[0] - expected[2]) > 1e-3
    assert np.linalg.norm(expected_text[0] - expected_text[1]) > 1e-3


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(np.float64(logits))
    return powers / powers.sum()


def in_order_of_genres(features: dict[str, Any]) -> list[float]:
    scores = {row["genre"]: row["score"] for row in features["clap_genres"]}
    return [scores[genre] for genre in GENRES]


def transformers_clap(checkpoint: Path, roberta: Path) -> Any:
    """transformers' own implementation, with the weights of a tiny checkpoint."""
    from transformers import ClapAudioConfig, ClapConfig, ClapModel, ClapTextConfig

    size = TINY_CONFIG["htsat"]
    text = ClapTextConfig(**json.loads((roberta / "config.json").read_text()))
    audio = ClapAudioConfig(
        patch_embeds_hidden_size=size["embed_dim"],
        hidden_size=TINY_CONFIG["embed_dim"],
        depths=size["depths"],
        num_attention_heads=size["num_heads"],
    )
    model = ClapModel(ClapConfig(text_config=text, audio_config=audio)).eval()
    state = dict(
        renamed for name, tensor in read_state(checkpoint).items() for renamed in in_transformers(name, tensor)
    )
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected
    assert {name.split(".")[-1] for name in missing} == {"position_ids", "token_type_ids"}  # constants
    return model


def in_transformers(name: str, tensor: Any) -> Iterator[tuple[str, Any]]:
    """The names of one of LAION's tensors in transformers, with its share of the values."""
    if any(part in name for part in ("extractor", "tscam_conv", "head", "_transform", "attn_mask")):
        return
    for ours, theirs in RENAMED.items():
        name = name.replace(ours, theirs)
    if "attn.qkv" not in name:
        yield name, tensor
        return
    for part, values in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
        yield name.replace("attn.qkv", f"attention.self.{part}"), values


RENAMED = {
    "text_branch.": "text_model.",
    "audio_branch.": "audio_model.audio_encoder.",
    "bn0": "batch_norm",
    "projection.0": "projection.linear1",
    "projection.2": "projection.linear2",
    "attn.proj": "attention.output.dense",
    "attn.relative": "attention.self.relative",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def test_transformers_own_clap_agrees(store: Path, extract: Extract, extract_text: Extract) -> None:
    import torch
    from transformers import ClapFeatureExtractor, RobertaTokenizer

    checkpoint = next((store / "clap-music-audioset").glob("*.pt"))
    oracle = transformers_clap(checkpoint, store / "roberta-base")
    samples = music(10)
    heard = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc", padding="repeatpad")(
        np.trunc(samples * 32767) / 32767, sampling_rate=RATE_HZ, return_tensors="pt"
    )
    tokenizer = RobertaTokenizer.from_pretrained(store / "roberta-base")
    read = tokenizer(PROMPTS, padding=True, return_tensors="pt")
    genres = tokenizer([f"This audio is a {genre} song." for genre in GENRES], padding=True, return_tensors="pt")
    with torch.inference_mode():
        audio = oracle.get_audio_features(**heard).pooler_output[0].numpy()
        texts = oracle.get_text_features(**read).pooler_output.numpy()
        probabilities = oracle(**genres, **heard).logits_per_audio.softmax(dim=-1)[0].numpy()
    found = features_of(extract, samples)
    assert np.array(found["clap_audio_embedding"]) == pytest.approx(unit(audio), abs=1e-5)
    assert in_order_of_genres(found) == pytest.approx(probabilities, abs=1e-5)
    assert np.ptp(probabilities) > 0.005
    for embedding, text in zip(embed_prompts(extract_text, *PROMPTS), texts, strict=True):
        assert np.array(embedding) == pytest.approx(unit(text), abs=1e-5)


@given(st.integers(0, 4 * WINDOW_SAMPLES))
def test_windows_cover_the_track_and_stay_within_it(num_samples: int) -> None:
    samples = np.arange(num_samples)
    cuts = list(cut_windows(samples))
    if num_samples < 0.4 * RATE_HZ:
        assert cuts == []
        return
    assert {len(cut) for cut in cuts} == {min(num_samples, WINDOW_SAMPLES)}
    assert cuts[0][0] == 0
    assert cuts[-1][-1] == num_samples - 1
    assert all(cut[0] == index * WINDOW_SAMPLES for index, cut in enumerate(cuts[:-1]))
    assert all(after[0] <= before[-1] + 1 for before, after in pairwise(cuts))


def test_a_long_track_is_embedded_a_few_windows_at_a_time() -> None:
    sizes = []

    def tower(windows: np.ndarray) -> np.ndarray:
        sizes.append(len(windows))
        return np.ones((len(windows), 512), np.float32)

    five_minutes = np.resize(np.float32([0.1, -0.1]), 30 * WINDOW_SAMPLES)
    assert len(embed(tower, Batches(BATCH_WINDOWS), five_minutes)) == 30
    assert sum(sizes) == 30
    assert max(sizes) <= BATCH_WINDOWS


def test_batches_do_not_show(store: Path, extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = music(38)
    whole = features_of(extract, samples)
    monkeypatch.setattr(clap, "BATCH_WINDOWS", 1)
    single = features_of(Clap(windows=True).load(), samples)
    assert np.array(single["clap_windows"]) == pytest.approx(np.array(whole["clap_windows"]), abs=1e-6)
    assert single["clap_audio_embedding"] == pytest.approx(whole["clap_audio_embedding"], abs=1e-6)


def test_unit_length_and_determinism_where_the_library_crops_at_random(extract: Extract) -> None:
    first, second = features_of(extract, music(25)), features_of(extract, music(25))
    assert first == second
    assert len(first["clap_windows"]) == 3
    for embedding in (first["clap_audio_embedding"], *first["clap_windows"]):
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-6)


def test_silent_windows_do_not_count(extract: Extract) -> None:
    samples = music(20)
    gap = np.concatenate([samples[:WINDOW_SAMPLES], np.full(WINDOW_SAMPLES, 0.3, np.float32), samples[WINDOW_SAMPLES:]])
    whole, parted = features_of(extract, samples), features_of(extract, gap)
    assert [window is None for window in parted["clap_windows"]] == [False, True, False]
    assert parted["clap_audio_embedding"] == pytest.approx(whole["clap_audio_embedding"], abs=1e-6)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(RATE_HZ), np.full(RATE_HZ, 0.5), 1e-5 * music(12), music(0.39), np.zeros(1), np.zeros(0)],
    ids=["silence", "DC", "faint", "0.39 s", "one sample", "0"],
)
def test_nothing_to_embed_is_null(extract: Extract, samples: np.ndarray) -> None:
    features = features_of(extract, samples)
    assert features["clap_audio_embedding"] is None
    assert features["clap_genres"] is None
    assert not any(features["clap_windows"])


@pytest.mark.parametrize(("rate_hz", "num_channels"), [(8000, 1), (44100, 2)])
def test_other_rates_and_channels(extract: Extract, rate_hz: int, num_channels: int) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(rate_hz) / rate_hz)
    found = features_of(extract, np.tile(tone, (num_channels, 1)), rate_hz)
    assert np.linalg.norm(found["clap_audio_embedding"]) == pytest.approx(1, abs=1e-6)


def test_prompts_are_told_apart_and_batches_do_not_show(extract_text: Extract) -> None:
    together = embed_prompts(extract_text, *PROMPTS)
    apart = [embedding for prompt in PROMPTS for embedding in embed_prompts(extract_text, prompt)]
    assert np.array(together) == pytest.approx(np.array(apart), abs=1e-6)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-6)
    assert all(np.linalg.norm(np.subtract(one, other)) > 1e-3 for one, other in combinations(together, 2))


def test_without_a_prompt_there_is_no_embedding(extract_text: Extract) -> None:
    found = embed_prompts(extract_text, "", "fast happy drums", None, " ")
    assert [embedding is None for embedding in found] == [True, False, True, True]
    assert embed_prompts(extract_text, None) == [None]


def test_a_prompt_counts_up_to_77_tokens(extract_text: Extract) -> None:
    long, longer = embed_prompts(extract_text, "rain " * 90, "rain " * 300)
    assert long == pytest.approx(longer, abs=1e-6)


def test_rows_fit_their_fragments(store: Path, extract: Extract, extract_text: Extract) -> None:
    rows = extract([inputs(music(12), RATE_HZ), inputs(np.zeros(RATE_HZ), RATE_HZ)])
    rows.append(rows[0] | {"clap_windows": None})
    table = pa.Table.from_pylist([{"track_id": str(i), **row} for i, row in enumerate(rows)], schema=CLAP.schema)
    assert set(rows[0]) == set(CLAP.names)
    assert table["clap_audio_embedding"].null_count == table["clap_genres"].null_count == 1
    assert table["clap_windows"].null_count == 1
    text_rows = extract_text([prompted("rain"), prompted(None)])
    pa.Table.from_pylist([{"track_id": str(i), **row} for i, row in enumerate(text_rows)], schema=CLAP_TEXT.schema)
    assert set(text_rows[0]) == set(CLAP_TEXT.names)
    for model in (rows[0]["clap_model"], text_rows[0]["clap_text_model"]):
        assert [part.split("@")[0] for part in model.split()] == ["clap-music-audioset", "roberta-base"]


def test_windows_are_kept_only_when_asked_for() -> None:
    plain = Clap()._features([np.ones(512, np.float32)], np.zeros((len(GENRES), 512), np.float32))
    assert plain["clap_windows"] is None


def test_genres_come_best_first_and_share_one(extract: Extract) -> None:
    genres = features_of(extract, music(12))["clap_genres"]
    scores = [genre["score"] for genre in genres]
    assert sorted(genre["genre"] for genre in genres) == sorted(GENRES)
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-6)


def test_the_text_tower_is_dropped_once_its_embeddings_are_had(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks = []
    build = clap_model.build
    monkeypatch.setattr(clap_model, "build", lambda *sizes: networks.append(build(*sizes)) or networks[-1])
    extract = Clap().load()
    (network,) = networks
    assert not [name for name, _ in network.named_parameters() if name.startswith("text_")]
    assert features_of(extract, music(1))["clap_genres"]


def test_an_empty_tokenizer_is_an_error(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(store, tmp_path, dirs_exist_ok=True)
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        (tmp_path / "roberta-base" / name).unlink()
    Store(tmp_path).record("roberta-base", "tiny")
    monkeypatch.setenv("MUZE_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="roberta-base: its tokenizer has 5 tokens, its configuration 3"):
        load_text_tower("music-audioset")


def test_missing_weights_are_named(store: Path) -> None:
    with pytest.raises(WeightsError, match="muze models pull clap-music-speech-audioset"):
        Clap("music-speech-audioset").load()


class OldNumpyPickler(pickle._Pickler):
    """Writes numpy numbers as numpy 1 did."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if getattr(obj, "__module__", None) == "numpy._core.multiarray":
            self.write(pickle.GLOBAL + f"numpy.core.multiarray\n{obj.__name__}\n".encode())
            self.memoize(obj)
        else:
            super().save_global(obj, name)


NUMPY_1 = SimpleNamespace(__name__="pickle", Pickler=OldNumpyPickler, dump=pickle.dump)


@pytest.mark.parametrize("prefix", ["module.", ""])
@pytest.mark.parametrize("pickler", [pickle, NUMPY_1], ids=["numpy 2", "numpy 1"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older than zip"])
def test_checkpoints_of_any_age_are_read(tmp_path: Path, prefix: str, pickler: Any, zipped: bool) -> None:
    import torch

    state = {
        f"{prefix}logit_scale_a": torch.tensor(2.0),
        f"{prefix}text_branch.embeddings.position_ids": torch.arange(3),
    }
    best = {"best": np.float64(0.9), "loss": np.float32(0.5), "step": np.int64(3)}
    checkpoint = {"epoch": 15, "name": "x", "state_dict": state, "optimizer": {"state": {}, "param_groups": []}, **best}
    torch.save(checkpoint, tmp_path / "all.pt", pickle_module=pickler, _use_new_zipfile_serialization=zipped)
    torch.save({"logit_scale_a": torch.tensor(2.0)}, tmp_path / "bare.pt")
    for name in ("all.pt", "bare.pt"):
        assert read_state(tmp_path / name) == {"logit_scale_a": torch.tensor(2.0)}


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    import torch

    torch.save({"state_dict": {}, "code": Path}, tmp_path / "bad.pt")
    with pytest.raises(pickle.UnpicklingError, match="Path"):
        read_state(tmp_path / "bad.pt")


IN_A_WORKER = """
import sys
root, other = sys.argv[1:]
sys.path.insert(0, root)
path = list(sys.path)
from featurizers.clap import Clap
Clap().load()
assert sys.path == path, set(sys.path) - set(path)
assert not {"training", "evaluate", "laion_clap"} & set(sys.modules)
sys.path[:] = [folder for folder in path if folder != root] + [other]  # behind whatever the library put there
import training
print(training.__file__)
"""


def test_training_is_ours_in_a_clap_worker(store: Path, tmp_path: Path) -> None:
    ours = tmp_path / "training" / "__init__.py"
    ours.parent.mkdir()
    ours.touch()
    root = Path(__file__).parent.parent
    command = [sys.executable, "-P", "-c", IN_A_WORKER, str(root), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(ours)), done.stderr
