"""asv's pages of the published history: what they list, and that they open, without other hosts."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from benchmarks.commands import publish as publish_command
from benchmarks.common.project import LAB, choose, project
from benchmarks.records.packages import distinct_packages
from benchmarks.reporting import asv_pages
from benchmarks.reporting.asv_export import export
from benchmarks.reporting.asv_pages import NoPages

from .git_repository import Repository
from .synthetic_packages import counted, keep_counts, keep_ratios, timed
from .test_site_in_browser import BROWSER, DRIVER, FLAGS, SCREENSHOTS

pytest.importorskip("asv")
PROJECT = """
name = "other"
source = "src/other"
workloads = "work"
counted = ["one"]
timed = ["one"]
"""
COMMITS, PLANTED = 24, 12
SQLITE = {
    "machine": "linux-test-2cpu",
    "cpu": "a",
    "python": "CPython 3.11.7",
    "sqlite": "3.40.1",
    "companion": "reference x",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """With records of each commit's package, of which one is slower by 20 %: in "planted", whose
    comparison is kept, and in "unproven", of which there is none. "waits" is compared with the
    reference."""
    folder = tmp_path_factory.mktemp("repository")
    made = Repository(folder)
    (folder / "lab.toml").write_text(PROJECT)
    shas = [made.commit(f"commit {n}", {"src/other/init.py": f"{n}\n"}) for n in range(COMMITS)]
    choose(folder)
    results, packages = folder / "results", distinct_packages(folder)
    slower = [number >= PLANTED for number in range(COMMITS)]
    for name in ("planted", "unproven"):
        keep_counts(results, packages, [counted(100_000 + 20_000 * each) for each in slower], name)
    keep_ratios(results, packages, [timed(1 + 0.2 * each) for each in slower], "planted")
    keep_ratios(
        results, packages, [timed(1 + 0.9 * each) for each in slower], "waits", environment=SQLITE
    )
    (results / "comparisons").mkdir()
    compared = {
        "base": {"commit": shas[PLANTED - 1]}, "head": {"commit": shas[PLANTED]},
        "workloads": [{"name": "planted",
            "metrics": [{"metric": "latency_p50_ms", "verdict": "regressed"},
                        {"metric": "latency_p95_ms", "verdict": "inconclusive"}],
            "counters": [{"counter": "instructions", "base": 100_000, "head": 120_000,
                          "noise": 0.006}]}],
    }  # fmt: skip
    (results / "comparisons" / "planted.json").write_text(json.dumps(compared))
    cache = LAB / ".lab" / "npm"
    cache.mkdir(parents=True, exist_ok=True)
    (folder / ".lab").mkdir()
    (folder / ".lab" / "npm").symlink_to(cache)  # so that they are fetched once a machine
    yield folder
    os.environ.pop("LAB_PROJECT", None)
    project.cache_clear()


@pytest.fixture(scope="module")
def scripts(repository):
    try:
        return asv_pages._fetch(repository / ".lab" / "npm", lambda _: None)
    except NoPages as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def html(repository, scripts):
    return asv_pages.asv_pages(repository / "results")


def test_records_are_written_a_file_a_package_in_commit_order(repository, tmp_path):
    folder = export(repository / "results", tmp_path / "asv")

    benchmarks = json.loads((folder / "benchmarks.json").read_text())
    assert {"planted.instructions", "planted.p95_ratio", "waits.p95_to_reference"} < {*benchmarks}
    files = [json.loads(path.read_text()) for path in folder.rglob("*-published.json")]
    assert len(files) == COMMITS
    order = [package.sha for package in distinct_packages(repository)]
    files.sort(key=lambda each: order.index(each["commit_hash"]))
    assert [each["date"] for each in files] == sorted(each["date"] for each in files)
    assert files[0]["results"]["planted.instructions"][0] == [100_000]
    value, low, high = (files[-1]["results"]["waits.p50_to_reference"][n] for n in (0, 5, 6))
    assert value == [1.9] and low < value < high


def test_the_regressions_are_those_that_a_comparison_confirms(html):
    found = json.loads((html / "regressions.json").read_text())["regressions"]
    assert {each[0] for each in found} == {"planted.instructions", "planted.p50_ratio"}
    assert "planted.instructions" in (html / "regressions.xml").read_text()
    assert "unproven" not in (html / "regressions.xml").read_text()


def test_of_another_range_or_an_unchanged_verdict_nothing_is_confirmed(html, repository, tmp_path):
    copy = shutil.copytree(html, tmp_path / "html")
    kept = json.loads((repository / "results" / "comparisons" / "planted.json").read_text())
    order = [package.sha for package in distinct_packages(repository)]
    earlier = {**kept, "base": {"commit": order[2]}, "head": {"commit": order[PLANTED - 1]}}
    same = json.loads(
        json.dumps(kept).replace("120000", "100001").replace("regressed", "unchanged")
    )

    asv_pages.keep_confirmed(copy, [earlier, same])

    assert json.loads((copy / "regressions.json").read_text()) == {"regressions": []}
    assert "<entry>" not in (copy / "regressions.xml").read_text()


def test_a_small_step_in_time_is_confirmed_by_instructions_only(repository):
    path = repository / "results" / "comparisons" / "planted.json"
    kept = json.loads(path.read_text())
    numbers = {kept["base"]["commit"]: 3, kept["head"]["commit"]: 4}
    kept["workloads"][0]["counters"] = []

    def confirms(new):
        return asv_pages._confirms(kept, "planted.p50_ratio", [3, 4, 1.0, new], numbers)

    assert confirms(1.06)
    assert not confirms(1.04)


def test_they_are_made_once_until_something_changes(html, repository, monkeypatch):
    monkeypatch.setattr(asv_pages, "_run", lambda *_: pytest.fail("asv ran again"))
    assert asv_pages.asv_pages(repository / "results") == html


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"base": 1, "head": {}, "workloads": []}'])
def test_a_comparison_that_makes_no_sense_leaves_them_out(
    text, repository, scripts, monkeypatch, tmp_path
):
    (tmp_path / "npm").symlink_to(repository / ".lab" / "npm")
    monkeypatch.setattr(asv_pages, "lab_folder", lambda: tmp_path)
    results = shutil.copytree(repository / "results", tmp_path / "results")
    (results / "comparisons" / "broken.json").write_text(text)
    with pytest.raises(NoPages, match="asv's pages are left out"):
        asv_pages.asv_pages(results)


def test_without_npm_it_is_said_once_and_the_rest_is_published(
    repository, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("PATH", str(tmp_path))
    git = str(Path(str(shutil.which("git", path=os.defpath))).parent)
    (tmp_path / "git").symlink_to(f"{git}/git")
    monkeypatch.setattr(asv_pages, "lab_folder", lambda: tmp_path)
    arguments = {"asv": None, "results": repository / "results"}

    class Silent:
        def tell(self, _):
            """No progress."""

    options = type("Options", (), arguments)
    assert publish_command._asv(options, Silent()) is None
    assert capsys.readouterr().err == (
        "note: asv's pages are left out: their scripts need npm: install it (apt install npm)\n"
    )


def test_another_file_than_the_expected_one_is_refused(scripts, tmp_path):
    shutil.copytree(scripts / "jquery", tmp_path / "node_modules" / "jquery")
    for path, _ in asv_pages.SCRIPTS.values():
        (tmp_path / "node_modules" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "node_modules" / path).write_text("alert(1)")
    with pytest.raises(NoPages, match="not the file that was expected"):
        asv_pages._fetch(tmp_path, lambda _: None)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="no Chromium with its chromedriver")
def test_they_open_in_a_browser_and_nothing_is_asked_of_another_host(html):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Nothing."""

    handler = functools.partial(Quiet, directory=str(html))
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS[:-1], "--window-size=1400,900",
                 "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{server.server_port}/index.html"
        browser = webdriver.Chrome(options=options, service=Service(str(DRIVER)))

        def opened(where, script):
            """What the script finds on a page, once it is there."""
            browser.get("about:blank")
            browser.get(page + where)
            until = time.monotonic() + 30
            while not (found := browser.execute_script(f"return {script}")):
                assert time.monotonic() < until, where
                time.sleep(0.1)
            names = "return performance.getEntriesByType('resource').map(each => each.name)"
            assert all("//127.0.0.1:" in each for each in browser.execute_script(names))
            assert browser.get_log("browser") == [], where
            if os.environ.get(SCREENSHOTS):
                browser.save_screenshot(f"{os.environ[SCREENSHOTS]}/asv{where.strip('#/')}.png")
            return found

        try:
            names = {*json.loads((html / "index.json").read_text())["benchmarks"]}
            grid = (
                "document.querySelector('#summarygrid-display canvas') && document.body.innerText"
            )
            assert all(name in opened("#/", grid) for name in names)
            row = "document.querySelectorAll('#summarylist-body tbody tr').length"
            assert opened("#/summarylist", row) == len(names)
            for name in names:
                plot = "$('#main-graph').data('plot')"
                points = f"{plot} && {plot}.getData().map(each => each.data.length)"
                assert COMMITS in opened(f"#{name}", points), name
            table = "$('#regressions-body tbody tr').text()"
            listed = opened("#/regressions", table)
            assert "planted.instructions" in listed and "unproven" not in listed
        finally:
            browser.quit()
            server.shutdown()
