"""A headless Chromium for tests of pages: it asks no network, and says what the page complained about.

pytestmark = browser.needed

@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver

def test_page(chromium, tmp_path):
    browser.visit(chromium, page, dark=True)
    assert browser.problems(chromium) == []
"""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
_MISSING = [str(path) for path in (CHROMIUM, DRIVER) if not path.exists()]
needed = pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")
"""The mark of tests that start a browser."""

_QUIET = (
    "--headless=new",
    "--no-sandbox",  # root cannot have one, nor can others in most containers; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--force-device-scale-factor=1",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)

_WITHIN = ("file:", "data:", "blob:", "chrome:", "chrome-untrusted:")  # the browser's own pages ask for chrome:


@contextmanager
def started(profile: Path, width_px: int = 1280, height_px: int = 900) -> Iterator[Any]:
    """Yield a Chrome driver whose profile is a new folder; the browser ends with the block."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):  # Chrome() takes no newer way yet
        options.ignore_local_proxy_environment_variables()
    arguments = [*_QUIET, f"--user-data-dir={profile}", f"--window-size={width_px},{height_px}", "about:blank"]
    for argument in arguments:
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(str(DRIVER)))  # a path given: selenium looks for no driver to download
    try:
        driver.set_page_load_timeout(60)
        yield driver
    finally:
        driver.quit()


def visit(driver: Any, page: Path, dark: bool = False, width_px: int = 1280, height_px: int = 900) -> None:
    """Open a local file in a light or dark scheme and a viewport; complaints of earlier pages are forgotten."""
    for log in ("browser", "performance"):
        driver.get_log(log)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    size = {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.resolve().as_uri())


def problems(driver: Any) -> list[str]:
    """What the console has said since the visit at level warning or above, and every request beyond the page."""
    said = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]
    return said + [f"asked for {uri}" for uri in requests(driver) if not uri.startswith(_WITHIN)]


def requests(driver: Any) -> list[str]:
    """Every address that the page has asked for since the visit; a second call gives those after the first."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def screenshot(driver: Any, path: Path) -> npt.NDArray[np.float32]:
    """Save the viewport as PNG and return its pixels, ``(height, width, 3)``, 0-1."""
    assert driver.save_screenshot(str(path))
    return pixels(path)


def pixels(path: Path) -> npt.NDArray[np.float32]:
    """The pixels of a PNG, ``(height, width, 3)``, 0-1."""
    from matplotlib.image import imread

    image: npt.NDArray[np.float32] = imread(path)[:, :, :3]
    return image


def num_colours(image: npt.NDArray[np.float32]) -> int:
    """How many different colours an image has; a blank one has 1."""
    packed = (image * 255).astype(np.uint32) @ np.array([1, 256, 65_536], np.uint32)
    return len(np.unique(packed))
