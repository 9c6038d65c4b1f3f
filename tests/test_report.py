"""report: figures that follow from the rows, and a page that works alone, by hand and by keys, whatever tags say."""

import json
import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import browser
from fakes import FRAGMENTS, START, Fake, fingerprint, track, track_id
from jobs.main import main
from jobs.pictures import report_map
from jobs.pictures.report import dataset_card
from jobs.pictures.report_distributions import MAX_BINS, round_steps
from jobs.pictures.report_history import snapshots
from jobs.pictures.report_map import project
from jobs.pictures.report_page import render_page
from jobs.pictures.report_words import count, percent
from pipeline.accounts import standing_failures
from pipeline.snapshot import create_snapshot
from pipeline.status import status_report
from schemas.fragment import Fragment, column
from schemas.fragments.clap import CLAP
from schemas.fragments.lyrics import LYRICS
from schemas.fragments.theory import THEORY

TRAP = "</script><script>hacked=1</script>\"'><img src=x onerror=hacked=1>{{ 7*7 }}&lt;\u202e\x1b[2J"
AGREEMENTS = ("tempo_agreement", "beat_agreement", "key_agreement", "chord_agreement")
OPINIONS = Fragment("opinions", 1, "Agreement.", tuple(column(name, pa.float32(), doc="0-1") for name in AGREEMENTS))
ADDED = {f.name: f for f in (CLAP, LYRICS, THEORY, OPINIONS)}
PRINTS = {name: fingerprint(name) for name in [*FRAGMENTS, *ADDED]}
NUM = 40


def tracks() -> list[dict[str, Any]]:
    rows = [
        track(
            n,
            artist=f"Artist {n // 4}",
            genre_tag=("Rock", "Folk", None)[n % 3],
            rights=("CC BY 4.0", None, TRAP)[n % 3],
        )
        for n in range(NUM)
    ]
    rows[0] |= {"title": TRAP, "artist": TRAP, "genre_tag": TRAP}
    rows[1] |= {"title": None, "duration_s": 5000.0}
    rows[39]["duration_s"] = rows[38]["duration_s"]
    return rows


def fill(made: Fake) -> None:
    """Rows of every kind that a report looks at; numbers are unlike each other, so that no two can be confused."""
    rng = np.random.default_rng(0)
    spectrum = rng.normal(0, 40, (NUM, 20))
    spectrum[39] = spectrum[38] + 0.5
    vectors = rng.normal(0, 1, (NUM, 512))
    some = [track_id(n) for n in range(NUM)]
    columns: dict[str, list[dict[str, Any]]] = {
        "level": [{"loudness_lufs": -10.0 - n / 3 if n % 5 else None} for n in range(NUM)],
        "rhythm": [{"tempo_bpm": 70.0 + 2.5 * n} for n in range(NUM - 6)],
        "harmony": [{"key": ("F# minor", "Bb major", "C major", None)[n % 4]} for n in range(NUM - 1)],
        "timbre": [{"mfcc_mean": row.tolist()} for row in spectrum],
        "lyrics": [{"language": ("en", "pt", None)[n % 3]} for n in range(20)],
        "theory": [{"genres": [{"genre": "blues"}, {"genre": "rock"}] if n % 2 else []} for n in range(NUM)],
        "clap": [{"clap_audio_embedding": row.tolist() if n > 1 else None} for n, row in enumerate(vectors)],
        "opinions": [{"key_agreement": n / NUM, "tempo_agreement": 0.5 if n % 2 else None} for n in range(NUM)],
    }
    made.rows("tracks", tracks(), PRINTS["tracks"])
    for name, rows in columns.items():
        keyed = [{"track_id": track_id} | row for track_id, row in zip(some, rows, strict=False)]
        made.rows(name, keyed, PRINTS[name], ADDED.get(name))
    made.plain("files", [made.file_row(f"/music/{n}.wav", track_id(n)) for n in range(NUM)])
    made.file("/copies/0.wav", track_id(0))
    made.file("/music/2.wav", track_id(2), metadata={"licence": "CC0", "rights": "CC0 1.0"})
    made.file("/gone/3.wav", track_id(3), missing=True)
    made.file(f"/music/{TRAP}.wav", None)
    made.failure(None, f"/music/{TRAP}.wav", "tracks", PRINTS["tracks"], "not_audio")
    for n in range(NUM - 6, NUM - 2):
        made.failure(track_id(n), f"/music/{n}.wav", "rhythm", PRINTS["rhythm"], "timeout" if n % 4 else "error")


def write_run(made: Fake, run_id: str, **columns: Any) -> None:
    """A build on record, an hour long."""
    counts = {"new": 7, "failed": 3, "wall_s": 3600.0, "audio_hours": 50.0, "realtime_factor": 50.0}
    row = {
        "run_id": run_id,
        "status": "done",
        "started_at": START - timedelta(days=1),
        "finished_at": START,
        "recipe": json.dumps({"name": "full", "fragments": {}}),
        "fingerprints": list(PRINTS.items()),
        "promoted": list(PRINTS.items()),
        "counts": json.dumps(counts),
        "seconds": [("rhythm", 300.0), ("level", 100.0)],
        "audio_s": [("rhythm", 6000.0), ("level", 6000.0)],
    }
    made.plain("runs", [row | columns], f"{run_id}-end")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    made = Fake(tmp_path_factory.mktemp("shared") / "data <b>set")
    write_run(made, "first")
    write_run(made, "second", started_at=START, seconds=[("rhythm", 100.0)], audio_s=[("rhythm", 2000.0)])
    write_run(made, "dead", status="running", counts=None, promoted=[], seconds=None, audio_s=None)
    fill(made)
    create_snapshot(made.dataset, "first")
    return made


@pytest.fixture(scope="module")
def card(shared: Fake) -> dict[str, Any]:
    return dataset_card(shared.dataset)


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


def values(fake: Fake, fragment: str, column: str) -> list[Any]:
    return [value for value in fake.dataset.table(fragment)[column].to_pylist() if value is not None]


def test_coverage_is_that_of_status(shared: Fake, card: dict[str, Any], tmp_path: Path) -> None:
    status = status_report(shared.dataset)
    assert card["fragments"] == status["fragments"]
    for name in ("tracks", "audio_hours", "files", "missing_files"):
        assert card[name] == status[name]
    assert [card["fragments"]["rhythm"][kind] for kind in ("rows", "missing", "stale", "failed")] == [34, 2, 0, 4]
    changed = shared.copy(tmp_path / "changed")
    new = PRINTS | {"rhythm": fingerprint("rhythm, changed"), "tracks": fingerprint("tracks, changed")}
    changed.run(new, promoted={}, status="interrupted")
    assert dataset_card(changed.dataset)["fragments"] == status_report(changed.dataset)["fragments"]
    changed.rows("rhythm", [{"track_id": track_id(0)}], new["rhythm"])
    changed.failure(track_id(1), "/music/1.wav", "rhythm", new["rhythm"])
    found = dataset_card(changed.dataset)["fragments"]
    assert found == status_report(changed.dataset)["fragments"]
    assert (found["rhythm"]["stale"], found["tracks"]["stale"]) == (32, NUM)


def test_failures_are_those_that_stand(shared: Fake, card: dict[str, Any]) -> None:
    standing = standing_failures(shared.dataset, shared.dataset.current())
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
    shared: Fake, card: dict[str, Any], name: str, fragment: str, column: str
) -> None:
    found, held = by_name(card["distributions"])[name], values(shared, fragment, column)
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


def test_words_are_counted_and_the_sidecar_comes_first(shared: Fake, card: dict[str, Any]) -> None:
    found = by_name(card["distributions"])
    for name, fragment, column_ in (("key", "harmony", "key"), ("language", "lyrics", "language")):
        held = Counter(values(shared, fragment, column_))
        assert {row["value"]: row["count"] for row in found[name]["values"]} == held
        assert found[name]["without"] == NUM - held.total()
    assert found["genre_guess"]["values"] == [{"value": "blues", "count": NUM // 2}]
    rights, licence = card["rights"]
    written = Counter(row["rights"] for row in tracks()) - Counter([TRAP, None]) + Counter(["CC0 1.0"])
    assert {row["value"]: row["count"] for row in rights["values"]} == {k: v for k, v in written.items() if k}
    assert (licence["name"], licence["tracks"], licence["without"]) == ("licence", 1, NUM - 1)


def test_agreements_runs_compute_and_splits(shared: Fake, card: dict[str, Any]) -> None:
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
    document = json.loads(Path(shared.location, "snapshots", "first.json").read_text())
    assert snapshot["split"] == {side: len(ids) for side, ids in document["split"]["tracks"].items()}
    assert snapshot["tracks"] == NUM


def test_duplicates(card: dict[str, Any]) -> None:
    copies, near = card["duplicates"]["copies"], card["duplicates"]["near_identical"]
    assert (copies["tracks"], copies["extra_files"], copies["examples"][0]["track_id"]) == (1, 1, track_id(0))
    assert (near["groups"], near["tracks"]) == (1, 2)
    assert [row["track_id"] for row in near["examples"][0]["tracks"]] == [track_id(38), track_id(39)]


def test_a_snapshot_is_reported_as_it_was(shared: Fake, tmp_path: Path) -> None:
    changed = shared.copy(tmp_path / "changed")
    before = dataset_card(changed.dataset, "first")
    new = PRINTS | {"rhythm": fingerprint("rhythm, changed")}
    changed.run(new)
    changed.rows("rhythm", [{"track_id": track_id(n), "tempo_bpm": 1.0} for n in range(NUM)], new["rhythm"])
    after = dataset_card(changed.dataset, "first")
    assert before | {"made_at": 0} == after | {"made_at": 0}


def test_a_damaged_snapshot_costs_only_its_row(shared: Fake, card: dict[str, Any], tmp_path: Path) -> None:
    changed = shared.copy(tmp_path / "changed")
    create_snapshot(changed.dataset, "second")
    Path(changed.location, "snapshots", "first.json").write_text("{}")
    damaged, whole = snapshots(changed.dataset)
    assert "damaged" in damaged["problem"]
    assert whole["tracks"] == NUM
    assert damaged["problem"].partition(":")[0].replace("'", "&#39;") in render_page(
        card | {"snapshots": [damaged, whole]}
    )


@given(st.integers(1, 60), st.integers(3, 12), st.integers(0, 1000))
def test_the_map_keeps_as_much_variance_as_two_axes_can(num: int, size: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(0, 1, (num, size))
    found, shares = project(vectors)
    strengths = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    best = np.append(strengths, np.zeros(2))[:2]
    np.testing.assert_allclose((found**2).sum(axis=0), best, atol=1e-8)
    np.testing.assert_allclose(shares, best / strengths.sum() if num > 1 else (0, 0), atol=1e-8)
    np.testing.assert_allclose(project(vectors)[0], found)


def test_the_sample_of_the_map_is_said_and_steady(
    shared: Fake, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_map, "SAMPLE", 10)
    sampled = dataset_card(shared.dataset)["map"]
    assert (sampled["tracks"], sampled["sampled"]) == (NUM, 10)
    assert "A sample: 10 of 40 tracks" in render_page(card | {"map": sampled})
    ids = [point["track_id"] for point in sampled["points"]]
    assert ids == [point["track_id"] for point in card["map"]["points"]][: len(ids)]


@given(st.floats(0, 1))
def test_only_everything_is_all(share: float) -> None:
    assert (percent(share) == "100\u202f%") == (share == 1)
    assert (percent(share) == "0\u202f%") == (share == 0)


def test_clocks_and_powers_of_ten_have_round_steps() -> None:
    for unit, after in (("s", [30.0, 60.0]), ("BPM", [50.0, 100.0])):
        steps = round_steps(unit)
        assert [next(step for step in steps if step > least) for least in (20, 40)] == after


EMPTY = {
    "nothing": [],
    "failures only": ["failure"],
    "no embeddings": ["tracks"],
    "no promoted fragment": ["unpromoted"],
}


@pytest.mark.parametrize("kinds", EMPTY.values(), ids=EMPTY)
def test_a_sensible_page_of_little(kinds: list[str], tmp_path: Path) -> None:
    made = Fake(tmp_path)
    made.run(PRINTS, promoted={} if "unpromoted" in kinds else None)
    if "failure" in kinds:
        made.file("/music/a.mp3", None)
        made.failure(None, "/music/a.mp3", "tracks", PRINTS["tracks"], "not_audio")
    if "tracks" in kinds:
        made.rows("tracks", [track(0)], PRINTS["tracks"])
    card = dataset_card(made.dataset)
    page = render_page(card)
    assert card["map"] is None
    assert (card["tracks"], card["failed_tracks"]) == (int("tracks" in kinds), int("failure" in kinds))
    assert "No map" in page
    assert ("No track has decoded; 1 failed." in page) == ("failure" in kinds)
    assert page.count("NaN") == 0


def test_the_command_writes_the_page_and_prints_where(
    shared: Fake, card: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    out.write_text("old")
    assert main(["report", shared.location, "--out", str(out), "--snapshot", "first"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert "snapshot first" in out.read_text()
    assert list(tmp_path.iterdir()) == [out], "nothing is left beside it"
    assert main(["report", shared.location, "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed | {"made_at": 0} == card | {"made_at": 0}
    assert f"Made {printed['made_at'][:10]}" in out.read_text()


BAD = {
    "neither": ([], "--out FILE.html"),
    "no page": (["--out", "report.pdf"], "ends in .html"),
    "a folder": (["--out", "{tmp}/folder.html"], "is a folder"),
    "nowhere": (["--out", "{tmp}/none/report.html"], "cannot write"),
    "no snapshot": (["--json", "--snapshot", "none"], "no snapshot 'none'"),
}


@pytest.mark.parametrize(("words", "complaint"), BAD.values(), ids=BAD)
def test_bad_arguments(
    shared: Fake, words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.html").mkdir()
    assert main(["report", shared.location, *(word.format(tmp=tmp_path) for word in words)]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert (said.err.count("\n"), said.out) == (1, "")
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report.html")]) == 2


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(card: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(card), encoding="utf-8")
    return path


ROWS = """
    return [...document.querySelectorAll(arguments[0] + ' tbody tr')].map(row => [...row.cells].map(
        cell => cell.classList.contains('n') ? Number(cell.dataset.value) : cell.textContent.trim()))"""


def test_names_and_tags_are_text_only(card: dict[str, Any]) -> None:
    html = render_page(card)
    assert "<img" not in html
    assert "onerror=hacked=1>" not in html
    assert html.count("<script") == 1
    assert "{{ 7*7 }}" in html
    assert "\x1b" not in html
    assert "/music/" not in html, "files by name, not by path"


@browser.needed
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_renders_alone(chromium: Any, page: Path, dark: bool, tmp_path: Path) -> None:
    browser.visit(chromium, page, dark=dark)
    image = browser.screenshot(chromium, tmp_path / "page.png")
    assert browser.problems(chromium) == []
    assert chromium.execute_script("return typeof hacked") == "undefined"
    assert browser.num_colours(image) > 50
    assert (image[0, 0].mean() < 0.2) == dark
    browser.visit(chromium, page, dark=dark, width_px=360)
    assert chromium.execute_script("return document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"


@browser.needed
def test_figures_on_the_page_are_those_of_the_tables_and_of_the_json(
    chromium: Any, page: Path, shared: Fake, card: dict[str, Any]
) -> None:
    browser.visit(chromium, page)
    coverage = {row[0]: row[3:7] for row in chromium.execute_script(ROWS, "#coverage")}
    names = ("rows", "missing", "stale", "failed")
    assert coverage == {name: [row[kind] for kind in names] for name, row in card["fragments"].items()}
    assert coverage["rhythm"][0] == len(shared.dataset.table("rhythm"))
    tempo = values(shared, "rhythm", "tempo_bpm")
    for words, number in chromium.execute_script(ROWS, "#chart-tempo"):
        low, high = map(float, words.split(" to "))
        assert number == sum(low <= value < high for value in tempo)
    languages = {row[0]: row[1] for row in chromium.execute_script(ROWS, "#chart-language details")}
    held = Counter(values(shared, "lyrics", "language"))
    assert languages == {**held, "without": NUM - held.total()}
    splits = chromium.execute_script(ROWS, "#splits")
    assert splits[0][3:] == [NUM, *card["snapshots"][0]["split"].values()]
    tiles = {name: chromium.find_element("id", f"tile-{name}").text for name in ("tracks", "failed")}
    assert tiles == {"tracks": count(NUM), "failed": "5"}
    assert chromium.find_element("id", "state").text.lower() == "incomplete"


@browser.needed
def test_the_map_answers_to_the_pointer_and_to_keys(chromium: Any, page: Path, card: dict[str, Any]) -> None:
    from selenium.webdriver import ActionChains, Keys

    browser.visit(chromium, page)
    svg, tip = (chromium.find_element("css selector", selector) for selector in (".plot svg", "#tip"))
    points = card["map"]["points"]
    assert [len(points), *[point["title"] for point in points if point["artist"] == TRAP]] == [NUM - 2]
    assert not tip.is_displayed()
    circle = chromium.find_elements("css selector", ".plot circle")[4]
    ActionChains(chromium).move_to_element(circle).perform()
    assert points[4]["title"] in tip.text
    assert points[4]["artist"] in tip.text
    ActionChains(chromium).move_to_element(chromium.find_element("tag name", "h1")).perform()
    assert not tip.is_displayed()
    chromium.execute_script("document.querySelector('[name=colour]').focus()")
    ActionChains(chromium).send_keys(Keys.TAB).perform()
    assert chromium.switch_to.active_element == svg
    assert tip.is_displayed()
    seen = set()
    for key in [Keys.HOME, *[Keys.PAGE_DOWN] * 5, Keys.ARROW_LEFT, Keys.ARROW_UP]:
        svg.send_keys(key)
        seen.add(tip.text)
    assert len(seen) >= 7
    svg.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()
    assert browser.problems(chromium) == []


@browser.needed
def test_colours_tables_and_details_answer_to_clicks(chromium: Any, page: Path) -> None:
    browser.visit(chromium, page)
    colour = "return getComputedStyle(document.querySelectorAll('.plot circle')[4]).fill"
    by_genre = chromium.execute_script(colour)
    chromium.find_element("css selector", "[name=colour][value=artist]").click()
    assert chromium.execute_script(colour) != by_genre
    rows = "#coverage"
    failed = [row[6] for row in chromium.execute_script(ROWS, rows)]
    button = chromium.find_elements("css selector", "#coverage th button")[5]
    for order in (True, False):
        button.click()
        assert [row[6] for row in chromium.execute_script(ROWS, rows)] == sorted(failed, reverse=order)
    table = chromium.find_element("css selector", "#chart-tempo details table")
    assert not table.is_displayed()
    chromium.find_element("css selector", "#chart-tempo summary").send_keys(" ")
    assert table.is_displayed()
    assert browser.problems(chromium) == []
