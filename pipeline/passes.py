"""Which featurizers run together: one pass with everything where there are only cores, a few where there are GPUs.

On cores an actor holds every model and a track is decoded once. On GPUs models of one audio source share an actor and
a part of a GPU, so that a GPU is full of work of one kind, and what needs no GPU waits for none: separation first,
then what hears the vocals, what hears the mix, what runs on cores, and what needs no audio, as far as their reading
each other allows. Vocals cross from pass to pass as FLAC objects.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from featurizers.featurizer import Featurizer
from pipeline.cost import Costs
from pipeline.items import Task
from pipeline.recipe import Recipe
from schemas.fragments.tracks import TRACKS


@dataclass(frozen=True)
class Pass:
    """Fragments that one pool of actors computes."""

    fragments: frozenset[str]
    gpu_share: float = 0.0
    """Part of a GPU that an actor needs; 0 for cores only."""

    def num_actors(self, num_cores: int, num_gpus: float) -> int:
        """Actors that a cluster has room for."""
        return max(1, min(num_cores, int(num_gpus / self.gpu_share))) if self.gpu_share else num_cores


def plan_passes(recipe: Recipe, fragments: frozenset[str], num_gpus: float) -> list[Pass]:
    """Group these fragments into passes, each after the passes that it reads from."""
    if not num_gpus:
        return [Pass(fragments)]
    kinds: list[tuple[str | None, bool]] = []
    members: list[list[Featurizer]] = []
    place: dict[str, int] = {}
    for featurizer in recipe.featurizers:
        if featurizer.writes.name in fragments:
            kind = (recipe.source_of(featurizer), bool(featurizer.gpu_share))
            earliest = max(
                (place[n] + (kinds[place[n]] != kind) for n in recipe.reads(featurizer) if n in place), default=0
            )
            number = next((i for i in range(earliest, len(kinds)) if kinds[i] == kind), len(kinds))
            if number == len(kinds):
                kinds.append(kind)
                members.append([])
            members[number].append(featurizer)
            place[featurizer.writes.name] = number
    passes = [Pass(frozenset(f.writes.name for f in group), _share(group)) for group in members] or [Pass(frozenset())]
    return [replace(passes[0], fragments=passes[0].fragments | fragments & {TRACKS.name}), *passes[1:]]


def _share(featurizers: Iterable[Featurizer]) -> float:
    """Their models are in the same actor: what they need adds up."""
    return min(1.0, sum(featurizer.gpu_share for featurizer in featurizers))


def tasks_of_pass(
    tasks: Iterable[Task],
    fragments: frozenset[str],
    identified: Mapping[str, str],
    done: Mapping[str, frozenset[str]],
    wanted: frozenset[str],
    costs: Costs,
) -> Iterator[Task]:
    """What of a plan's tasks is left for a later pass.

    ``identified`` has the content of every new file that the first pass decoded: uri -> track. The same content at
    two paths is done once; a file that could not be decoded is left alone.
    """
    seen: set[str] = set()
    for task in tasks:
        track_id = task.track_id or identified.get(task.file.uri)
        if track_id is not None and track_id not in seen:
            seen.add(track_id)
            lacking = task.fragments if task.track_id else wanted - done.get(track_id, frozenset())
            if names := lacking & fragments:
                cost_s = costs.compute_s(task.file, track_id, names)
                yield replace(task, track_id=track_id, fragments=names, cost_s=cost_s)
