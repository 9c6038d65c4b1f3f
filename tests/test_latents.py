"""The fragment latents: what the exported VAE makes of the same log-mels, window by window, and a pack of it."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Inputs
from featurizers.latents import Latents
from featurizers.mel import Mel
from featurizers.weights import model_id
from featurizers.weights_store import LOCATION, Store
from harness import write_tone
from inline import inline_build, without_ray
from jobs.main import main
from jobs.named_recipes import load_recipe
from jobs.packing.sources import Source
from jobs.packing.write import write_pack
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from pipeline.recipe import parse_recipe
from pipeline.snapshot import create_snapshot
from schemas.latent_windows import OVERLAP, windows
from schemas.mel_specs import MEL_SPECS
from tiny_pack import request_of
from tiny_vae import FACTOR, MEL, NAME, WINDOW_FRAMES, write_vae
from training.export_encoder import ExportedVae, load_exported
from training.generating.render import most, of_latents
from training.pack import Pack
from training.vocoder import Vocoder

SPEC = MEL_SPECS[MEL]
WINDOW = WINDOW_FRAMES // FACTOR


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("weights"))
    write_vae(store.path(NAME))
    store.record(NAME, "tiny")
    return store


@pytest.fixture(autouse=True)
def _located(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(store.root))


@pytest.fixture(scope="module")
def extract(store: Store) -> Extract:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(store.root))
        return Latents(NAME).load()


@pytest.fixture(scope="module")
def exported(store: Store) -> ExportedVae:
    return load_exported(store.path(NAME))


def sound(num_frames: int, channels: int = 1) -> Audio:
    """As many log-mel frames of noise that swells."""
    samples = np.random.default_rng(0).normal(0, 0.1, (channels, num_frames * SPEC.hop_samples))
    swell = 1 + np.sin(np.arange(samples.shape[1]) / 3000)
    return Audio((samples * swell).astype(np.float32), SPEC.rate_hz)


def row(extract: Extract, audio: Audio) -> dict:
    return extract([Inputs(Sound.of(mix=audio))])[0]


def values(row: dict) -> np.ndarray:
    return np.frombuffer(row["latents"], "<f2").reshape(row["latents_shape"]).astype(np.float32)


def log_mel(audio: Audio, stereo: bool = False) -> torch.Tensor:
    """The log-mel as the fragment mel has it."""
    found = Mel(MEL, stereo).load()([Inputs(Sound.of(mix=audio))])[0]
    mel = np.frombuffer(found["mel"], "<f2").reshape(found["mel_shape"])
    return torch.from_numpy(mel.astype(np.float32))[None]


def encoded(exported: ExportedVae, mel: torch.Tensor, start: int) -> np.ndarray:
    frames = slice(start * FACTOR, (start + WINDOW) * FACTOR)
    return exported.encode(mel[..., frames])[0].numpy()


def test_a_track_of_one_window_is_what_the_exported_vae_makes_of_its_log_mel(
    extract: Extract, exported: ExportedVae
) -> None:
    audio = sound(WINDOW_FRAMES)
    found = row(extract, audio)
    assert found["latents_shape"] == [8, 16, WINDOW]
    assert found["latents_rate_hz"] == SPEC.rate_hz / SPEC.hop_samples / FACTOR
    assert found["latents_encoder"] == model_id(NAME)
    assert np.abs(values(found) - encoded(exported, log_mel(audio), 0)).max() < 0.01
    assert values(found).std() > 0.1


def test_a_long_track_is_encoded_in_windows_as_long_as_the_trainer_s(extract: Extract, exported: ExportedVae) -> None:
    audio = sound(3 * WINDOW_FRAMES + 4 * FACTOR)
    found, mel = values(row(extract, audio)), log_mel(audio)
    num_latents = mel.shape[3] // FACTOR
    assert found.shape == (8, 16, num_latents)
    for window in windows(num_latents, WINDOW):
        kept = slice(window.first - window.start, window.last - window.start)
        expected = encoded(exported, mel, window.start)[..., kept]
        assert np.abs(found[..., window.first : window.last] - expected).max() < 0.01


@pytest.mark.parametrize("num_frames", [FACTOR + 1, WINDOW_FRAMES - 3, WINDOW_FRAMES + 5])
def test_what_does_not_fill_a_window_is_filled_up_with_silence(
    extract: Extract, exported: ExportedVae, num_frames: int
) -> None:
    audio = sound(num_frames)
    silence = log_mel(Audio(np.zeros((1, 2 * SPEC.rate_hz), np.float32), SPEC.rate_hz))[..., :WINDOW_FRAMES]
    mel = torch.cat([log_mel(audio), silence], dim=3)
    num_latents = -(-num_frames // FACTOR)
    found = values(row(extract, audio))
    last = max(0, num_latents - WINDOW)
    assert found.shape[2] == num_latents
    tail = encoded(exported, mel, last)[..., : num_latents - last]
    assert np.abs(found[..., -2:] - tail[..., -2:]).max() < 0.01


@pytest.mark.parametrize("num_frames", [0, 1, FACTOR])
def test_too_few_frames_have_no_latents(extract: Extract, num_frames: int) -> None:
    found = row(extract, sound(num_frames))
    assert (found["latents"], found["latents_shape"], found["latents_rate_hz"]) == (None, None, None)
    assert found["latents_encoder"] == model_id(NAME)


@given(st.integers(1, 500), st.integers(2, 64))
def test_windows_keep_every_latent_once_and_none_beside_an_inner_end(num_latents: int, length: int) -> None:
    found = list(windows(num_latents, length))
    assert (found[0].first, found[-1].last) == (0, num_latents)
    assert all(before.last == after.first for before, after in pairwise(found))
    for window in found:
        assert 0 <= window.start <= window.first < window.last <= window.start + length
        assert window.start + length <= max(num_latents, length)
        assert window.first - window.start >= length // OVERLAP or window.start == 0
        assert window.start + length - window.last >= length // OVERLAP or window.last == num_latents


@pytest.mark.parametrize("num_latents", [2, 5, 16, 17, 100])
def test_long_latents_are_decoded_in_windows_like_those_that_the_vae_knows(num_latents: int) -> None:
    lengths: list[int] = []

    def decode(latents: torch.Tensor) -> torch.Tensor:
        lengths.append(latents.shape[3])
        return latents[:, :1, :1].repeat_interleave(FACTOR, dim=3)

    latents = torch.randn(1, 8, 16, num_latents, generator=torch.Generator().manual_seed(0))
    spec = MEL_SPECS["32k"]
    statistics = {"mean": 0.0, "std": 1.0}
    manifest = {"mel": spec.to_dict(), "window_frames": 16 * FACTOR, "statistics": statistics}
    vae = ExportedVae(manifest | {"latents": {"factor": FACTOR, "std": 1.0}}, decode, decode)
    heard: list[torch.Tensor] = []
    of_latents(vae, "vae", Vocoder("none", spec, lambda mel: heard.append(mel) or torch.zeros(1, 1)))(latents)
    assert set(lengths) == {min(num_latents, 16)}
    assert torch.equal(heard[0], decode(latents)[:, 0].clamp(math.log(spec.floor), most(spec)))


def test_a_recipe_without_a_vae_is_one_sentence() -> None:
    for settings in ({}, {"encoder": "songs"}):
        with pytest.raises(BadArgumentError, match=r"latents.*expected the name of a weight .*: set it in the recipe$"):
            parse_recipe("mine", {"fragments": {"latents": settings}})
    assert "latents" not in load_recipe("training").fragments


def test_another_vae_is_another_fingerprint(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"fragments": {"latents": {"encoder": NAME}}}
    before = parse_recipe("mine", document).fingerprints["latents"]
    other = Store(tmp_path)
    write_vae(other.path(NAME))
    (other.path(NAME) / "encoder.pt2").write_bytes(b"trained longer")
    other.record(NAME, "tiny")
    monkeypatch.setenv(LOCATION, str(other.root))
    assert parse_recipe("mine", document).fingerprints["latents"] != before


def test_latents_added_to_a_dataset_become_a_pack_that_names_the_vae(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_ray(monkeypatch)
    music, recipe = tmp_path / "music", tmp_path / "latents.yaml"
    for number in range(4):
        write_tone(music / f"{number}.wav", 200 + 100 * number, 2.0, SPEC.rate_hz)
    for fragments in ("mel: {}", f"latents: {{encoder: {NAME}}}"):
        recipe.write_text(f"fragments: {{{fragments}}}\n")
        inline_build(music, tmp_path / "dataset", recipe)
    dataset = open_dataset(str(tmp_path / "dataset"))
    assert {"mel", "latents"} <= {*dataset.fragments}
    snapshot = create_snapshot(dataset, "all", 0, {"train": 0.5, "valid": 0.25, "test": 0.25})
    request = request_of("ldm", window_s=1.28, hop_s=0.64)
    write_pack([Source(str(tmp_path / "dataset"), dataset, snapshot)], request, str(tmp_path / "pack"), lambda _: None)
    payload = Pack.open(str(tmp_path / "pack")).payload
    assert payload.shape == (8, 16, 16)
    assert payload.rate_hz == 12.5
    assert payload.spec == {"encoder": model_id(NAME)}


def test_a_build_without_the_vae_says_that_it_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path / "empty"))
    write_tone(tmp_path / "music" / "tone.wav")
    recipe = tmp_path / "latents.yaml"
    recipe.write_text("fragments: {latents: {encoder: vae-songs}, mel: {}}\n")
    words = ["build", str(tmp_path / "music"), "--out", str(tmp_path / "dataset"), "--recipe", str(recipe)]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "muze train vae-...          writes vae-songs" in said
    assert "muze models pull --from" in said
    assert not (tmp_path / "dataset").exists()
    assert main([*words, "--skip-missing", "--dry-run"]) == 0
    assert "left out for want of weights: latents" in capsys.readouterr().err
