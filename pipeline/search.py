"""The tracks nearest to a sound, a text or another track, by the embeddings of a dataset."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from featurizers.audio import MIX, Sound
from featurizers.featurizer import Featurizer, Inputs
from pipeline.contents import current_contents
from pipeline.dataset import Dataset
from pipeline.decode import decode
from pipeline.errors import BadArgumentError
from pipeline.index import nearest
from pipeline.reasons import Refused
from pipeline.recipe import featurizer_of
from pipeline.source import open_content
from pipeline.track_names import EXPECTED, tracks_named
from pipeline.vectors import Floats, Vectors, open_vectors, unit
from pipeline.views import open_views
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS

MAX_DURATION_S = 1800.0
_TOLD = (TRACK_ID, "title", "artist", "duration_s", "uri")


@dataclass(frozen=True)
class Space:
    """Embeddings that can be compared with each other."""

    fragment: str
    column: str
    text_fragment: str | None = None
    text_column: str | None = None


SPACES = {
    "clap": Space("clap", "clap_audio_embedding", "clap_text", "clap_text_embedding"),
    "singer": Space("singer", "voice_embedding"),
}


@dataclass(frozen=True)
class Search:
    """One space of a dataset, ready to be asked."""

    dataset: Dataset
    space: Space
    vectors: Vectors

    @classmethod
    def of(cls, dataset: Dataset, by: str) -> "Search":
        """Raises BadArgumentError if the dataset has no such embeddings."""
        space = SPACES[by]
        return cls(dataset, space, open_vectors(dataset, space.fragment, space.column))

    def nearest(self, query: Floats, count: int) -> list[tuple[str, float]]:
        """(track, cosine) of the nearest, nearest first."""
        return nearest(self.vectors, unit(query), count)

    def of_track(self, track: str) -> tuple[str, Floats]:
        """A track named by its id, the beginning of it, or its file (see ``tracks_named``), and its vector."""
        among = pa.array(np.asarray(self.vectors.track_ids)).cast(pa.string())
        ids = tracks_named(self.dataset, track, among)
        if len(ids) != 1:
            found = f"{len(ids)} tracks begin so" if ids else f"no track with a {self.space.column} has it"
            raise BadArgumentError(f"--track is {track!r}: {found}; {EXPECTED}; 'muze query' lists them")
        vector = self.vectors.of_track(ids[0])
        assert vector is not None
        return ids[0], vector

    def of_audio(self, uri: str) -> Floats:
        """The vector of an audio file, by the featurizer and settings that made the dataset's."""
        try:
            with open_content(uri) as content:
                mix = decode(content.file, uri, MAX_DURATION_S).audio
        except Refused as refusal:
            raise BadArgumentError(f"--audio {uri!r}: {refusal}") from refusal
        featurizer = self._featurizer(self.space.fragment)
        return self._embed(featurizer, self.space.column, Inputs(Sound.of(mix=mix), source=MIX.source))

    def of_text(self, text: str) -> Floats:
        """The vector of a text. BadArgumentError if this space has no text."""
        if self.space.text_fragment is None or self.space.text_column is None:
            raise BadArgumentError("--text goes with --by clap only: a voice embedding knows no words")
        featurizer = self._featurizer(self.space.text_fragment)
        return self._embed(featurizer, self.space.text_column, Inputs(Sound.of(), {"prompt": text}, source=""))

    def _embed(self, featurizer: Featurizer, column: str, inputs: Inputs) -> Floats:
        [features] = featurizer.load()([inputs])
        if features[column] is None:
            raise BadArgumentError("there is nothing in it to embed: it is too short, silent or empty")
        self._check_model(features, featurizer.writes.name)
        return np.asarray(features[column], np.float32)

    def _check_model(self, features: dict[str, Any], fragment: str) -> None:
        """Vectors of different weights must not be compared."""
        rows = self.dataset.table(self.space.fragment, [f"{self.space.fragment}_model"])
        theirs = set(rows[f"{self.space.fragment}_model"].to_pylist()) - {None}
        ours = features[f"{fragment}_model"]
        if theirs and ours not in theirs:
            raise BadArgumentError(
                f"the dataset was embedded with {', '.join(sorted(theirs))}, and here is {ours}:"
                " use the weights store that it was built with, or build it anew"
            )

    def _featurizer(self, fragment: str) -> Featurizer:
        """A featurizer with the settings of the build that readers see; text takes the model of the audio."""
        settings = settings_of(self.dataset, self.space.fragment)
        audio = settings[self.space.fragment]
        return featurizer_of(fragment, settings.get(fragment, {"model": audio.get("model")}))


def settings_of(dataset: Dataset, fragment: str) -> dict[str, dict[str, Any]]:
    """Fragment -> settings, in the newest build that has the current fingerprint of a fragment."""
    current = dataset.current()[fragment]
    for run in reversed(dataset.runs()):
        if dict(run["fingerprints"] or []).get(fragment) == current:
            found: dict[str, dict[str, Any]] = json.loads(run["recipe"])["fragments"]
            if fragment in found:
                return found
    raise BadArgumentError(f"no build on record made the current rows of {fragment!r}: build it again")


def described(dataset: Dataset, found: list[tuple[str, float]]) -> list[dict[str, Any]]:
    """Rows for a person: rank, score, title, artist, as queries have them, and a file that is there, if one is."""
    facts = _facts(dataset, [track_id for track_id, _ in found])
    return [
        {"rank": rank, "score": round(score, 4), **facts.get(track_id, dict.fromkeys(_TOLD) | {TRACK_ID: track_id})}
        for rank, (track_id, score) in enumerate(found, start=1)
    ]


def _facts(dataset: Dataset, track_ids: list[str]) -> dict[str, dict[str, Any]]:
    """Track -> what is told of it, of these tracks only."""
    contents = current_contents(dataset, {TRACKS.name})
    if not contents.fingerprints:
        return {}
    of_these = f"(SELECT *, uris[1] AS uri FROM tracks WHERE list_contains($1, {TRACK_ID}))"
    with open_views(dataset.storage, contents) as connection:
        rows = connection.sql(f"SELECT {', '.join(_TOLD)} FROM {of_these}", params=[track_ids])
        return {row[TRACK_ID]: row for row in rows.to_arrow_table().to_pylist()}
