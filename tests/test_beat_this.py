"""Beat This! against the package called directly on the same small random checkpoint, and the featurizer over it."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from beat_this.inference import Audio2Frames

from featurizers import beat_this_tracker
from featurizers.audio import Audio, Sound
from featurizers.beat_this_tracker import FRAMES_PER_S, BeatThisNetwork
from featurizers.featurizer import Inputs
from featurizers.rhythm import Rhythm
from featurizers.weights import WEIGHTS, model_id
from featurizers.weights_store import LOCATION, Store, WeightsError
from schemas.fragments.rhythm import RHYTHM
from tiny_beat_this import write_beat_this

RATE_HZ = 22050
NAME = "beat-this-final0"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("weights"))
    write_beat_this(store.path(NAME))
    store.record(NAME, "tiny")
    return store


@pytest.fixture(scope="module")
def checkpoint(store: Store) -> Path:
    return store.path(NAME) / "final0.ckpt"


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> BeatThisNetwork:
    return BeatThisNetwork(checkpoint)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Notes and knocks, 34 s: more than the network takes at once, and no whole number of frames."""
    rng = np.random.default_rng(5)
    time_s = np.arange(34 * RATE_HZ + 200) / RATE_HZ
    steps = rng.integers(0, 12, 70)[(time_s * 2).astype(int)]
    tones = np.sin(2 * np.pi * 220 * 2 ** (steps / 12) * time_s) * np.exp(-4 * (time_s % 0.5))
    knocks = rng.normal(0, 1, len(time_s)) * np.exp(-60 * (time_s % 0.5))
    return (0.3 * tones + 0.2 * knocks).astype(np.float32)


def inputs(samples: np.ndarray) -> Inputs:
    return Inputs(Sound.of(mix=Audio(samples[None], RATE_HZ)))


def test_activations_are_the_packages(network: BeatThisNetwork, checkpoint: Path, samples: np.ndarray) -> None:
    beat, downbeat = (torch.sigmoid(logits).numpy() for logits in Audio2Frames(str(checkpoint))(samples, RATE_HZ))
    activations = network(samples)
    assert activations.shape == (1 + len(samples) // 441, 2)
    assert downbeat.std() > 0.01
    np.testing.assert_allclose(activations[:, 1], downbeat, atol=1e-5)
    np.testing.assert_allclose(activations[:, 0], np.maximum(beat - downbeat, 0), atol=1e-5)
    assert activations.min() > 0
    assert activations.sum(axis=1).max() < 1 + 1e-5


def test_the_network_answers_the_same_twice(network: BeatThisNetwork, samples: np.ndarray) -> None:
    excerpt = samples[: 3 * RATE_HZ]
    np.testing.assert_array_equal(network(excerpt), network(excerpt))


@pytest.mark.parametrize("num_samples", [1200, 5 * RATE_HZ, 5 * RATE_HZ + 440, 10 * 441 * 40, 10 * 441 * 40 - 1])
def test_chunks_leave_no_trace(
    network: BeatThisNetwork, samples: np.ndarray, num_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = network(samples[:num_samples])
    monkeypatch.setattr(beat_this_tracker, "_CHUNK_FRAMES", 40)
    np.testing.assert_allclose(network(samples[:num_samples]), whole, atol=1e-6)


def test_rhythm_is_tracked_with_it(store: Store, samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(store.root))
    featurizer = Rhythm(tracker="beat_this")
    (row,) = featurizer.load()([inputs(samples[: 12 * RATE_HZ])])
    assert tuple(row) == RHYTHM.names
    assert row["rhythm_model"] == model_id(NAME)
    assert len(row["beats_s"]) == len(row["beat_numbers"]) >= 4
    assert np.diff(row["beats_s"]).min() > 60 / 250
    assert 50 < row["tempo_bpm"] < 220
    assert len(pa.Table.from_pylist([{"track_id": "a", **row}], RHYTHM.schema)) == 1

    def beats_on_the_grid(found: dict[str, Any]) -> np.ndarray:
        return np.round(np.array(found["beats_s"]) * FRAMES_PER_S)

    (again,) = featurizer.load()([inputs(samples[: 12 * RATE_HZ])])
    np.testing.assert_array_equal(beats_on_the_grid(again), beats_on_the_grid(row))


@pytest.mark.parametrize("num_samples", [0, 1100, RATE_HZ // 10])
def test_short_audio_has_no_pulse(store: Store, num_samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(store.root))
    noise = np.random.default_rng(0).uniform(-1, 1, num_samples).astype(np.float32)
    (row,) = Rhythm(tracker="beat_this").load()([inputs(noise)])
    assert row["tempo_bpm"] is None
    assert row["beats_s"] == []


def test_without_the_weight_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path))
    with pytest.raises(WeightsError, match=f"{NAME}: it is not in the store .*muze models pull {NAME}"):
        Rhythm(tracker="beat_this").load()


def test_a_changed_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path))
    store = Store(tmp_path)
    write_beat_this(store.path(NAME))
    store.record(NAME, "tiny")
    with (store.path(NAME) / "final0.ckpt").open("ab") as file:
        file.write(b"x")
    with pytest.raises(WeightsError, match="bytes instead of"):
        Rhythm(tracker="beat_this").load()


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "final0.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": Path("x")}, path)
    with pytest.raises(Exception, match="Weights only load failed"):
        BeatThisNetwork(path)


@pytest.mark.parametrize("checkpoint_name", ["final0", "small0"])
def test_each_checkpoint_is_a_weight_for_any_use(checkpoint_name: Any) -> None:
    (name,) = Rhythm(tracker="beat_this", checkpoint=checkpoint_name).weights
    weight = WEIGHTS[name]
    assert weight.commercial_use
    assert weight.files[0].path == f"{checkpoint_name}.ckpt"
    assert weight.fragments == ("rhythm",)
