"""Plans: what is to be done for which file, and why."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from fakes import Fake, fingerprint, track_id
from pipeline.cost import Costs
from pipeline.discover import Discovery, SourceFile
from pipeline.plan import Plan, State, Wishes, ledger_done, make_plan
from pipeline.recipe import Recipe

NAMES = ("tracks", "power", "decibels", "peaks")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def give(fake: Fake, recipe: Recipe, number: int, names: Sequence[str] = NAMES) -> SourceFile:
    """A file that the dataset knows, and the rows of its track."""
    for name in names:
        fake.rows(name, [{"track_id": track_id(number)}], recipe.fingerprints[name], recipe.fragments[name])
    fake.file(f"/music/{number}.wav", track_id(number))
    return SourceFile(f"/music/{number}.wav", 1)


def planned(fake: Fake, recipe: Recipe, files: Sequence[SourceFile], **more: Any) -> Plan:
    """The plan for files below /music."""
    wishes = Wishes(frozenset(NAMES), retry_failures=more.pop("retry_failures", False))
    discovery = Discovery(files=list(files), **{"roots": ["/music"], **more})
    return make_plan(discovery, State.of(fake.dataset, recipe), recipe, wishes, Costs.of(fake.dataset, recipe))


def test_the_plan_says_of_every_fragment_why(fake: Fake, recipe: Recipe) -> None:
    files = [
        SourceFile("/music/new.wav", 1),
        give(fake, recipe, 0),
        give(fake, recipe, 1, ["tracks", "power", "decibels"]),
        give(fake, recipe, 2, ["tracks", "decibels", "peaks"]),
        give(fake, recipe, 3, ["tracks", "power", "peaks"]),
    ]
    fake.rows("power", [{"track_id": track_id(2)}], fingerprint("an older setting"), recipe.fragments["power"])
    fake.failure(track_id(3), "/music/3.wav", "decibels", recipe.fingerprints["decibels"])
    plan = planned(fake, recipe, files)
    assert plan.report()["fragments"] == {
        "tracks": {"new": 1, "stale": 0, "missing": 0, "failed": 0},
        "power": {"new": 1, "stale": 1, "missing": 0, "failed": 0},
        "decibels": {"new": 1, "stale": 0, "missing": 0, "failed": 1},
        "peaks": {"new": 1, "stale": 0, "missing": 1, "failed": 0},
    }
    assert [(task.file.uri, sorted(task.fragments)) for task in plan.tasks] == [
        ("/music/new.wav", sorted(NAMES)),
        ("/music/1.wav", ["peaks"]),
        ("/music/2.wav", ["power"]),
    ]
    assert (plan.num_files, plan.num_unchanged) == (5, 2)


@pytest.mark.parametrize(
    "seen",
    [SourceFile("/music/0.wav", 2), SourceFile("/music/0.wav", 1, MOMENT), SourceFile("/music/0.wav", 1, None, "x")],
)
def test_a_file_of_another_size_time_or_etag_is_read_anew(fake: Fake, recipe: Recipe, seen: SourceFile) -> None:
    give(fake, recipe, 0)
    [task] = planned(fake, recipe, [seen]).tasks
    assert (task.track_id, task.fragments) == (None, frozenset(NAMES))


def test_failures_are_tried_again_only_if_asked_for_and_attempts_go_on(fake: Fake, recipe: Recipe) -> None:
    files = [give(fake, recipe, 0, ["tracks", "power", "peaks"]), SourceFile("/music/closed.wav", 1)]
    fake.failure(track_id(0), "/music/0.wav", "decibels", recipe.fingerprints["decibels"])
    fake.plain(
        "failures", [fake.failure_row(track_id(0), "/", "decibels", recipe.fingerprints["decibels"]) | {"attempts": 2}]
    )
    fake.file("/music/closed.wav", None)
    assert planned(fake, recipe, files).tasks == []
    again, closed = planned(fake, recipe, files, retry_failures=True).tasks
    assert (again.fragments, again.attempts) == ({"decibels"}, {"decibels": 2})
    assert (closed.file.uri, closed.track_id) == ("/music/closed.wav", None)


def test_what_could_not_be_read_says_nothing_of_what_the_file_has_now(fake: Fake, recipe: Recipe) -> None:
    for number, stage in enumerate(("read", "decode")):
        row = fake.failure_row(track_id(number), "/", "tracks", recipe.fingerprints["tracks"])
        fake.plain("failures", [row | {"stage": stage}])
    wishes = Wishes(frozenset(NAMES))
    assert ledger_done(State.of(fake.dataset, recipe), wishes) == {track_id(1): frozenset(NAMES)}


@pytest.mark.parametrize(
    ("uri", "more", "is_gone"),
    [
        ("/music/a/b.wav", {}, True),
        ("/music/a.wav", {"roots": ["/music/a.wav"]}, True),
        ("/music/a.wav", {"roots": ["/"]}, True),
        ("s3://music/a.wav", {"roots": ["s3://music/"]}, True),
        ("file:///music/caf%E9.wav", {}, True),
        ("/music of others/a.wav", {}, False),
        ("/music/closed/a.wav", {"unreadable": ["/music/closed"]}, False),
        ("file:///music/closed/caf%E9.wav", {"unreadable": ["/music/closed"]}, False),
        ("/music/closed too/a.wav", {"unreadable": ["/music/closed"]}, True),
        ("/music/left out.wav", {"excluded": {"/music/left out.wav"}}, False),
    ],
)
def test_a_file_is_gone_if_it_was_looked_for_and_not_found(
    fake: Fake, recipe: Recipe, uri: str, more: dict[str, Any], is_gone: bool
) -> None:
    fake.file(uri, track_id(0))
    rows = planned(fake, recipe, [], **more).file_rows
    assert [row["uri"] for row in rows if row["missing_since"] is not None] == [uri] * is_gone
    fake.file(uri, track_id(0), missing=True)
    assert planned(fake, recipe, [], **more).file_rows == [], "told once"
