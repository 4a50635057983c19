"""The site and a run's report: all of it there, links that lead somewhere, nothing let through."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from urllib.parse import unquote, urldefrag

import pytest

from benchmarks.__main__ import main
from benchmarks.commands import preview
from benchmarks.records.histograms import encode_histogram
from benchmarks.records.packages import Package
from benchmarks.records.record import RunRecord
from benchmarks.reporting.publish import MARKER, NotOurs, publish
from benchmarks.reporting.site import comparison_page
from benchmarks.reporting.site.report import write_report

from .html_page import Page
from .synthetic_history import (
    HOSTILE,
    WORKLOADS,
    comparison,
    latencies,
    proof_matrix,
    run_of,
    write_history,
)
from .synthetic_packages import counted, keep_counts, keep_ratios, packages, timed

NAMES = ("claim-lifo-1e5", "enqueue")
LIMITS = {NAMES[0]: {"statements": 1}, "enqueue": {"statements": 2}}
HISTOGRAMS = {name: encode_histogram(latencies(1)) for name in ("package", "companion")}


def write_packages(root, count, names=NAMES, last=None):
    """The first workload becomes 20 % slower halfway by a statement more; the time of the newest
    is not measured, and not that of every second package."""
    some = packages(count)
    for index, name in enumerate(names):
        slower = [index == 0 and number >= count // 2 for number in range(count)]
        keep_counts(root, some, [
            counted(120_000 if each else 100_000, statements=2.0 if each else 1.0, fsyncs=1.0)
            for each in slower
        ], name)  # fmt: skip
        keep_ratios(root, some[:-1:2], [
            timed(1.2 if each else 1.0, histograms=HISTOGRAMS) for each in slower[:-1:2]
        ], name)  # fmt: skip
    return some


def write_judgements(root):
    """A comparison and a proof."""
    for name, content in (("comparisons/one", comparison()), ("proof/matrix", proof_matrix())):
        path = root / f"{name}.json"
        path.parent.mkdir()
        path.write_text(json.dumps(content), "utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_history(root, 4)
    write_packages(root, 24)
    write_judgements(root)
    asv = root / "asv-html"
    asv.mkdir()
    (asv / "index.html").write_text("<!doctype html><title>asv</title>", "utf-8")
    out = tmp_path_factory.mktemp("site") / "out"
    published = publish(
        out, root, limits=LIMITS, about={NAMES[0]: HOSTILE}, asv_html=asv,
        repository_url="https://forge.example/tubeq",
    )  # fmt: skip
    assert published.problems == ()
    return published.index.parent


@pytest.fixture(scope="module")
def pages(site):
    return {
        path.relative_to(site).as_posix(): Page(path)
        for path in site.rglob("*.html")
        if "asv" not in path.parts
    }


COMPARISON = "comparisons/2026-11-22t20-00-00-00-00.html"


def test_every_workload_has_its_row_and_its_page(pages):
    for name in NAMES:
        assert name in pages["index.html"].text
        assert name in pages[f"workloads/{name}.html"].text


def test_every_page_is_there(pages):
    others = {"index", "changes", "comparisons", "proof", "method"}
    workloads = {*NAMES, *WORKLOADS}
    assert set(pages) == {f"{name}.html" for name in others} | {COMPARISON} | {
        f"workloads/{name}.html" for name in workloads
    }


def test_the_overview_says_in_one_sentence_what_is_known_and_of_which_commit(pages):
    text = pages["index.html"].text
    assert "claim-lifo-1e5 P95 at 0000016: 1.200x of the anchor" in text
    assert "HEAD is not measured, it is 1 commit later" in text
    assert "Behind HEAD: time, 1 commits, 1 packages" in text


def test_what_got_worse_is_shown_with_its_range_its_cause_and_its_commands(site, pages):
    text = pages["index.html"].text
    assert "+20 % instructions" in text.replace("\u202f", " ")
    assert "000000b..000000c" in text
    assert "Counted: +1 statements" in text
    assert "benchmarks compare 000000b 000000c --workload claim-lifo-1e5" in text
    assert "target broken: Statements 2, at most 1" in text
    feed = (site / "feed.xml").read_text("utf-8")
    assert "000000b..000000c" in feed
    assert "1.200x of" in (site / "badge.svg").read_text("utf-8")


def test_counters_are_told_apart_from_change_points_and_old_times_from_both(pages):
    text = pages[f"workloads/{NAMES[0]}.html"].text
    assert text.index("Change points") < text.index("Counted per operation")
    assert "Absolute times of" in pages[f"workloads/{WORKLOADS[0]}.html"].text
    assert "Absolute times of" not in text


def test_every_plot_is_there_and_told_in_words(pages):
    workload = pages[f"workloads/{NAMES[0]}.html"].text
    for part in ("Instructions an operation", "P95, ratio to the anchor", "P50, ratio to"):
        assert part in workload
    assert "Percentiles of" in workload
    assert "P50 P90 P95 P99" in workload
    assert "Counters of" in workload
    compared = pages[COMPARISON].text
    for part in ("Quantile shift", "Effects on"):
        assert part in compared
    assert "Error rates of the tools" in pages["proof.html"].text
    for page in pages.values():
        for tag, attributes in page.tags:
            if tag == "svg":
                assert attributes.get("role") == "img"
            if tag == "img":
                assert "alt" in attributes


def test_the_comparison_and_the_proof_speak_plainly(pages):
    assert "+2 vm steps per operation" in pages[COMPARISON].text
    assert "confirmed on fresh processes" in pages[COMPARISON].text
    assert "60 pairs that differ in nothing" in pages["proof.html"].text
    assert "no false alarms" in pages["proof.html"].text


def test_a_comparison_is_one_file_that_needs_nothing(tmp_path):
    path = comparison_page.write(comparison(), tmp_path / "new" / "page.html")
    page = Page(path)
    assert not {"script", "link", "img"} & ({tag for tag, _ in page.tags} - {"link"})
    assert page.text.index("regressed") < page.text.index("Effects on")
    assert all(link.startswith(("#", "data:")) for link in page.links)


@pytest.mark.parametrize("missing", ["workloads", "base", "started_at"])
def test_what_is_no_comparison_makes_no_page(tmp_path, missing):
    broken = {key: value for key, value in comparison().items() if key != missing}
    with pytest.raises((KeyError, TypeError, ValueError)):
        comparison_page.write(broken, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_links_lead_somewhere(site, pages):
    for name, page in pages.items():
        for link in page.links:
            if link.startswith(("https://forge.example/tubeq/commit/", "data:,")):
                continue
            assert "://" not in link, f"{name} leads away to {link}"
            place, fragment = urldefrag(unquote(link))
            target = (site / name).parent / place if place else site / name
            assert target.is_file(), f"{name} leads to {link}"
            if fragment:
                there = pages[target.resolve().relative_to(site.resolve()).as_posix()]
                assert fragment in there.ids, f"{name} leads to {link}"


def test_identifiers_are_unique(pages):
    for page in pages.values():
        assert len(page.ids) == len(set(page.ids)), page.path.name


def test_nothing_comes_from_elsewhere_and_nothing_runs_that_is_not_ours(site, pages):
    for page in pages.values():
        if page.path.parent.name == "comparisons":
            continue
        scripts = [found for tag, found in page.tags if tag == "script"]
        assert len(scripts) == 1
        assert scripts[0]["src"].endswith("assets/site.js")
        assert not any(tag in {"iframe", "object", "embed", "style"} for tag, _ in page.tags)
        assert not any(key.startswith("on") or key == "style" for _, a in page.tags for key in a)
        policy = [a["content"] for tag, a in page.tags if a.get("http-equiv")]
        assert "default-src 'none'" in policy[0]
    style = (site / "assets" / "style.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_texts_are_shown_as_they_are(pages):
    plain = " ".join(HOSTILE.split())
    assert plain in pages[COMPARISON].text
    assert plain in pages[f"workloads/{NAMES[0]}.html"].text
    for page in pages.values():
        assert not any(a.get("src") == "x" for _, a in page.tags)
        assert "49" not in [text.strip() for text in page.texts]


def test_tables_have_headers_and_pages_a_way_past_the_menu(pages):
    for page in pages.values():
        assert ("lang", "en") in dict(page.tags)["html"].items()
        assert "#content" in page.links
        assert [tag for tag, _ in page.tags].count("h1") == 1
        for tag, attributes in page.tags:
            if tag == "th":
                assert attributes.get("scope") in {"col", "row"}


def test_it_is_the_same_site_twice_but_for_the_moment(tmp_path):
    root = tmp_path / "results"
    write_packages(root, 3)
    texts = []
    for number in range(2):
        out = tmp_path / str(number)
        publish(out, root)
        page = (out / "workloads" / f"{NAMES[0]}.html").read_text("utf-8")
        texts.append("\n".join(line for line in page.splitlines() if "Built from" not in line))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("commits", [0, 1, 2])
def test_a_young_history_makes_a_site_too(tmp_path, commits):
    root = tmp_path / "results"
    root.mkdir()
    if commits:
        write_packages(root, commits)
    index = publish(tmp_path / "site", root).index
    page = Page(index)
    assert ("Nothing is measured yet" in page.text) is (commits == 0)


def test_what_cannot_be_read_is_named_on_the_site(tmp_path):
    root = tmp_path / "results"
    write_history(root, 1)
    (path,) = (root / "history").glob("*.ndjson")
    path.write_text(path.read_text("utf-8") + "<b>broken\n", "utf-8")
    for folder, name in (("comparisons", "x.json"), ("proof", "matrix.json")):
        (root / folder).mkdir()
        (root / folder / name).write_text('{"tools": [{}], "verdict": 5}', "utf-8")
    (root / "comparisons" / "y.json").write_text("[", "utf-8")
    published = publish(tmp_path / "site", root)
    assert [problem.split(":")[0] for problem in published.problems] == [
        path.name, "x.json", "y.json", "matrix.json",
    ]  # fmt: skip
    assert f"{path.name}:{len(WORKLOADS) + 1}" in Page(published.index).text


def test_an_older_site_is_replaced_and_nothing_else_is(tmp_path):
    root = tmp_path / "results"
    root.mkdir()
    out = tmp_path / "out"
    publish(out, root)
    (out / "left-over").write_text("")
    publish(out, root)
    assert not (out / "left-over").exists()
    (out / MARKER).unlink()
    with pytest.raises(NotOurs):
        publish(out, root)
    assert (out / "index.html").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_report_of_a_run(tmp_path):
    run = run_of(1, 4)
    report = write_report(RunRecord(run.workloads, LIMITS), tmp_path / "report")
    page = Page(report.html)
    markdown = report.markdown.read_text("utf-8")
    for name in WORKLOADS:
        assert name in page.text
        assert f"| {name} |" in markdown
    assert " ".join(HOSTILE.split()) in page.text
    assert "<script>" not in markdown
    assert "49" not in markdown.split()
    assert f"]({report.pictures[0].name})" in markdown
    for picture in report.pictures:
        text = picture.read_text("utf-8")
        assert "<title" in text
        assert "prefers-color-scheme: dark" in text
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_the_report_of_a_run_that_measured_no_latencies(tmp_path):
    run = run_of(1, 4, names=("worker-memory",))
    report = write_report(run, tmp_path)
    assert report.pictures == ()
    assert "42" in Page(report.html).text or "MB" in Page(report.html).text


def test_the_command_builds_this_repository_site(tmp_path, capsys):
    out = tmp_path / "site"
    results = tmp_path / "results"
    write_history(results, 2)
    assert main(["publish", "--out", str(out), "--results", str(results)]) == 0
    assert str(out) in capsys.readouterr().out
    assert main(["publish", "--out", str(results), "--results", str(results)]) == 2
    assert "not a site" in capsys.readouterr().err


def test_the_preview_is_for_this_machine_only(site):
    with preview.serve(site) as server:
        assert server.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_address[1]}/index.html"
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert b"performance lab" in answer.read()
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.timeout(300)
def test_two_hundred_packages_and_forty_figures_in_thirty_seconds(tmp_path):
    root = tmp_path / "results"
    some = [
        Package(f"{n:016x}", f"{n:07x}{n:033x}", "x", f"2026-01-01T{n // 60:02}:{n % 60:02}:00Z")
        for n in range(200)
    ]
    for number in range(14):
        keep_counts(root, some, [counted(1e5, statements=1.0)] * 200, f"workload-{number}")
        keep_ratios(root, some, [timed(1.0)] * 200, f"workload-{number}")
    began, began_cpu_s = time.monotonic(), time.process_time()
    publish(tmp_path / "site", root)
    elapsed_s = time.monotonic() - began
    # On a busy machine the time that others take is not the site's.
    assert min(elapsed_s, time.process_time() - began_cpu_s) < 30
