"""A recipe: featurizers with settings. It gives the order, the schemas and the fingerprints."""

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from featurizers import weights
from featurizers.audio import MIX
from featurizers.featurizer import Featurizer
from featurizers.registry import FEATURIZERS, featurizer_class
from pipeline.errors import BadArgumentError
from schemas.fragment import Fragment
from schemas.fragments.tracks import TRACKS
from schemas.setting_types import UNFIT, fitted, in_words

AUDIO_VERSION = 1  # bump when decoding or resampling changes what featurizers hear


@dataclass(frozen=True)
class Recipe:
    """A named set of featurizers, in an order in which every one follows what it reads."""

    name: str
    featurizers: tuple[Featurizer, ...]

    @cached_property
    def by_fragment(self) -> dict[str, Featurizer]:
        return {featurizer.writes.name: featurizer for featurizer in self.featurizers}

    @cached_property
    def fragments(self) -> dict[str, Fragment]:
        """Every fragment of the recipe, ``tracks`` first."""
        return {TRACKS.name: TRACKS} | {f.writes.name: f.writes for f in self.featurizers}

    @cached_property
    def sources(self) -> dict[str, tuple[str, str]]:
        """Audio source -> the fragment and column that point to it. The mix is not among them."""
        return {source: (f.writes.name, column) for f in self.featurizers for source, column in f.offers.items()}

    def source_of(self, featurizer: Featurizer) -> str | None:
        """The audio source a featurizer gets: the first it hears that there is. None if it needs none."""
        return next((source for source in featurizer.hears if source == MIX.source or source in self.sources), None)

    def reads(self, featurizer: Featurizer) -> tuple[str, ...]:
        """Fragments of this recipe that a featurizer reads, that of its audio source included."""
        names = {*featurizer.reads, *(name for name in featurizer.prefers if name in self.by_fragment)}
        source = self.source_of(featurizer)
        if source in self.sources:
            names.add(self.sources[source][0])
        return tuple(sorted(names))

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Fragment -> fingerprint. Same fingerprint, same meaning of the rows."""
        prints = {TRACKS.name: _digest({"fragment": TRACKS.name, "version": TRACKS.version, "audio": AUDIO_VERSION})}
        for featurizer in self.featurizers:
            prints[featurizer.writes.name] = _digest(
                {
                    "fragment": featurizer.writes.name,
                    "version": featurizer.writes.version,
                    "audio": AUDIO_VERSION,
                    "settings": dataclasses.asdict(featurizer),
                    "weights": {name: weights.revision(name) for name in featurizer.weights},
                    "reads": {name: prints[name] for name in self.reads(featurizer)},
                }
            )
        return prints

    def needed_for(self, names: Iterable[str]) -> frozenset[str]:
        """These fragments and what they read, ``tracks`` included. BadArgumentError if one is not in the recipe."""
        needed: set[str] = {TRACKS.name}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in self.fragments:
                raise BadArgumentError(_missing(name, self))
            if name not in needed:
                needed.add(name)
                waiting.extend(self.reads(self.by_fragment[name]) if name != TRACKS.name else ())
        return frozenset(needed)

    def weights(self, fragments: Iterable[str]) -> tuple[str, ...]:
        """Names of the weights that these fragments load."""
        named = (self.by_fragment[name] for name in fragments if name in self.by_fragment)
        return tuple(sorted({weight for featurizer in named for weight in featurizer.weights}))

    def without(self, fragments: Iterable[str]) -> "Recipe":
        """This recipe without some fragments, and without those that cannot be had then."""
        dropped = set(fragments)
        kept = Recipe(self.name, tuple(f for f in self.featurizers if f.writes.name not in dropped))
        orphaned = [f.writes.name for f in kept.featurizers if not kept.satisfies(f)]
        return kept.without(orphaned) if orphaned else ordered(kept)

    def satisfies(self, featurizer: Featurizer) -> bool:
        """Whether what a featurizer reads and hears is in this recipe."""
        deaf = bool(featurizer.hears) and self.source_of(featurizer) is None
        return not deaf and all(name in self.fragments for name in featurizer.reads)

    def to_json(self) -> str:
        fragments = {f.writes.name: dataclasses.asdict(f) for f in self.featurizers}
        return json.dumps({"name": self.name, "fragments": fragments})


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _unknown(what: str, got: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if not names:
        return f"unknown {what} {got!r}: there are none"
    near = difflib.get_close_matches(str(got), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {got!r}: expected one of {', '.join(names)}{hint}"


def _missing(fragment: str, recipe: Recipe) -> str:
    if fragment not in FEATURIZERS:
        return _unknown("fragment", fragment, recipe.fragments)
    held = ", ".join(sorted(recipe.fragments))
    return f"fragment {fragment!r} is not in recipe {recipe.name}, which has {held}: choose a recipe that names it"


def parse_recipe(name: str, document: Any) -> Recipe:
    """Build a recipe from the parsed YAML ``fragments: {fragment: {setting: value}}``.

    A fragment of the registry needs its name only; others say ``featurizer: module:Class``.
    Raises BadArgumentError on anything unknown.
    """
    fragments = document.get("fragments") if isinstance(document, Mapping) else None
    if not isinstance(fragments, Mapping):
        raise BadArgumentError(f"recipe {name!r} has no mapping 'fragments': write 'fragments: {{level: {{}}}}'")
    return ordered(Recipe(name, tuple(featurizer_of(key, settings or {}) for key, settings in fragments.items())))


def featurizer_of(fragment: str, settings: Mapping[str, Any]) -> Featurizer:
    """The featurizer of a fragment with these settings. BadArgumentError on anything unknown."""
    if not isinstance(settings, Mapping):
        raise BadArgumentError(f"settings of fragment {fragment!r} are {settings!r}: expected a mapping")
    if fragment == TRACKS.name:
        raise BadArgumentError(f"fragment {fragment!r} is of every recipe and has no settings: leave it out")
    location = settings.get("featurizer") or FEATURIZERS.get(fragment)
    if location is None:
        raise BadArgumentError(_unknown("fragment", fragment, FEATURIZERS))
    try:
        found = featurizer_class(str(location))
    except ValueError as error:
        raise BadArgumentError(f"fragment {fragment!r}: {error}") from error
    if found.writes.name != fragment:
        raise BadArgumentError(f"{location} writes fragment {found.writes.name!r}, but the recipe says {fragment!r}")
    known = {field.name: field.type for field in dataclasses.fields(found)}
    chosen = {key: value for key, value in settings.items() if key != "featurizer"}
    for key, value in chosen.items():
        if key not in known:
            raise BadArgumentError(_unknown(f"setting of {fragment}", key, known))
        if fitted(value, known[key]) is UNFIT:
            expected = in_words(known[key])
            raise BadArgumentError(f"settings of fragment {fragment!r}: {key} is {value!r}, expected {expected}")
    try:
        return found(**chosen)
    except (TypeError, ValueError) as error:
        raise BadArgumentError(f"settings of fragment {fragment!r}: {error}") from error


def ordered(recipe: Recipe) -> Recipe:
    """The recipe with every featurizer after what it reads. BadArgumentError where something to read is missing."""
    for featurizer in recipe.featurizers:
        name = featurizer.writes.name
        for read in featurizer.reads:
            if read not in recipe.fragments:
                raise BadArgumentError(f"fragment {name!r} reads {read!r}: add it to the recipe")
        if featurizer.hears and recipe.source_of(featurizer) is None:
            raise BadArgumentError(f"fragment {name!r} hears {featurizer.hears[0]!r}: add 'stems' to the recipe")
    graph = {f.writes.name: [name for name in recipe.reads(f) if name != TRACKS.name] for f in recipe.featurizers}
    try:
        order = TopologicalSorter(graph).static_order()
        return Recipe(recipe.name, tuple(recipe.by_fragment[name] for name in order))
    except CycleError as error:
        raise BadArgumentError(f"fragments read each other in a circle: {' -> '.join(error.args[1])}") from error
