"""The site and a run's report: all of it there, links that lead somewhere, nothing let through."""

from __future__ import annotations

import argparse
import json
import threading
import time
import urllib.request
from dataclasses import replace
from urllib.parse import unquote, urldefrag

import pytest

from benchmarks.commands import preview
from benchmarks.commands import publish as publish_command
from benchmarks.records.record import Measure, RunRecord
from benchmarks.reporting import plots
from benchmarks.reporting.publish import MARKER, NotOurs, publish, write_report
from benchmarks.reporting.site.rows import row_of

from .html_page import Page
from .synthetic_history import (
    HOSTILE,
    WORKLOADS,
    FakeSample,
    commit,
    comparison,
    latencies,
    proof_matrix,
    run_of,
    write_history,
)

LIMITS = {
    WORKLOADS[0]: {"latency_p95_ms": 0.2, "vm_steps": 113},
    "enqueue": {"throughput_per_s": 5},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_history(root, 24)
    (root / "comparisons").mkdir()
    (root / "comparisons" / "one.json").write_text(json.dumps(comparison()), "utf-8")
    (root / "proof").mkdir()
    (root / "proof" / "matrix.json").write_text(json.dumps(proof_matrix()), "utf-8")
    asv = root / "asv-html"
    asv.mkdir()
    (asv / "index.html").write_text("<!doctype html><title>asv</title>", "utf-8")
    out = tmp_path_factory.mktemp("site") / "out"
    published = publish(
        out, root, limits=LIMITS, about={WORKLOADS[0]: HOSTILE}, asv_html=asv,
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


def test_every_workload_has_its_row_and_its_page(pages):
    for name in WORKLOADS:
        assert name in pages["index.html"].text
        assert name in pages[f"workloads/{name}.html"].text


def test_every_page_is_there(pages):
    others = {"index", "comparison", "proof", "commits", "method"}
    assert set(pages) == {f"{name}.html" for name in others} | {
        f"workloads/{name}.html" for name in WORKLOADS
    }


def test_every_plot_is_there_and_told_in_words(pages):
    def titles(page):
        return page.text

    workload = titles(pages[f"workloads/{WORKLOADS[0]}.html"])
    for part in ("P95 latency", "P50 latency", "P99 latency", "Throughput"):
        assert f"{part}" in workload
        assert f"of {WORKLOADS[0]} across commits" in workload
    assert "Percentiles of" in workload
    assert "Counters per operation of" in workload
    compared = titles(pages["comparison.html"])
    for part in ("Quantile shift", "Cumulative distribution (ECDF)", "Effects on"):
        assert part in compared
    assert "Error rates of the tools" in titles(pages["proof.html"])
    for page in pages.values():
        for tag, attributes in page.tags:
            if tag == "svg":
                assert attributes.get("role") == "img"
            if tag == "img":
                assert "alt" in attributes


def test_the_newer_sqlite_is_marked(pages):
    assert "marks where the machine itself changed" in pages[f"workloads/{WORKLOADS[0]}.html"].text


def test_limits_are_judged(pages):
    assert "1 of 3 broken" in pages["index.html"].text
    assert "met: ≤ 200 µs" in pages[f"workloads/{WORKLOADS[0]}.html"].text
    assert "broken: ≤ 113" in pages[f"workloads/{WORKLOADS[0]}.html"].text


def test_the_comparison_and_the_proof_speak_plainly(pages):
    assert "+2 vm steps per operation" in pages["comparison.html"].text
    assert "confirmed on fresh processes" in pages["comparison.html"].text
    assert "60 pairs that differ in nothing" in pages["proof.html"].text
    assert "no false alarms" in pages["proof.html"].text


def test_links_lead_somewhere(site, pages):
    for name, page in pages.items():
        for link in page.links:
            if link.startswith("https://forge.example/tubeq/commit/"):
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
    assert plain in pages["commits.html"].text
    assert plain in pages["comparison.html"].text
    assert plain in pages[f"workloads/{WORKLOADS[0]}.html"].text
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


def test_the_data_are_offered(site, pages):
    files = list((site / "data").iterdir())
    assert len(files) == 1
    assert f"data/{files[0].name}" in pages["method.html"].links


def test_it_is_the_same_site_twice_but_for_the_moment(tmp_path):
    root = tmp_path / "results"
    write_history(root, 3, WORKLOADS[:1])
    texts = []
    for number in range(2):
        out = tmp_path / str(number)
        publish(out, root)
        page = (out / "workloads" / f"{WORKLOADS[0]}.html").read_text("utf-8")
        texts.append("\n".join(line for line in page.splitlines() if "Built from" not in line))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("commits", [0, 1, 2])
def test_a_young_history_makes_a_site_too(tmp_path, commits):
    root = tmp_path / "results"
    root.mkdir()
    if commits:
        write_history(root, commits)
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
    parser = argparse.ArgumentParser()
    publish_command.add_arguments(parser)
    out = tmp_path / "site"
    results = tmp_path / "results"
    write_history(results, 2)
    given = parser.parse_args(["--out", str(out), "--results", str(results)])
    assert publish_command.run(given) == 0
    assert str(out) in capsys.readouterr().out
    given = parser.parse_args(["--out", str(results), "--results", str(results)])
    assert publish_command.run(given) == 2
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


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hundred_commits_and_forty_metrics_in_thirty_seconds(tmp_path):
    root = tmp_path / "results"
    names = [f"workload-{number}" for number in range(10)]
    write_history(root, 200, names, calls=400)
    began, began_cpu_s = time.monotonic(), time.process_time()
    published = publish(tmp_path / "site", root)
    elapsed_s = time.monotonic() - began
    # On a busy machine the time that others take is not the site's.
    assert min(elapsed_s, time.process_time() - began_cpu_s) < 30
    page = Page(published.index.parent / "workloads" / "workload-3.html")
    metrics = ("P50 latency", "P95 latency", "P99 latency", "Throughput", "VM steps", "Fsyncs")
    assert sum(metric in page.text for metric in metrics) >= 4


def series_of(*values, spread=0.01):
    """Points of one metric, each with an interval of that half-width."""
    return [
        replace(
            run_of(number, 1, WORKLOADS[:1]).workloads[0],
            metrics={"latency_p95_ms": Measure(value, value * (1 - spread), value * (1 + spread))},
        )
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "spread", "doubt"),
    [
        ((1.0, 1.5), 0.01, "too few commits to tell"),
        ((1.0, 1.02, 0.99, 1.01, 1.0, 1.02, 1.5), 0.01, ""),
        ((1.0, 1.02, 0.99, 1.01, 1.0, 1.02, 1.03), 0.05, "intervals overlap"),
        ((1.0, 1.4, 1.0, 1.4, 1.0, 1.4, 1.0), 0.01, "its usual spread"),
        ((1.0,), 0.01, ""),
    ],
)
def test_a_change_that_may_be_chance_is_not_coloured(values, spread, doubt):
    row = row_of("latency_p95_ms", series_of(*values, spread=spread), {})
    assert row.doubt == doubt
    assert row.clear is (len(values) > 1 and not doubt)


def test_a_long_tail_is_drawn_on_a_log_scale():
    taken = latencies(1, 5000) + [0.05] * 60
    run = RunRecord.of(
        {"x": FakeSample(taken, sum(taken), len(taken))},
        commit=commit(0), machine="m", profile="smoke", environment={},
    )  # fmt: skip
    drawn = plots.percentiles(run.workloads, ["x"], "tail")
    assert "0.1" in drawn.body
    assert "x: 50" in drawn.description
