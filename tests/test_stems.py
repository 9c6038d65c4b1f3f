"""Separation against the library's own, and what becomes of the stems. The networks are tiny and untrained."""

import hashlib
import socket
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
import torch

import tiny_demucs
from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Features, Inputs
from featurizers.separation import Demucs, measure_levels
from featurizers.stems import Stems, as_stereo
from featurizers.weights import revision
from featurizers.weights_store import LOCATION, Store, WeightsError
from schemas.fragments.stems import NAMES, STEMS

RATE_HZ = 44100
SEGMENT = int(tiny_demucs.SEGMENT_S * RATE_HZ)
FOUR = ("vocals", "drums", "bass", "other")
WRITERS = {
    "htdemucs": tiny_demucs.write_htdemucs,
    "htdemucs_6s": tiny_demucs.write_htdemucs_6s,
    "htdemucs_ft": tiny_demucs.write_htdemucs_ft,
}


def fill(root: Path, name: str, write: Callable[[Path], None]) -> Store:
    store = Store(root)
    write(store.path(name))
    store.record(name, "tiny")
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("weights")
    return [fill(root, name, write) for name, write in WRITERS.items()][-1]


@pytest.fixture(autouse=True)
def temporary(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where featurizers put their files during a test."""
    monkeypatch.setenv(LOCATION, str(store.root))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def extract(store: Store) -> Extract:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(store.root))
        return Stems().load()


def load(store: Store, name: str = "htdemucs", overlap: float = 0.25) -> Demucs:
    return Demucs.load(store.path(name), name, overlap)


def music(num_samples: int, gain: float = 0.2, seed: int = 0) -> np.ndarray:
    """Noise under a tremolo, with an offset and other things on either side, ``(2, samples)``."""
    noise = np.random.default_rng(seed).standard_normal((2, num_samples))
    tremolo = 1 + np.sin(np.arange(num_samples) * 2 * np.pi * 3 / RATE_HZ)
    return (gain * (noise * tremolo / 2 + 0.05)).astype(np.float32)


def inputs(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Inputs:
    return Inputs(Sound.of(mix=Audio(np.atleast_2d(samples).astype(np.float32), rate_hz)))


def library_stems(demucs: Demucs, mix: np.ndarray) -> dict[str, np.ndarray]:
    """Stems by the library's own ``Separator``, which differs only in where its bag comes from."""
    from demucs.api import Separator

    class Local(Separator):
        def _load_model(self) -> None:
            self._model, self._samplerate, self._audio_channels = demucs.bag, RATE_HZ, 2

    _, stems = Local(device="cpu", shifts=0, overlap=demucs.overlap).separate_tensor(torch.from_numpy(mix))
    return {name: samples.numpy() for name, samples in stems.items()}


def our_stems(demucs: Demucs, mix: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(demucs.sources, np.concatenate(list(demucs.separate(mix)), axis=-1), strict=True))


def flac(features: Features, stem: str) -> np.ndarray:
    samples, rate_hz = soundfile.read(features[f"{stem}_uri"].path, dtype="float32", always_2d=True)
    info = soundfile.info(features[f"{stem}_uri"].path)
    assert (rate_hz, info.format, info.subtype, info.channels) == (RATE_HZ, "FLAC", "PCM_16", 2)
    return samples.T


def checksums(features: Features) -> list[str]:
    return [hashlib.sha256(features[f"{stem}_uri"].path.read_bytes()).hexdigest() for stem in FOUR]


def as_arrow(rows: list[Features]) -> pa.Table:
    """Rows as the engine writes them, with paths in the place of files."""
    named = [{k: str(v.path) if k.endswith("_uri") and v else v for k, v in row.items()} for row in rows]
    return pa.Table.from_pylist([{"track_id": str(i), **row} for i, row in enumerate(named)], schema=STEMS.schema)


def assert_same_stems(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for stem, samples in expected.items():
        assert np.abs(samples).max() > 1e-3
        np.testing.assert_allclose(found[stem], samples, atol=1e-5, rtol=0)


@pytest.mark.parametrize("num_samples", [2, 2205, SEGMENT - 1, SEGMENT, SEGMENT + 1, round(2.75 * SEGMENT)])
def test_stems_are_the_library_s(store: Store, num_samples: int) -> None:
    demucs, mix = load(store), music(num_samples)
    assert_same_stems(our_stems(demucs, mix), library_stems(demucs, mix))


@pytest.mark.parametrize("overlap", [0.0, 0.6])
def test_stems_are_the_library_s_at_any_overlap(store: Store, overlap: float) -> None:
    demucs, mix = load(store, overlap=overlap), music(2 * SEGMENT + 5)
    assert_same_stems(our_stems(demucs, mix), library_stems(demucs, mix))


@pytest.mark.parametrize("name", ["htdemucs_6s", "htdemucs_ft"])
def test_bags_are_the_library_s(store: Store, name: str) -> None:
    demucs, mix = load(store, name), music(SEGMENT + 5000)
    assert_same_stems(our_stems(demucs, mix), library_stems(demucs, mix))


def test_normalised_stems_are_those_of_apply_model(store: Store) -> None:
    from demucs.apply import apply_model

    demucs, mix = load(store), music(2 * SEGMENT + 5)
    mix = (mix - mix.mean()) / mix.mean(axis=0).std(ddof=1)
    expected = apply_model(demucs.bag, torch.from_numpy(mix)[None], shifts=0, split=True, overlap=0.25)[0].numpy()
    assert_same_stems(our_stems(demucs, mix), dict(zip(demucs.sources, expected, strict=True)))


@pytest.mark.parametrize("segments_at_once", [3, 8])
def test_segments_at_once_do_not_show(store: Store, segments_at_once: int) -> None:
    demucs, mix = load(store), music(4 * SEGMENT + 5)
    one_by_one = our_stems(demucs, mix)
    demucs.batches.size = segments_at_once
    assert_same_stems(our_stems(demucs, mix), one_by_one)


def test_segments_that_do_not_fit_into_memory_are_halved(store: Store) -> None:
    demucs, mix = load(store), music(4 * SEGMENT + 5)
    expected = our_stems(demucs, mix)
    sizes = []

    def refuse_more_than_two(_: Any, arguments: tuple[torch.Tensor]) -> None:
        sizes.append(len(arguments[0]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError

    demucs.bag.models[0].register_forward_pre_hook(refuse_more_than_two)
    demucs.batches.size = 5
    assert_same_stems(our_stems(demucs, mix), expected)
    assert sizes == [5, 2, 2, 2]


def test_one_segment_that_does_not_fit_is_an_error(store: Store) -> None:
    demucs = load(store)

    def refuse(_: Any, __: Any) -> None:
        raise torch.OutOfMemoryError

    demucs.bag.models[0].register_forward_pre_hook(refuse)
    with pytest.raises(MemoryError):
        our_stems(demucs, music(10))


def test_flacs_hold_what_the_model_made(store: Store, extract: Extract) -> None:
    mix = music(2 * SEGMENT + 99)
    [features] = extract([inputs(mix)])
    for stem, samples in our_stems(load(store), mix).items():
        assert features[f"{stem}_peak"] == pytest.approx(np.abs(samples).max(), rel=1e-5)
        assert features[f"{stem}_peak"] < 1
        np.testing.assert_allclose(flac(features, stem), samples, atol=0.51 / 2**15, rtol=0)


def test_a_stem_above_full_scale_is_divided_by_its_peak(store: Store, extract: Extract) -> None:
    mix = music(SEGMENT, gain=8)
    [features] = extract([inputs(mix)])
    for stem, samples in our_stems(load(store), mix).items():
        peak = features[f"{stem}_peak"]
        assert peak == pytest.approx(np.abs(samples).max(), rel=1e-5)
        assert peak > 1
        np.testing.assert_allclose(flac(features, stem), samples / peak, atol=1.01 / 2**15, rtol=0)


def test_shares_are_those_of_the_energies(store: Store, extract: Extract) -> None:
    mix = music(2 * SEGMENT)
    [features] = extract([inputs(mix)])
    stems = {stem: samples.astype(np.float64) for stem, samples in library_stems(load(store), mix).items()}
    energies = {stem: np.sum(samples**2) for stem, samples in stems.items()}
    for stem, energy in energies.items():
        assert features[f"{stem}_energy_share"] == pytest.approx(energy / sum(energies.values()), rel=1e-4)
    assert sum(features[f"{stem}_energy_share"] for stem in FOUR) == pytest.approx(1)
    residual = np.sum((mix - sum(stems.values())) ** 2) / np.sum(mix.astype(np.float64) ** 2)
    assert features["residual_share"] == pytest.approx(residual, rel=1e-4)


def test_the_same_track_gives_the_same_files(extract: Extract) -> None:
    tracks = [music(SEGMENT // 2, seed=1), music(2 * SEGMENT, seed=2), music(SEGMENT, seed=3)]
    together = extract([inputs(track) for track in tracks])
    apart = [features for track in tracks for features in Stems().load()([inputs(track)])]
    assert [checksums(features) for features in together] == [checksums(features) for features in apart]
    measured = [{key: value for key, value in row.items() if not key.endswith("_uri")} for row in together + apart]
    assert measured[:3] == measured[3:]


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (music(400)[:1], 8000),
        (music(2205), RATE_HZ),
        (music(1), RATE_HZ),
        (music(9600, gain=20), 48000),
        (music(5000)[:1], RATE_HZ),
        (np.tile(music(5000), (3, 1)), RATE_HZ),
    ],
    ids=["50 ms of 8 kHz mono", "50 ms", "one sample", "loud 48 kHz", "mono", "six channels"],
)
def test_odd_audio_has_stems_of_its_length(extract: Extract, samples: np.ndarray, rate_hz: int) -> None:
    [features] = extract([inputs(samples, rate_hz)])
    assert as_arrow([features]).num_rows == 1
    for stem in FOUR:
        assert flac(features, stem).shape == (2, pytest.approx(samples.shape[1] * RATE_HZ / rate_hz, abs=1))


@pytest.mark.parametrize(
    "samples",
    [np.zeros((2, 50_000)), np.full((1, 50_000), 0.5), music(50_000, gain=1e-7)],
    ids=["silence", "DC", "hardly there"],
)
def test_silence_has_silent_stems_and_no_shares(extract: Extract, samples: np.ndarray) -> None:
    [features] = extract([inputs(samples)])
    as_arrow([features])
    assert features["residual_share"] is None
    for stem in FOUR:
        assert (features[f"{stem}_peak"], features[f"{stem}_energy_share"]) == (0, None)
        assert np.array_equal(flac(features, stem), np.zeros((2, samples.shape[1])))


def test_sides_that_cancel_are_no_silence(store: Store) -> None:
    mix = music(SEGMENT)
    mix[1] = -mix[0]
    assert not measure_levels(mix).silent
    demucs = load(store)
    ours, expected = our_stems(demucs, mix), library_stems(demucs, mix)
    for stem, samples in expected.items():
        np.testing.assert_allclose(ours[stem], samples, atol=1e-4 * np.abs(samples).max(), rtol=0)


def test_levels_are_those_the_library_takes() -> None:
    mix = music(3 * 2**15 + 5)
    mono = torch.from_numpy(mix).mean(0)
    levels = measure_levels(mix)
    assert (levels.mean, levels.deviation) == pytest.approx((float(mono.mean()), float(mono.std())), rel=1e-5)


def test_channels() -> None:
    left, right = music(100)
    assert as_stereo(np.stack([left, right])).tolist() == [left.tolist(), right.tolist()]
    assert as_stereo(left[None]).tolist() == [left.tolist(), left.tolist()]
    assert as_stereo(np.stack([left, left, right, right])) == pytest.approx(np.tile((left + right) / 2, (2, 1)))


def test_only_what_is_kept_has_files(temporary: Path) -> None:
    featurizer = Stems("htdemucs_6s", keep=["piano", "vocals"])  # type: ignore[arg-type]  # as YAML gives it
    [features] = featurizer.load()([inputs(music(SEGMENT))])
    assert {stem for stem in NAMES if features[f"{stem}_uri"]} == {"vocals", "piano"}
    assert sorted(path.name for path in temporary.rglob("*") if path.is_file()) == ["piano.flac", "vocals.flac"]
    assert sum(features[f"{stem}_energy_share"] for stem in NAMES) == pytest.approx(1)
    assert featurizer.offers == {"vocals": "vocals_uri", "piano": "piano_uri"}


def test_stems_that_a_model_does_not_know_are_null(extract: Extract) -> None:
    [features] = extract([inputs(music(SEGMENT))])
    assert set(features) == set(STEMS.names)
    assert [stem for stem in NAMES if features[f"{stem}_peak"] is None] == ["guitar", "piano"]
    assert features["piano_uri"] is features["piano_energy_share"] is None
    assert features["stems_model"] == f"htdemucs@{revision('htdemucs')}"


def test_settings_of_one_meaning_are_equal() -> None:
    assert Stems(keep=["other", "bass", "drums", "vocals"]) == Stems()  # type: ignore[arg-type]
    assert hash(Stems(keep=["vocals"])) == hash(Stems(keep=("vocals", "vocals")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "mdx"}, r"model is 'mdx', expected one of htdemucs, .*: choose"),
        ({"keep": ["drums"]}, r"keep is \['drums'\], expected 'vocals' in it, .*: add it"),
        ({"keep": ["vocals", "kazoo"]}, r"keep names 'kazoo', expected a list of stems of htdemucs, .*: take it out"),
        ({"keep": ["vocals", "piano"]}, r"keep names 'piano', expected .* vocals, drums, bass, other"),
        ({"keep": "vocals"}, r"keep names 'v', expected a list"),
        ({"overlap": 1.0}, r"overlap is 1.0, expected 0 to 0.9: "),
        ({"overlap": -0.1}, r"overlap is -0.1, "),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Stems(**settings)


def test_a_missing_weight_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path))
    with pytest.raises(WeightsError, match="htdemucs: it is not in the store"):
        Stems().load()


@pytest.mark.parametrize("file", ["955717e8.safetensors", "htdemucs.yaml"])
def test_a_flipped_byte_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    store = fill(tmp_path, "htdemucs", tiny_demucs.write_htdemucs)
    path = store.path("htdemucs") / file
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    monkeypatch.setenv(LOCATION, str(tmp_path))
    with pytest.raises(WeightsError, match=f"{file} has checksum"):
        Stems().load()


def test_no_network_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    Stems().load()([inputs(music(1000))])


def test_an_error_leaves_no_files_behind(extract: Extract, temporary: Path) -> None:
    class Broken(Sound):
        def view(self, view: Any) -> Audio:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        extract([inputs(music(1000)), Inputs(Broken({}))])
    assert list(temporary.iterdir()) == []


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_memory_does_not_grow_with_the_track(extract: Extract) -> None:
    """NumPy's allocations; the network's own are those of a segment."""
    peaks = []
    for duration_s in (2, 6):
        track = inputs(music(duration_s * RATE_HZ))
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        extract([track])
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    assert peaks[1] < 1.1 * peaks[0]
