"""Every featurizer of a recipe on one sound, as a stage runs them: each gets the columns and sources that it reads."""

import hashlib
from functools import cache
from typing import Any

import soundfile

from featurizers.audio import Audio, AudioFile, Sound
from featurizers.featurizer import Extract, Features, Inputs
from jobs.named_recipes import load_recipe
from pipeline.recipe import Recipe
from schemas.fragments.tracks import TRACKS


class Chain:
    """A recipe's featurizers, loaded when first needed, and what they found in each sound."""

    def __init__(self, recipe: str = "full") -> None:
        self.recipe: Recipe = load_recipe(recipe)
        self._features: dict[tuple[str, int], Features] = {}
        self._sounds: dict[int, Audio] = {}  # holds them, so that ids stay theirs

    @cache  # noqa: B019 - a chain lives as long as its module
    def extract(self, name: str) -> Extract:
        return self.recipe.by_fragment[name].load()

    def inputs(self, name: str, audio: Audio) -> Inputs:
        """What a stage would give a featurizer, after running what it reads."""
        featurizer = self.recipe.by_fragment[name]
        columns = {key: value for read in self.recipe.reads(featurizer) for key, value in self.of(read, audio).items()}
        sources = {"mix": lambda: audio}
        for source, (fragment, column) in self.recipe.sources.items():
            if fragment in self.recipe.reads(featurizer):
                sources[source] = lambda f=fragment, c=column: decoded(self.of(f, audio)[c])
        number = hashlib.sha256(audio.samples.tobytes()).hexdigest()[:32]
        return Inputs(Sound(sources), columns, number, self.recipe.source_of(featurizer) or "")

    def of(self, name: str, audio: Audio) -> Features:
        """The columns of a fragment for a sound."""
        key = (name, id(audio))
        if key not in self._features:
            self._sounds[id(audio)] = audio
            if name == TRACKS.name:
                found = dict.fromkeys(TRACKS.names) | {"duration_s": audio.duration_s, "genre_tag": "Folk"}
            else:
                [found] = self.extract(name)([self.inputs(name, audio)])
            self._features[key] = found
        return self._features[key]


def decoded(file: AudioFile) -> Audio:
    samples, rate_hz = soundfile.read(file.path, dtype="float32", always_2d=True)
    return Audio(samples.T.copy(), rate_hz)


def plain(features: Features) -> dict[str, Any]:
    """The features with the content of audio files in their place."""
    return {
        key: hashlib.sha256(value.path.read_bytes()).hexdigest() if isinstance(value, AudioFile) else value
        for key, value in features.items()
    }
