"""Recipes: order, fingerprints, and one sentence for every mistake."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobs.named_recipes import load_recipe
from pipeline.errors import BadArgumentError
from pipeline.recipe import Recipe, parse_recipe
from stubs import Power

STUBS = {
    "decibels": {"featurizer": "stubs:Decibels"},
    "peaks": {"featurizer": "stubs:Peaks"},
    "power": {"featurizer": "stubs:Power"},
}


def recipe(**settings: dict) -> Recipe:
    return parse_recipe("test", {"fragments": {name: STUBS[name] | settings.get(name, {}) for name in STUBS}})


def changed(one: Recipe, other: Recipe) -> set[str]:
    return {name for name, print_ in one.fingerprints.items() if other.fingerprints[name] != print_}


def test_what_is_read_comes_first_whatever_the_order_in_the_file() -> None:
    order = [featurizer.writes.name for featurizer in recipe().featurizers]
    assert order.index("power") < order.index("decibels")
    assert next(iter(recipe().fragments)) == "tracks"


def test_a_setting_changes_its_fragment_and_its_readers_only() -> None:
    assert changed(recipe(), recipe(power={"gain": 2.0})) == {"power", "decibels"}
    assert changed(recipe(), recipe(decibels={"floor_db": -60.0})) == {"decibels"}
    assert changed(recipe(), recipe(peaks={"count": 2})) == {"peaks"}
    assert changed(recipe(), recipe()) == set()


def test_a_version_changes_its_fragment_and_its_readers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe().fingerprints
    fragment = Power.writes
    monkeypatch.setattr(Power, "writes", type(fragment)(fragment.name, 2, fragment.doc, fragment.fields))
    after = recipe().fingerprints
    assert {name for name in before if before[name] != after[name]} == {"power", "decibels"}


@given(st.permutations(list(STUBS)))
def test_fingerprints_do_not_depend_on_the_order_in_the_file(names: list[str]) -> None:
    shuffled = parse_recipe("other name", {"fragments": {name: STUBS[name] for name in names}})
    assert shuffled.fingerprints == recipe().fingerprints


def test_needed_for_follows_what_is_read() -> None:
    assert recipe().needed_for(["decibels"]) == {"tracks", "decibels", "power"}
    assert recipe().needed_for(["peaks"]) == {"tracks", "peaks"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, ["no mapping 'fragments'"]),
        ({"fragments": []}, ["no mapping 'fragments'"]),
        ({"fragments": {"rythm": {}}}, ["unknown fragment 'rythm'", "did you mean 'rhythm'"]),
        ({"fragments": {"tracks": {}}}, ["fragment 'tracks' is of every recipe", "leave it out"]),
        ({"fragments": {"pitch": {"modle": "tiny"}}}, ["unknown setting of pitch 'modle'", "'model'"]),
        ({"fragments": {"level": {"gain": 1}}}, ["unknown setting of level 'gain': there are none"]),
        ({"fragments": {1: {}}}, ["unknown fragment 1: expected one of"]),
        ({"fragments": {"power": {"featurizer": 5}}}, ["no featurizer at '5'"]),
        ({"fragments": {"pitch": {"model": ["tiny"]}}}, ["model is ['tiny'], expected one of tiny, full"]),
        ({"fragments": {"pitch": {"min_hz": "low"}}}, ["min_hz is 'low', expected a number"]),
        ({"fragments": {"mel": {"stereo": "no"}}}, ["stereo is 'no', expected true or false"]),
        ({"fragments": {"lyrics": {"language": 5}}}, ["language is 5, expected a text or null"]),
        ({"fragments": {"stems": {"keep": "vocals"}}}, ["keep is 'vocals', expected a list of which each is a text"]),
        ({"fragments": {"power": {"featurizer": "stubs:Nobody"}}}, ["no featurizer at 'stubs:Nobody'"]),
        ({"fragments": {"power": {"featurizer": "os:path"}}}, ["no Featurizer"]),
        ({"fragments": {"power": {"featurizer": "stubs:Peaks"}}}, ["writes fragment 'peaks'"]),
        ({"fragments": {"decibels": {"featurizer": "stubs:Decibels"}}}, ["reads 'power'", "add it"]),
        ({"fragments": {"level": 3}}, ["expected a mapping"]),
    ],
)
def test_mistakes_get_one_sentence(document: object, words: list[str]) -> None:
    with pytest.raises(BadArgumentError) as caught:
        parse_recipe("test", document)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["bundled", "full", "permissive"])
def test_named_recipes_load(name: str) -> None:
    assert "tracks" in load_recipe(name).fragments


def test_unknown_recipes_and_files(tmp_path: Path) -> None:
    with pytest.raises(BadArgumentError, match="expected one of bundled, full, permissive"):
        load_recipe("bundeld")
    with pytest.raises(BadArgumentError, match="cannot read recipe"):
        load_recipe(str(tmp_path / "none.yaml"))
    bad = tmp_path / "bad.yaml"
    bad.write_text("fragments: {a: [")
    with pytest.raises(BadArgumentError, match="no YAML"):
        load_recipe(str(bad))
    good = tmp_path / "good.yaml"
    good.write_text(yaml.safe_dump({"fragments": STUBS}))
    assert load_recipe(str(good)).fingerprints == recipe().fingerprints
