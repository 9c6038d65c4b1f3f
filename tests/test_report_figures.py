"""report: figures that follow from the rows, as the tables, status and snapshots have them."""

import json
import statistics
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fakes import Fake, fingerprint, track_id
from jobs.pictures import report_distributions
from jobs.pictures.report import dataset_card
from jobs.pictures.report_distributions import MAX_BINS
from jobs.pictures.report_history import snapshots
from jobs.pictures.report_page import render_page
from pipeline.accounts import standing_failures
from pipeline.snapshot import create_snapshot
from pipeline.status import status_report
from report_data import NUM, PRINTS, TRAP, by_name, tracks, values


def test_coverage_is_that_of_status(reported: Fake, card: dict[str, Any], tmp_path: Path) -> None:
    status = status_report(reported.dataset)
    assert card["fragments"] == status["fragments"]
    for name in ("tracks", "audio_hours", "files", "missing_files"):
        assert card[name] == status[name]
    assert [card["fragments"]["rhythm"][kind] for kind in ("rows", "missing", "stale", "failed")] == [34, 2, 0, 4]
    changed = reported.copy(tmp_path / "changed")
    new = PRINTS | {"rhythm": fingerprint("rhythm, changed"), "tracks": fingerprint("tracks, changed")}
    changed.run(new, promoted={}, status="interrupted")
    assert dataset_card(changed.dataset)["fragments"] == status_report(changed.dataset)["fragments"]
    changed.rows("rhythm", [{"track_id": track_id(0)}], new["rhythm"])
    changed.failure(track_id(1), "/music/1.wav", "rhythm", new["rhythm"])
    found = dataset_card(changed.dataset)["fragments"]
    assert found == status_report(changed.dataset)["fragments"]
    assert (found["rhythm"]["stale"], found["tracks"]["stale"]) == (32, NUM)


def test_failures_are_those_that_stand(reported: Fake, card: dict[str, Any]) -> None:
    standing = standing_failures(reported.dataset, reported.dataset.current())
    counted = Counter((row["fragment"], row["reason"]) for row in standing)
    assert {(row["fragment"], row["reason"]): row["count"] for row in card["failures"]} == counted
    assert card["failed_tracks"] == 5
    [hostile] = [row for row in card["failures"] if row["fragment"] == "tracks"]
    assert hostile["examples"] == [{"uri": f"/music/{TRAP}.wav", "message": "no luck with tracks"}]
    assert hostile["meaning"] == "no decoder recognises the content"


@pytest.mark.parametrize(
    ("name", "fragment", "column"),
    [
        ("tempo", "rhythm", "tempo_bpm"),
        ("loudness", "level", "loudness_lufs"),
        ("duration", "tracks", "duration_s"),
    ],
)
def test_histograms_count_what_the_tables_hold(
    reported: Fake, card: dict[str, Any], name: str, fragment: str, column: str
) -> None:
    found, held = by_name(card["distributions"])[name], values(reported, fragment, column)
    edges = found["edges"]
    assert (found["tracks"], found["without"]) == (len(held), NUM - len(held))
    assert (found["min"], found["max"]) == (min(held), max(held))
    assert found["median"] == pytest.approx(statistics.median(held))
    assert found["counts"] == [sum(low <= value < high for value in held) for low, high in pairwise(edges)]
    assert found["above"] == sum(value >= edges[-1] for value in held)
    assert found["below"] == 0
    assert len(found["counts"]) <= MAX_BINS


def test_an_outlier_does_not_stretch_the_axis(card: dict[str, Any]) -> None:
    found = by_name(card["distributions"])["duration"]
    assert (found["max"], found["above"]) == (5000.0, 1)
    assert found["edges"][-1] < 200
    assert sum(number > 0 for number in found["counts"]) > 5


def test_an_outlier_below_is_told_beside_the_axis(reported: Fake, tmp_path: Path) -> None:
    changed = reported.copy(tmp_path / "changed")
    new = PRINTS | {"rhythm": fingerprint("rhythm, changed")}
    changed.run(new)
    tempi_bpm = [1.0, *(120 + n / 10 for n in range(1, NUM))]
    changed.rows("rhythm", [{"track_id": track_id(n), "tempo_bpm": bpm} for n, bpm in enumerate(tempi_bpm)], new["rhythm"])  # fmt: skip # noqa: E501
    found = by_name(dataset_card(changed.dataset)["distributions"])["tempo"]
    assert (found["below"], found["above"], sum(found["counts"]), found["min"]) == (1, 0, NUM - 1, 1.0)
    assert found["edges"][0] > 100


def test_what_is_not_among_the_most_frequent_values_is_counted_together(
    reported: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_distributions, "MAX_VALUES", 1)
    found = by_name(dataset_card(reported.dataset)["distributions"])["key"]
    held = Counter(values(reported, "harmony", "key"))
    number = max(held.values())
    assert found["values"] == [{"value": min(key for key in held if held[key] == number), "count": number}]
    assert (found["others"], found["num_others"]) == (held.total() - number, len(held) - 1)


def test_words_are_counted_and_the_sidecar_comes_first(reported: Fake, card: dict[str, Any]) -> None:
    found = by_name(card["distributions"])
    for name, fragment, column_ in (("key", "harmony", "key"), ("language", "lyrics", "language")):
        held = Counter(values(reported, fragment, column_))
        assert {row["value"]: row["count"] for row in found[name]["values"]} == held
        assert found[name]["without"] == NUM - held.total()
    assert found["genre_guess"]["values"] == [{"value": "blues", "count": NUM // 2}]
    rights, licence = card["rights"]
    written = Counter(row["rights"] for row in tracks()) - Counter([TRAP, None]) + Counter(["CC0 1.0"])
    assert {row["value"]: row["count"] for row in rights["values"]} == {k: v for k, v in written.items() if k}
    assert (licence["name"], licence["tracks"], licence["without"]) == ("licence", 1, NUM - 1)


def test_agreements_runs_compute_and_splits(reported: Fake, card: dict[str, Any]) -> None:
    tempo, key = card["agreements"]
    assert (tempo["label"], tempo["below"], tempo["tracks"]) == ("tempo", 0, NUM // 2)
    assert (key["label"], key["below"], key["tracks"]) == ("key", NUM // 2, NUM)
    newest, *others = card["runs"]
    assert (newest["run_id"], newest["realtime_factor"], newest["dead"]) == ("second", 50.0, False)
    assert {run["run_id"]: run["dead"] for run in others} == {"first": False, "dead": True}
    slowest, fastest = card["compute"]
    assert (slowest["fragment"], slowest["seconds"], slowest["realtime_factor"]) == ("rhythm", 400.0, 20.0)
    assert (fastest["fragment"], fastest["share"]) == ("level", 0.2)
    [snapshot] = card["snapshots"]
    document = json.loads(Path(reported.location, "snapshots", "first.json").read_text())
    assert snapshot["split"] == {side: len(ids) for side, ids in document["split"]["tracks"].items()}
    assert snapshot["tracks"] == NUM


def test_the_slowest_tracks_are_those_of_the_builds_where_they_took_longest(card: dict[str, Any]) -> None:
    found = card["slowest_tracks"]
    assert [(row["track_id"], row["seconds"]) for row in found] == [
        (track_id(3), 400.0),
        (track_id(0), 50.0),
        (track_id(7), 50.0),
    ], "a track that is not in the dataset is left out"
    assert [row["title"] for row in found] == ["Song 3", TRAP, "Song 7"]
    assert found[0] | {"title": 0, "artist": 0, "uri": 0} == {
        **dict.fromkeys(("title", "artist", "uri"), 0),
        "track_id": track_id(3),
        "audio_s": 63.0,
        "seconds": 400.0,
        "realtime_factor": pytest.approx(63 / 400),
        "slowest_fragment": "rhythm",
        "slowest_fragment_s": 300.0,
    }


def test_duplicates(card: dict[str, Any]) -> None:
    copies, near = card["duplicates"]["copies"], card["duplicates"]["near_identical"]
    assert (copies["tracks"], copies["extra_files"], copies["examples"][0]["track_id"]) == (1, 1, track_id(0))
    assert (near["groups"], near["tracks"]) == (1, 2)
    assert [row["track_id"] for row in near["examples"][0]["tracks"]] == [track_id(38), track_id(39)]


def test_a_snapshot_is_reported_as_it_was(reported: Fake, tmp_path: Path) -> None:
    changed = reported.copy(tmp_path / "changed")
    before = dataset_card(changed.dataset, "first")
    new = PRINTS | {"rhythm": fingerprint("rhythm, changed")}
    changed.run(new)
    changed.rows("rhythm", [{"track_id": track_id(n), "tempo_bpm": 1.0} for n in range(NUM)], new["rhythm"])
    after = dataset_card(changed.dataset, "first")
    assert before | {"made_at": 0} == after | {"made_at": 0}


def test_a_damaged_snapshot_costs_only_its_row(reported: Fake, card: dict[str, Any], tmp_path: Path) -> None:
    changed = reported.copy(tmp_path / "changed")
    create_snapshot(changed.dataset, "second")
    Path(changed.location, "snapshots", "first.json").write_text("{}")
    damaged, whole = snapshots(changed.dataset)
    assert "damaged" in damaged["problem"]
    assert whole["tracks"] == NUM
    assert damaged["problem"].partition(":")[0].replace("'", "&#39;") in render_page(
        card | {"snapshots": [damaged, whole]}
    )
