"""What every registered featurizer keeps to, whatever it measures."""

import dataclasses
import math
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chain import Chain, plain
from featurizers import weights
from featurizers.audio import Audio
from featurizers.registry import FEATURIZERS, featurizer_class
from featurizers.weights_store import LOCATION, Store
from harness import ROOT
from jobs.demo.render import render
from jobs.demo.songs import short_song
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS

RATE_HZ = 44100
SONG_S = 8
NAMES = sorted(FEATURIZERS)


@pytest.fixture(scope="module")
def chain(tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Every featurizer: the recipe ``training``, and latents. Models that have to be pulled or trained are tiny."""
    recipe = tmp_path_factory.mktemp("recipe") / "everything.yaml"
    training = (ROOT / "jobs" / "recipes" / "training.yaml").read_text()
    recipe.write_text(f"{training}  latents: {{encoder: vae-tiny}}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("files")))
        patch.setenv(LOCATION, str(tiny_store.root))
        yield Chain(str(recipe))


def odd_sounds() -> dict[str, Audio]:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, RATE_HZ)).astype(np.float32)
    return {
        "20 ms": Audio(noise[:, : RATE_HZ // 50], RATE_HZ),
        "50 ms at 8 kHz": Audio(noise[:1, :400], 8000),
        "one sample": Audio(noise[:1, :1], RATE_HZ),
        "silence": Audio(np.zeros((2, RATE_HZ), np.float32), RATE_HZ),
        "direct current": Audio(np.full((1, RATE_HZ), 0.5, np.float32), RATE_HZ),
        "noise": Audio(noise, RATE_HZ),
        "8 kHz mono": Audio(noise[:1, :8000], 8000),
        "48 kHz": Audio(noise, 48000),
        "louder than full scale": Audio(20 * noise, RATE_HZ),
        "hardly there": Audio(noise * np.float32(1e-7), RATE_HZ),
    }


def extract(chain: Chain, name: str, *sounds: Audio) -> list[dict[str, Any]]:
    return [plain(row) for row in chain.extract(name)([chain.inputs(name, audio) for audio in sounds])]


def as_arrow(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as the engine writes them; raises if a value does not fit its column."""
    keyed = [{TRACK_ID: str(index), **row} for index, row in enumerate(rows)]
    return pa.Table.from_pylist(keyed, schema=featurizer_class(FEATURIZERS[name]).writes.schema)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


@pytest.fixture(scope="module")
def music() -> list[Audio]:
    """The first seconds of two songs."""
    songs = [Audio(*render(short_song(seed))) for seed in (1, 2)]
    return [Audio(song.samples[:, : SONG_S * song.rate_hz], song.rate_hz) for song in songs]


@pytest.mark.parametrize("name", NAMES)
def test_odd_audio_gives_rows_that_fit_their_columns(name: str, chain: Chain) -> None:
    for what, audio in odd_sounds().items():
        rows = extract(chain, name, audio)
        assert len(rows) == 1, what
        assert rows[0].keys() == set(featurizer_class(FEATURIZERS[name]).writes.names), what
        assert as_arrow(name, rows).num_rows == 1, what


@pytest.mark.parametrize("name", NAMES)
def test_one_at_a_time_equals_all_at_once_and_again(name: str, chain: Chain, music: list[Audio]) -> None:
    together = as_arrow(name, extract(chain, name, *music)).to_pylist()
    apart = as_arrow(name, [row for audio in music for row in extract(chain, name, audio)]).to_pylist()
    assert same(together, apart)
    again = as_arrow(name, extract(chain, name, *music)).to_pylist()
    assert same(together, again)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_finite_except_where_a_contour_is_unvoiced(name: str, chain: Chain, music: list[Audio]) -> None:
    table = as_arrow(name, extract(chain, name, *music, *odd_sounds().values()))
    for field in table.schema:
        if field.name in ("f0_hz", "f0_unvoiced_hz"):
            continue
        values = table[field.name].combine_chunks()
        while pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type):
            values = values.flatten()
        if pa.types.is_floating(values.type):
            assert np.isfinite(values.drop_null().to_numpy()).all(), field.name


@pytest.mark.parametrize("name", NAMES)
def test_it_is_declared_as_the_engine_expects(name: str, chain: Chain) -> None:
    found = featurizer_class(FEATURIZERS[name])
    featurizer = chain.recipe.by_fragment[name]
    assert found.writes.name == name
    assert dataclasses.is_dataclass(found)
    assert found.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert 0 < featurizer.cost < 10  # of an instance, as below
    assert {*found.reads, *found.prefers} <= {*FEATURIZERS, TRACKS.name}
    for weight in featurizer.weights:  # settings may choose the model
        assert weights.revision(weight)
        assert weights.weight_of(weight).licence


def test_columns_are_unique_across_fragments() -> None:
    columns = [column for name in NAMES for column in featurizer_class(FEATURIZERS[name]).writes.names]
    assert len(columns) == len(set(columns))
