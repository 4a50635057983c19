"""The published site in a real browser: a clean console, nothing missing, nothing cut off."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.records.record import RunRecord
from benchmarks.reporting.publish import publish
from benchmarks.reporting.site.report import write_report

from .synthetic_history import run_of, write_history
from .test_publish import COMPARISON, NAMES, write_judgements, write_packages

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
SIZES = {"phone": (360, 740), "desktop": (1280, 900)}
SCREENSHOTS = "TUBEQ_SCREENSHOTS"
"""A folder for pictures of every page, for people to look at."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        BROWSER is None or DRIVER is None,
        reason="no Chromium with its chromedriver (Debian: apt-get install chromium-driver)",
    ),
]

FACTS = """
const shown = (element) => element.getClientRects().length > 0;
const inside = (element) => element.closest(".scroll, pre") !== null;
const wide = document.documentElement.clientWidth;
return {
  overflow: document.documentElement.scrollWidth - wide,
  cut: [...document.querySelectorAll("main *")]
    .filter((e) => shown(e) && !inside(e) && !e.closest("svg") && !e.closest(".sr")
      && !e.closest("caption") && !e.closest("thead"))
    .filter((e) => e.getBoundingClientRect().right > wide + 1)
    .map((e) => e.outerHTML.slice(0, 120)),
  broken: [...document.images].filter((e) => !e.complete || e.naturalWidth === 0)
    .map((e) => e.src),
  images: document.images.length,
  plots: [...document.querySelectorAll("svg.plot")].filter(shown).map((e) => ({
    title: e.querySelector("title").textContent,
    width: e.getBoundingClientRect().width,
    height: e.getBoundingClientRect().height,
    marks: e.querySelectorAll("polyline, circle, rect").length,
    letters: Math.min(...[...e.querySelectorAll("text")].map((t) =>
      parseFloat(getComputedStyle(t).fontSize) * e.getBoundingClientRect().width
        / e.viewBox.baseVal.width)),
  })),
  sparks: [...document.querySelectorAll("svg.spark")].filter(shown).length,
  text: document.body.innerText,
  ground: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.body).color,
};
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_history(root, 2)
    write_packages(root, 24)
    write_judgements(root)
    out = tmp_path_factory.mktemp("site") / "out"
    publish(out, root, limits={NAMES[0]: {"statements": 1}})
    write_report(RunRecord(run_of(1, 4).workloads), out / "report")
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield driver
    driver.quit()


def see(browser, page: Path, size: str, scheme: str = "light"):
    """Open a page at that size; what the browser says of it."""
    from selenium.webdriver.support.ui import WebDriverWait

    width, height = SIZES[size]
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.get(page.as_uri())
    # One page in a hundred is given back by chromedriver before its style sheet is there.
    WebDriverWait(browser, 30).until(
        lambda each: each.execute_script("return document.readyState") == "complete"
    )
    facts = browser.execute_script(FACTS)
    facts["console"] = [entry["message"] for entry in browser.get_log("browser")]
    keep_picture(browser, page, size, scheme)
    return facts


def keep_picture(browser, page: Path, size: str, scheme: str) -> None:
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        import base64

        width, height = SIZES[size]
        whole = browser.execute_script("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": max(height, min(whole, 4000)), "scale": 1}
        picture = browser.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip}
        )
        Path(folder).mkdir(parents=True, exist_ok=True)
        name = f"{page.stem}-{size}-{scheme}.png"
        (Path(folder) / name).write_bytes(base64.b64decode(picture["data"]))


def every_page(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


@pytest.mark.parametrize("size", SIZES)
def test_every_page_opens_cleanly_and_fits(browser, site, size):
    for page in every_page(site):
        facts = see(browser, page, size)
        assert facts["console"] == [], page.name
        assert facts["broken"] == [], page.name
        assert facts["overflow"] <= 0, page.name
        assert facts["cut"] == [], page.name


@pytest.mark.parametrize("size", SIZES)
def test_every_workload_and_plot_is_shown(browser, site, size):
    index = see(browser, site / "index.html", size)
    assert index["sparks"] == len(NAMES)
    assert index["images"] >= 1
    expected = {COMPARISON: 2, "proof.html": 3, "report/report.html": 4}
    for name in NAMES:
        assert name in index["text"]
        expected[f"workloads/{name}.html"] = 5
    for name, count in expected.items():
        plots = see(browser, site / name, size)["plots"]
        assert len(plots) == count, (name, [plot["title"] for plot in plots])
        for plot in plots:
            assert plot["width"] >= 280, plot
            assert plot["height"] >= 60, plot
            assert plot["marks"] >= 3, plot
            assert plot["letters"] >= 9, plot


def test_dark_and_light_differ_and_both_can_be_read(browser, site):
    grounds = {}
    for scheme in ("light", "dark"):
        for page in every_page(site):
            for size in SIZES if os.environ.get(SCREENSHOTS) else ("phone",):
                facts = see(browser, page, size, scheme)
            grounds[scheme] = facts["ground"]
            assert contrast(facts["ground"], facts["ink"]) >= 7
    assert grounds["light"] != grounds["dark"]


def test_the_filter_hides_and_shows(browser, site):
    from selenium.webdriver.common.by import By

    see(browser, site / "index.html", "desktop")
    browser.find_element(By.ID, "filter").send_keys("ENQ")
    rows = browser.find_elements(By.CSS_SELECTOR, "tr[data-name]")
    shown = [row.get_attribute("data-name") for row in rows if row.is_displayed()]
    assert shown == ["enqueue"]


def test_the_switch_of_a_comparison_is_in_the_address(browser, site):
    see(browser, site / COMPARISON, "desktop")
    count = "return [...document.querySelectorAll('tr.minor')].filter(e => e.offsetParent).length"
    assert browser.execute_script(count) == 0
    browser.execute_script("document.querySelector('.to-all').click()")
    assert browser.current_url.endswith("#all")
    assert browser.execute_script(count) > 0


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two CSS colours like rgb(1, 2, 3)."""

    def luminance(colour: str) -> float:
        channels = [int(part) / 255 for part in colour[4:-1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
