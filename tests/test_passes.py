"""Passes on a node with GPUs: what runs together, in which order, and that the rows are those of a single pass."""

from pathlib import Path
from typing import Any

import pytest

import inline
from fakes import track_id
from harness import dump, write_recipe, write_tones
from inline import inline_build, without_ray
from jobs.named_recipes import load_recipe
from pipeline.cost import Costs
from pipeline.discover import SourceFile
from pipeline.items import Task
from pipeline.passes import Pass, plan_passes, tasks_of_pass
from pipeline.ray_session import Room
from pipeline.recipe import Recipe

FRAGMENTS = """
fragments:
  halves: {featurizer: "halving:Halves"}
  levels: {featurizer: "halving:Levels"}
  spoken: {featurizer: "halving:Spoken"}
  power: {featurizer: "stubs:Power"}
  decibels: {featurizer: "stubs:Decibels"}
  heavy: {featurizer: "halving:Heavy"}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load_recipe(str(write_recipe(tmp_path, FRAGMENTS)))


def test_without_gpus_there_is_one_pass_with_everything(recipe: Recipe) -> None:
    everything = frozenset(recipe.fragments)
    assert plan_passes(recipe, everything, 0) == [Pass(everything)]


def test_with_gpus_passes_hold_one_source_and_kind_each_after_what_it_reads(recipe: Recipe) -> None:
    passes = plan_passes(recipe, frozenset(recipe.fragments), 1)
    kinds = [
        {
            (recipe.source_of(recipe.by_fragment[n]), bool(recipe.by_fragment[n].gpu_share))
            for n in p.fragments - {"tracks"}
        }
        for p in passes
    ]
    assert all(len(kind) == 1 for kind in kinds)
    number = {name: i for i, step in enumerate(passes) for name in step.fragments}
    assert number.keys() == recipe.fragments.keys()
    for featurizer in recipe.featurizers:
        for read in recipe.reads(featurizer):
            assert number[read] <= number[featurizer.writes.name]
    assert number["tracks"] == 0
    assert number["power"] == number["decibels"]
    assert {step.gpu_share for step in passes} == {0.0, 0.5}


@pytest.mark.parametrize(
    ("share", "gpus", "cores", "actors"), [(0, 4, 8, 8), (0.5, 1, 8, 2), (0.3, 2, 16, 6), (1, 8, 4, 4)]
)
def test_a_pool_fills_the_gpus_and_not_more_than_the_cores(share: float, gpus: float, cores: int, actors: int) -> None:
    assert Pass(frozenset(), share).num_actors(cores, gpus) == actors


def test_models_that_share_an_actor_take_a_whole_gpu_at_most(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(recipe.by_fragment["power"]), "gpu_share", 0.75)
    [both] = [step for step in plan_passes(recipe, frozenset(recipe.fragments), 1) if "power" in step.fragments]
    assert ("heavy" in both.fragments, both.gpu_share) == (True, 1.0)


def test_a_later_pass_does_each_content_once_and_nothing_that_was_not_asked_for() -> None:
    def task(number: int, track: int | None, *names: str) -> Task:
        return Task(SourceFile(f"/{number}.wav", 1), None if track is None else track_id(track), frozenset(names), 1.0)

    tasks = [
        task(0, 0, "power"),  # of peaks it failed before, which stands
        task(1, None, "tracks", "power", "peaks"),
        task(2, None, "tracks", "power", "peaks"),  # with the content of the one before
        task(3, None, "tracks", "power", "peaks"),  # could not be decoded
        task(4, None, "tracks", "power", "peaks"),  # moved: its content has power
    ]
    identified = {"/1.wav": track_id(1), "/2.wav": track_id(1), "/4.wav": track_id(4)}
    done = {track_id(4): frozenset({"tracks", "power"})}
    wanted = frozenset({"tracks", "power", "peaks"})
    costs = Costs({"tracks": 1.0, "power": 1.0, "peaks": 1.0}, {})
    found = tasks_of_pass(tasks, frozenset({"power", "peaks"}), identified, done, wanted, costs)
    assert [(each.file.uri, each.track_id, sorted(each.fragments)) for each in found] == [
        ("/0.wav", track_id(0), ["power"]),
        ("/1.wav", track_id(1), ["peaks", "power"]),
        ("/4.wav", track_id(4), ["peaks"]),
    ]


def test_several_passes_give_the_rows_of_one(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    without_ray(monkeypatch)
    music = write_tones(tmp_path / "music", 5)
    (music / "copy.wav").write_bytes((music / "00001.wav").read_bytes())
    (music / "broken.wav").write_bytes(b"no music")
    file = write_recipe(tmp_path, FRAGMENTS)
    once = inline_build(music, tmp_path / "once", file)
    shares: list[float] = []
    with_gpu(monkeypatch, shares)
    several = inline_build(music, tmp_path / "several", file)
    assert dump(tmp_path / "several") == dump(tmp_path / "once")
    assert shares[0] == 0.0 or 0.5 in shares
    assert len(shares) > 2
    assert (several.num_attempted, several.num_failed) == (once.num_attempted, once.num_failed) == (7, 1)
    again = inline_build(music, tmp_path / "several", file)
    assert again.report()["new"] == 0
    assert again.num_attempted == 0


def test_a_moved_file_gets_what_its_content_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_ray(monkeypatch)
    with_gpu(monkeypatch, [])
    music = write_tones(tmp_path / "music", 1)
    first = write_recipe(tmp_path, 'fragments: {power: {featurizer: "stubs:Power"}}', "first.yaml")
    inline_build(music, tmp_path / "out", first)
    (music / "00000.wav").rename(music / "moved.wav")
    inline_build(music, tmp_path / "out", write_recipe(tmp_path, FRAGMENTS))
    assert len(dump(tmp_path / "out", ["heavy"])["heavy"]) == 1


def with_gpu(monkeypatch: pytest.MonkeyPatch, shares: list[float]) -> None:
    """A session that says it has a GPU; ``shares`` learns what the passes ask of it."""
    run_pass = inline._run_pass

    def noted(items: Any, spec: Any, ledger: Any, pool: Any) -> Any:
        shares.append(pool.gpu_share)
        return run_pass(items, spec, ledger, pool)

    monkeypatch.setattr(inline, "ROOM", Room(2, 1))
    monkeypatch.setattr("pipeline.run.run_pass", noted)
