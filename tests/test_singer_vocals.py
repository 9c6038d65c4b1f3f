"""The embeddings of sung parts against both libraries called directly, and what must not change them."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers import ecapa
from featurizers.audio import Audio, Sound
from featurizers.batching import Batches
from featurizers.ecapa import equal_windows
from featurizers.featurizer import Extract, Inputs
from featurizers.singer_vocals import SingerVocals, sung_parts
from featurizers.weights_store import Store, WeightsError
from schemas.fragments.singer_vocals import SINGER_VOCALS
from tiny_ecapa import write_ecapa
from voices import RATE_HZ, faded, harmonic, noise, vibrato_hz

TARGET_RMS = 10 ** (-30 / 20)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("weights")
    write_ecapa(root / "ecapa-voxceleb")
    Store(root).record("ecapa-voxceleb", "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUZE_WEIGHTS", str(root))
        yield root


@pytest.fixture(scope="module")
def extract(store: Path) -> Extract:
    return SingerVocals().load()


@pytest.fixture(scope="module")
def encoder(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """speechbrain's encoder as its card says, from a copy of the model."""
    from speechbrain.inference.speaker import EncoderClassifier

    folder = tmp_path_factory.mktemp("copy")
    for file in (store / "ecapa-voxceleb").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return EncoderClassifier.from_hparams(
        source=str(folder),
        savedir=str(tmp_path_factory.mktemp("savedir")),
        overrides={"pretrained_path": str(folder)},
        run_opts={"device": "cpu"},
    )


def phrase(duration_s: float, f0_hz: float = 220.0) -> np.ndarray:
    """A sung phrase without pauses, its pitch and level on the move."""
    glide = vibrato_hz(f0_hz, 0.3, 300, duration_s)
    swell = 0.7 + 0.3 * np.sin(2 * np.pi * np.arange(len(glide)) / RATE_HZ / 3)
    return faded(swell * harmonic(glide, 15)).astype(np.float32)


def vocals(samples: np.ndarray, energy_share: float | None = 0.3, rate_hz: int = RATE_HZ) -> Inputs:
    sound = Sound.of(vocals=Audio(np.atleast_2d(samples).astype(np.float32), rate_hz))
    return Inputs(sound, {"vocals_energy_share": energy_share}, source="vocals")


def features_of(extract: Extract, samples: np.ndarray, *options: Any) -> dict[str, Any]:
    (features,) = extract([vocals(samples, *options)])
    return features


def with_pauses(*phrases: np.ndarray, pause_s: float = 1.5) -> np.ndarray:
    pause = np.zeros(round(pause_s * RATE_HZ), np.float32)
    return np.concatenate([part for sung in phrases for part in (pause, sung)] + [pause])


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def normalised(samples: np.ndarray) -> np.ndarray:
    return samples * np.float32(TARGET_RMS / samples.std(dtype=np.float64))


@pytest.mark.parametrize(("duration_s", "num_windows"), [(1.0, 1), (2.5, 1), (10.0, 1), (10.1, 2), (23.0, 3)])
def test_the_ecapa_embedding_is_speechbrain_s(encoder: Any, duration_s: float, num_windows: int) -> None:
    import torch

    samples = phrase(duration_s)
    windows = np.split(normalised(samples)[: len(samples) // num_windows * num_windows], num_windows)
    expected = [unit(encoder.encode_batch(torch.from_numpy(window))[0, 0].numpy()) for window in windows]
    found = ecapa.embed(ecapa.load_encoder(), Batches(8), samples)
    assert found == pytest.approx(unit(sum(expected)), abs=1e-5)


def test_the_voice_embedding_is_resemblyzer_s(extract: Extract) -> None:
    import torch
    from resemblyzer import VoiceEncoder

    samples = with_pauses(phrase(2.0), phrase(3.0, 330))
    sung = sung_parts(Audio(samples[None], RATE_HZ), 0.3).samples[0]
    with torch.inference_mode():
        expected = VoiceEncoder("cpu", verbose=False).embed_utterance(normalised(sung))
    assert features_of(extract, samples)["voice_embedding_vocals"] == pytest.approx(expected.tolist(), abs=1e-5)


def test_only_what_is_sung_counts(extract: Extract) -> None:
    one, other = phrase(4.0), phrase(5.0, 330)
    near = features_of(extract, with_pauses(one, other))
    far = features_of(extract, with_pauses(one, other, pause_s=4))
    assert near["voiced_s"] == pytest.approx(9, abs=0.2)
    assert far["voiced_s"] == pytest.approx(near["voiced_s"], abs=0.02)
    for name in ("voice_embedding_vocals", "ecapa_embedding"):
        assert np.dot(near[name], far[name]) > 0.9999


def test_sung_parts_are_put_end_to_end() -> None:
    samples = with_pauses(phrase(2.0), phrase(3.0))
    sung = sung_parts(Audio(samples[None], RATE_HZ), 0.3)
    assert sung.duration_s == pytest.approx(5, abs=0.2)
    assert np.square(sung.samples).sum() == pytest.approx(np.square(samples).sum(), rel=1e-3)


def test_unit_length_and_determinism(extract: Extract) -> None:
    samples = phrase(13)
    first, second = features_of(extract, samples), features_of(extract, samples)
    assert first == second
    for name in ("voice_embedding_vocals", "ecapa_embedding"):
        assert np.linalg.norm(first[name]) == pytest.approx(1, abs=1e-6)


def test_batches_do_not_show(store: Path) -> None:
    encoder, samples = ecapa.load_encoder(), phrase(45)
    alone, together = (ecapa.embed(encoder, Batches(size), samples) for size in (1, 8))
    assert alone == pytest.approx(together, abs=1e-6)


def test_tracks_of_a_batch_do_not_mix(extract: Extract) -> None:
    tracks = [vocals(phrase(3)), vocals(phrase(2, 330)), vocals(np.zeros(RATE_HZ))]
    assert extract(tracks) == [row for track in tracks for row in extract([track])]


@settings(max_examples=4, deadline=None)
@given(st.floats(-20, 10))
def test_gain_changes_nothing(extract: Extract, gain_db: float) -> None:
    samples = with_pauses(phrase(2))
    plain, louder = features_of(extract, samples), features_of(extract, samples * 10 ** (gain_db / 20))
    assert louder["voiced_s"] == pytest.approx(plain["voiced_s"], abs=0.05)
    for name in ("voice_embedding_vocals", "ecapa_embedding"):
        assert np.dot(plain[name], louder[name]) > 0.9999


@pytest.mark.parametrize(
    ("samples", "energy_share"),
    [
        (np.zeros(3 * RATE_HZ), 0.0),
        (np.zeros(3 * RATE_HZ), None),
        (np.full(3 * RATE_HZ, 0.5), 0.3),
        (phrase(3), 0.001),
        (0.001 * phrase(3), 0.3),
        (phrase(0.05), 0.3),
        (np.zeros(0), None),
    ],
    ids=["silence", "silence of unknown share", "DC", "bleed", "faint", "0.05 s", "0"],
)
def test_where_nobody_sings_there_is_no_voice(
    extract: Extract, samples: np.ndarray, energy_share: float | None
) -> None:
    features = features_of(extract, samples, energy_share)
    assert features["voice_embedding_vocals"] is None
    assert features["ecapa_embedding"] is None
    assert features["voiced_s"] == 0


def test_ecapa_needs_a_second_of_singing(extract: Extract) -> None:
    short = features_of(extract, with_pauses(phrase(0.9)))
    assert 0.4 < short["voiced_s"] < 1
    assert short["voice_embedding_vocals"] is not None
    assert short["ecapa_embedding"] is None


@pytest.mark.parametrize(("rate_hz", "num_channels"), [(8000, 1), (44100, 2)])
def test_other_rates_and_channels(extract: Extract, rate_hz: int, num_channels: int) -> None:
    time_s = np.arange(2 * rate_hz) / rate_hz
    tone = sum(np.sin(2 * np.pi * 200 * h * time_s) / (5 * h) for h in range(1, 9))
    features = features_of(extract, np.tile(tone, (num_channels, 1)), 0.3, rate_hz)
    assert features["voiced_s"] == pytest.approx(2, abs=0.1)
    assert np.linalg.norm(features["ecapa_embedding"]) == pytest.approx(1, abs=1e-6)


def test_voices_are_told_apart(extract: Extract) -> None:
    breathy = phrase(3) + noise(3, 2000, 6000, 0.02, seed=1)
    plain, airy = features_of(extract, phrase(3)), features_of(extract, breathy)
    assert np.dot(plain["ecapa_embedding"], airy["ecapa_embedding"]) < 0.9999


@given(st.integers(RATE_HZ, 40 * 60 * RATE_HZ))
def test_windows_are_equal_and_never_above_ten_seconds(num_samples: int) -> None:
    windows = equal_windows(np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (num_samples,), (0,)))
    num_windows, length = windows.shape
    assert length <= 10 * RATE_HZ
    assert num_windows == 1 or length >= 5 * RATE_HZ - 1
    assert num_samples - windows.size < num_windows


def test_loading_reaches_no_network_and_leaves_nothing_behind(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store)
    before = sorted(store.rglob("*"))

    def refuse(*_: Any) -> None:
        raise AssertionError("it reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    ecapa.load_encoder()
    assert sorted(store.rglob("*")) == before


def test_looking_through_the_loaded_modules_imports_nothing(store: Path) -> None:
    ecapa.load_encoder()
    before = set(sys.modules)
    for module in list(sys.modules.values()):
        if type(module).__module__.startswith("speechbrain"):
            getattr(module, "__file__", None)  # as hypothesis and cloudpickle do
    assert set(sys.modules) == before


def test_other_models_keep_their_precision(store: Path) -> None:
    import torch

    ecapa.load_encoder()
    assert not torch.backends.cuda.matmul.allow_tf32


def test_a_changed_file_is_not_loaded(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ecapa(tmp_path / "ecapa-voxceleb")
    Store(tmp_path).record("ecapa-voxceleb", "tiny")
    with (tmp_path / "ecapa-voxceleb" / "hyperparams.yaml").open("a") as file:
        file.write("ran: !apply:os.abort []\n")
    monkeypatch.setenv("MUZE_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"hyperparams\.yaml"):
        ecapa.load_encoder()


def test_rows_fit_the_fragment(extract: Extract) -> None:
    rows = extract([vocals(phrase(2)), vocals(np.zeros(RATE_HZ), None)])
    table = pa.Table.from_pylist(
        [{"track_id": str(i), **row} for i, row in enumerate(rows)], schema=SINGER_VOCALS.schema
    )
    assert set(rows[0]) == set(SINGER_VOCALS.names)
    assert table["ecapa_embedding"].null_count == table["voice_embedding_vocals"].null_count == 1
    assert [part.split("@")[0] for part in rows[0]["singer_vocals_model"].split()] == ["resemblyzer", "ecapa-voxceleb"]
