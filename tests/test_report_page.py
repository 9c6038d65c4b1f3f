"""report: a page that works alone, by hand and by keys, whatever tags say."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import browser
from fakes import Fake
from jobs.pictures.report_page import render_page
from jobs.pictures.report_words import count
from report_data import NUM, TRAP, values


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
    chromium: Any, page: Path, reported: Fake, card: dict[str, Any]
) -> None:
    browser.visit(chromium, page)
    coverage = {row[0]: row[3:7] for row in chromium.execute_script(ROWS, "#coverage")}
    names = ("rows", "missing", "stale", "failed")
    assert coverage == {name: [row[kind] for kind in names] for name, row in card["fragments"].items()}
    assert coverage["rhythm"][0] == len(reported.dataset.table("rhythm"))
    tempo = values(reported, "rhythm", "tempo_bpm")
    for words, number in chromium.execute_script(ROWS, "#chart-tempo"):
        low, high = map(float, words.split(" to "))
        assert number == sum(low <= value < high for value in tempo)
    languages = {row[0]: row[1] for row in chromium.execute_script(ROWS, "#chart-language details")}
    held = Counter(values(reported, "lyrics", "language"))
    assert languages == {**held, "without": NUM - held.total()}
    splits = chromium.execute_script(ROWS, "#splits")
    assert splits[0][3:] == [NUM, *card["snapshots"][0]["split"].values()]
    columns = ("audio_s", "seconds", "realtime_factor", "slowest_fragment", "slowest_fragment_s")
    slowest = [row[1:] for row in chromium.execute_script(ROWS, "#slowest-tracks")]
    assert slowest == [[row[name] for name in columns] for row in card["slowest_tracks"]]
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
