"""What many tests share: rendered songs, and a Ray cluster on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cluster import Cluster
from featurizers.weights_store import Store
from jobs.demo.songs import short_song
from jobs.demo.write import render_songs

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")

# The same examples on every run: a build must not fail for what an unrelated change did not touch.
settings.register_profile("repeatable", derandomize=True)
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
def cluster() -> Iterator[Cluster]:
    """A head on loopback with four logical cores, as a person would start it."""
    with Cluster.started(num_cpus=4) as running:
        yield running
