"""Whose voice a piece should have: that of a recording, or of an artist whom the run was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import MIX_16K_MONO, Sound
from featurizers.weights import is_there, model_id
from jobs.generating import heard
from training.errors import SettingError
from training.pack import Pack

if TYPE_CHECKING:
    from training.run_folder import Run

_EMBEDDINGS = ("voice", "ecapa")


@dataclass(frozen=True)
class Style:
    """Embeddings at unit length, each None if it is not known, and where they are from."""

    voice: tuple[float, ...] | None
    ecapa: tuple[float, ...] | None
    artist: str | None = None
    """As the packs write the name."""
    weights: tuple[str, ...] = ()
    """What embedded it, if that was done here."""


def style_of(text: str, run: Run) -> Style:
    """The style of a file, if there is one of that name, else of an artist. SettingError if it is neither."""
    return of_file(text) if heard.is_file(text) else of_artist(text, run)


def of_file(path: str) -> Style:
    """Embed a recording, best of a voice alone, with Resemblyzer, and with ECAPA-TDNN if the store has its weights."""
    from featurizers import ecapa, singer
    from featurizers.batching import Batches

    audio = Sound.of(mix=heard.read(path, "--style-of")).view(MIX_16K_MONO)
    voice, weights = singer.embed(singer.load_encoder(), audio), ["resemblyzer"]
    second = None
    if is_there(ecapa.WEIGHT):
        second = ecapa.embed(ecapa.load_encoder(), Batches(ecapa.BATCH_WINDOWS), audio.samples[0])
        weights.append(ecapa.WEIGHT)
    if voice is None:
        raise SettingError(f"--style-of {path!r}: it is too short or silent, there is no voice in it")
    return Style(_plain(voice), _plain(second), None, tuple(model_id(name) for name in weights))


def of_artist(name: str, run: Run) -> Style:
    """The mean, at unit length, of the embeddings of an artist's windows in the packs that a run was trained on."""
    packs = [Pack.open(location) for location in run.packs]
    names: set[str] = set()
    found: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in _EMBEDDINGS}
    for artist, vectors in _windows(packs, name):
        names.add(artist)
        for embedding, vector in vectors.items():
            found[embedding].append(np.array(vector, np.float64))
    spelt = [artist for artist in sorted(names) if artist.casefold() == name.casefold()]
    if not spelt:
        near = get_close_matches(name, names, n=3, cutoff=0.0)
        known = f"the nearest are {', '.join(map(repr, near))}" if near else "its packs name none"
        raise SettingError(f"--style-of {name!r} is neither a file nor an artist of the run: {known}")
    return Style(_mean(found["voice"]), _mean(found["ecapa"]), spelt[0])


def _windows(packs: list[Pack], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each window's artist; with it the embeddings that are known, of the windows of the one who is looked for."""
    for pack in packs:
        for shard in (shard for split in pack.document["splits"] for shard in pack.shards(split)):
            for group in range(shard.groups):
                artists = pack.read_group(shard, group, ["artist"])["artist"].to_pylist()
                wanted = [artist is not None and artist.casefold() == name.casefold() for artist in artists]
                rows = pack.read_group(shard, group, _EMBEDDINGS).to_pylist() if any(wanted) else [{}] * len(artists)
                for artist, is_wanted, row in zip(artists, wanted, rows, strict=True):
                    if artist is not None:
                        yield artist, {key: value for key, value in row.items() if is_wanted and value is not None}


def _mean(vectors: list[npt.NDArray[np.float64]]) -> tuple[float, ...] | None:
    total = np.sum(vectors, axis=0) if vectors else np.zeros(1)
    length = float(np.linalg.norm(total))
    return _plain(total / length) if length > 0 else None


def _plain(vector: Any) -> tuple[float, ...] | None:
    return None if vector is None else tuple(float(value) for value in vector)
