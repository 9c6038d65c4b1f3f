"""What many tests share: rendered songs, a dataset to report on, and a Ray cluster on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from cluster import Cluster
from fakes import Fake
from featurizers.weights_store import LOCATION, Store
from harness import write_recipe
from jobs.demo.songs import short_song
from jobs.demo.write import render_songs
from jobs.named_recipes import load_recipe
from jobs.pictures.report import dataset_card
from pipeline.recipe import Recipe
from report_data import write_report_data

if TYPE_CHECKING:
    from tiny_runs import TinyRuns

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")

# The same examples on every run: a build must not fail for what an unrelated change did not touch.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``music/``, one short song in each format, and ``truth.json``; rendered when first asked for."""
    folder = tmp_path_factory.mktemp("songs")
    render_songs(folder, [short_song(seed, suffix) for seed, suffix in enumerate(SUFFIXES)])
    return folder


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A weights store with a tiny model for everything that the recipe ``full`` has to pull."""
    from tiny_store import write_store

    return write_store(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """A dataset with what a report may find in one; tests that change it change a copy."""
    return write_report_data(tmp_path_factory.mktemp("reported") / "data <b>set")


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A dataset without rows."""
    return Fake(tmp_path / "dataset")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """The stub recipe."""
    return load_recipe(str(write_recipe(tmp_path)))


@pytest.fixture(scope="session")
def card(reported: Fake) -> dict[str, Any]:
    return dataset_card(reported.dataset)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> TinyRuns:
    """Trained runs of every kind of model, and a store with the weights that they were trained on."""
    from tiny_runs import tiny_runs, write_weights

    store = write_weights(tmp_path_factory.mktemp("trained_weights"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(store.root))
        return tiny_runs(tmp_path_factory.mktemp("runs"), store)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A head on loopback with four logical cores, as a person would start it."""
    with Cluster.started(num_cpus=4) as running:
        yield running
