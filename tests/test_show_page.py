"""The page of a track in a browser: it draws, plays, follows the keyboard and the pointer, and believes no tag."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import browser
from drawn_songs import draw_song
from jobs.demo.score import Song
from jobs.demo.songs import short_song
from jobs.demo.truth import truth
from jobs.main import main
from jobs.pictures.track_colours import SECTIONS

pytestmark = browser.needed

SONG = short_song(0)
TRUTH = truth(SONG)
CLOCK_S = 0.11  # it shows tenths, cut off, and a pixel is a hundredth
HOSTILE = '</script><img src=x onerror="hacked=1"><script>hacked=1</script>\'"&{{ 7*7 }}'


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser.started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


def drawn(folder: Path, song: Song = SONG, keep_sound: bool = True, **tags: Any) -> Path:
    fake = draw_song(folder, song, **tags)
    if not keep_sound:
        (folder / song.file_name).unlink()
    [row] = fake.dataset.table("tracks").to_pylist()
    assert main(["show", fake.location, row["track_id"], "--out", str(folder / "page.html")]) == 0
    return folder / "page.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("page"))


@pytest.fixture
def opened(chromium: Any, page: Path) -> Any:
    browser.visit(chromium, page)
    return chromium


def wait_for(driver: Any, condition: Callable[[], Any]) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 60, poll_frequency=0.05).until(lambda _: condition())


def text(driver: Any, selector: str) -> str:
    return str(driver.execute_script("return document.querySelector(arguments[0]).textContent", selector))


def now_s(driver: Any) -> float:
    minutes, seconds = text(driver, "#clock").split(":")
    return 60 * int(minutes) + float(seconds)


def press(driver: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(driver).send_keys(*keys).perform()


def click(driver: Any, lane: str, time_s: float) -> None:
    """Click where a time is, in the whole track's view."""
    from selenium.webdriver import ActionChains

    canvas = driver.find_element("css selector", f"#lane-{lane} canvas")
    width = canvas.rect["width"]
    offset = round(time_s / TRUTH["duration_s"] * width - width / 2)
    ActionChains(driver).move_to_element_with_offset(canvas, offset, 0).click().perform()


def cursor_s(driver: Any) -> float:
    """The time at which the cursor stands on the screen."""
    script = """
        const box = document.querySelector("#ticks").getBoundingClientRect();
        const cursor = document.querySelector("#cursor").getBoundingClientRect();
        return (cursor.left + cursor.width / 2 - box.left) / box.width;"""
    return float(driver.execute_script(script)) * float(TRUTH["duration_s"])


def expected_at(time_s: float) -> dict[str, str]:
    """What was composed to be at a time."""
    [section] = [s["type"] for s in TRUTH["sections"] if s["start_s"] <= time_s < s["end_s"]]
    [chord] = [s["label"] for s in TRUTH["chords"] if s["start_s"] <= time_s < s["end_s"]]
    beat = sum(beat_s <= time_s for beat_s in TRUTH["beats_s"]) - 1
    return {"sections": section, "chords": chord.removesuffix(":maj"), "beats": f"{beat // 4 + 1}.{beat % 4 + 1}"}


def test_every_lane_is_there_with_its_texts(opened: Any) -> None:
    assert browser.problems(opened) == []
    heads = [node.text for node in opened.find_elements("css selector", ".lane h2")]
    lanes = ["Sections", "Waveform", "Beats", "Chords", "Numerals", "Spectrogram", "F0", "Words", "Phonemes"]
    assert heads == lanes
    script = "return [...document.querySelectorAll(`#table-${arguments[0]} tbody tr`)].map(r => r.cells[2].textContent)"
    chords = [span["label"] for span in TRUTH["chords"]]
    assert opened.execute_script(script, "chords") == [c.removesuffix(":maj").replace("N", "–") for c in chords]  # noqa: RUF001
    assert opened.execute_script(script, "sections") == [span["type"] for span in TRUTH["sections"]]
    assert text(opened, "#lyrics").split()[:5] == ["Lyrics", "all", "the", "harbour", "lights"]
    labels = [node.get_attribute("aria-label") for node in opened.find_elements("css selector", "canvas[role=img]")]
    assert len(labels) == 9
    assert "6 chords, as text below" in labels


def test_every_canvas_is_painted(chromium: Any, page: Path, tmp_path: Path) -> None:
    browser.visit(chromium, page, height_px=1400)
    image = browser.screenshot(chromium, tmp_path / "page.png")
    assert browser.num_colours(image) > 200
    for name in ("sections", "waveform", "beats", "chords", "spectrogram", "pitch", "words"):
        box = chromium.execute_script(f"return document.querySelector('#lane-{name} canvas').getBoundingClientRect()")
        top, left = round(box["top"]), round(box["left"])
        lane = image[top : top + round(box["height"]), left : left + round(box["width"])]
        assert browser.num_colours(lane) > 3, name


def test_sections_have_their_colours_where_they_are(opened: Any, tmp_path: Path) -> None:
    image = browser.screenshot(opened, tmp_path / "page.png")
    box = opened.execute_script("return document.querySelector('#lane-sections canvas').getBoundingClientRect()")
    chorus = TRUTH["sections"][1]
    for share in (0.02, 0.98):
        time_s = chorus["start_s"] + share * (chorus["end_s"] - chorus["start_s"])
        pixel = image[round(box["top"] + 8), round(box["left"] + time_s / TRUTH["duration_s"] * box["width"])]
        assert pixel == pytest.approx(SECTIONS["chorus"].rgb(0.885), abs=0.012)


@pytest.mark.parametrize("lane", ["sections", "spectrogram", "chords"])
def test_a_click_moves_the_cursor_and_says_what_is_there(lane: str, opened: Any) -> None:
    for time_s in (1.3, 5.2, 7.1):
        click(opened, lane, time_s)
        assert now_s(opened) == pytest.approx(time_s, abs=CLOCK_S)
        assert cursor_s(opened) == pytest.approx(time_s, abs=0.02)
        found = {name: text(opened, f"[data-now={name}]") for name in ("sections", "chords", "beats")}
        assert found == expected_at(time_s)
        slider = opened.find_element("id", "overview")
        assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(time_s, abs=0.1)


def test_the_word_that_is_sung_is_marked_and_a_click_on_one_goes_there(opened: Any) -> None:
    note = TRUTH["notes"][2]
    click(opened, "words", (note["start_s"] + note["end_s"]) / 2)
    assert text(opened, "#lyrics .at") == "harbour" == text(opened, "[data-now=words]")
    opened.execute_script("document.querySelectorAll('#lyrics [data-start]')[3].click()")
    assert text(opened, "#lyrics .at") == "lights"
    assert now_s(opened) == pytest.approx(TRUTH["notes"][3]["start_s"], abs=0.1)


def test_it_plays_and_the_cursor_moves_with_the_sound(opened: Any) -> None:
    opened.find_element("id", "play").click()
    wait_for(opened, lambda: now_s(opened) > 0.5)
    assert text(opened, "#play") == "Pause"
    assert cursor_s(opened) > 0.4
    press(opened, " ")  # the button has the focus: it is pressed, once
    wait_for(opened, lambda: text(opened, "#play") == "Play")
    held = now_s(opened)
    sound_s = opened.execute_script("return document.querySelector('audio').currentTime")
    assert held == pytest.approx(sound_s, abs=CLOCK_S)
    assert now_s(opened) == held, "it stays where it was paused"
    assert browser.problems(opened) == []


def test_the_keyboard_does_everything(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    press(opened, Keys.ARROW_RIGHT)
    assert now_s(opened) == 5
    press(opened, "[")
    assert now_s(opened) == pytest.approx(0, abs=0.1)
    press(opened, "]")
    assert now_s(opened) == pytest.approx(TRUTH["sections"][1]["start_s"], abs=0.1)
    press(opened, Keys.ARROW_LEFT)
    assert now_s(opened) == 0
    press(opened, Keys.END)
    assert now_s(opened) == pytest.approx(TRUTH["duration_s"], abs=0.1)
    press(opened, Keys.HOME, "+", "+")
    assert opened.execute_script("return view.span") == pytest.approx(TRUTH["duration_s"] / 4, abs=0.05)
    press(opened, "0", " ")
    wait_for(opened, lambda: text(opened, "#play") == "Pause")
    press(opened, " ")
    wait_for(opened, lambda: text(opened, "#play") == "Play")


def test_focus_goes_through_the_controls_and_is_seen(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    seen = []
    for _ in range(5):
        press(opened, Keys.TAB)
        script = "const a = document.activeElement; return [a.id, getComputedStyle(a).outlineStyle]"
        seen.append(tuple(opened.execute_script(script)))
    assert seen == [(name, "solid") for name in ("play", "zoom-out", "zoom-all", "zoom-in", "overview")]


def test_zoomed_in_the_view_moves_by_dragging_and_follows_the_cursor(opened: Any) -> None:
    from selenium.webdriver import ActionChains

    for _ in range(2):
        opened.find_element("id", "zoom-in").click()
    canvas = opened.find_element("css selector", "#lane-waveform canvas")
    ActionChains(opened).drag_and_drop_by_offset(canvas, -round(canvas.rect["width"] / 4), 0).perform()
    start_s, span_s = opened.execute_script("return [view.start, view.span]")
    assert start_s == pytest.approx(span_s / 4, rel=0.05)
    assert now_s(opened) == 0, "a drag does not seek"
    opened.execute_script("seek(8)")
    start_s, span_s = opened.execute_script("return [view.start, view.span]")
    assert start_s <= 8 <= start_s + span_s


def test_tags_and_words_are_text_and_nothing_else(chromium: Any, tmp_path: Path) -> None:
    page = drawn(tmp_path, title=HOSTILE, artist=HOSTILE, genre_tag=HOSTILE, words=[HOSTILE], chord=HOSTILE)
    browser.visit(chromium, page)
    assert browser.problems(chromium) == []
    assert chromium.execute_script("return typeof hacked") == "undefined"
    assert chromium.find_elements("css selector", "img") == []
    assert len(chromium.find_elements("css selector", "script")) == 2
    assert chromium.title == HOSTILE
    assert text(chromium, "h1") == HOSTILE
    assert HOSTILE in text(chromium, ".facts")
    assert HOSTILE in text(chromium, "#table-chords")
    assert HOSTILE in text(chromium, "#lyrics")
    click(chromium, "chords", 1.0)
    assert text(chromium, "[data-now=chords]") == HOSTILE
    assert text(chromium, "#tip").startswith(HOSTILE)


def test_without_sound_the_cursor_still_goes_where_it_is_told(chromium: Any, tmp_path: Path) -> None:
    browser.visit(chromium, drawn(tmp_path, keep_sound=False))
    assert browser.problems(chromium) == []
    assert not chromium.find_element("id", "play").is_enabled()
    assert "the file was not there" in text(chromium, ".silent")
    click(chromium, "chords", 3.0)
    assert text(chromium, "[data-now=chords]") == expected_at(3.0)["chords"]
    press(chromium, " ")
    assert now_s(chromium) == pytest.approx(3.0, abs=CLOCK_S)


def test_a_dark_scheme_is_dark(chromium: Any, page: Path, tmp_path: Path) -> None:
    images = []
    for dark in (False, True):
        browser.visit(chromium, page, dark=dark)
        images.append(browser.screenshot(chromium, tmp_path / f"{dark}.png"))
        assert browser.problems(chromium) == []
    assert images[0][2, 2].min() > 0.9
    assert images[1][2, 2].max() < 0.15
    assert np.mean(images[0]) > 0.7 > 0.35 > np.mean(images[1])


def test_a_narrow_screen_needs_no_sideways_scrolling(chromium: Any, page: Path) -> None:
    browser.visit(chromium, page, width_px=360, height_px=740)
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 360
    boxes = [node.rect for node in chromium.find_elements("css selector", ".lane canvas")]
    assert min(box["width"] for box in boxes) > 300
