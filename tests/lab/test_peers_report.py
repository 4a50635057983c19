"""What a comparison with other queues says: leads, prices, targets, Markdown, and its page."""

from __future__ import annotations

import json

import pytest

from benchmarks.peers.ahead import cases, lacks, lead_table, statements, survivors
from benchmarks.peers.report import markdown
from benchmarks.peers.targets import peer_targets
from benchmarks.reporting.publish import publish

from .html_page import Page
from .synthetic_history import write_history


def candidate(name, **changes):
    return {
        "name": name, "title": name.capitalize(), "kind": "library", "requirements": [],
        "version": "1", "settings": {"normal": "set"}, "reason": "", "acknowledges": True,
        "fenced": False, "stores_results": True, "many_processes": True, "recovery": "none",
        "keeps_history": False, "encodes": True, "many": "", "beside": "", **changes,
    }  # fmt: skip


def latency_row(name, table="normal", depth=1000, **figures):
    return {
        "candidate": name, "durability": table, "table": table, "depth": depth, "filled": depth,
        "rounds": 3, "calls": 90, "figures": figures, "note": "",
        "ratios": {"claim_p50": 1.1, "claim_p95": 1.2, "put_p50": 1.3, "complete_p50": 1.3,
                   "lifecycles_per_s": 1.05, "batch_lifecycles_per_s": 0.4},
    }  # fmt: skip


def crash_row(name, lost=0, twice=0):
    figures = {"tasks": 2000, "kills": 9, "lost": lost, "doubly_completed": twice,
               "worked_twice": 1, "errors": 0}  # fmt: skip
    return {"candidate": name, "recovery": "none", "figures": figures, "note": ""}


@pytest.fixture
def synthetic():
    own = {"put_p50_us": 20.0, "put_p95_us": 30.0, "complete_p95_us": 30.0,
           "claim_p50_us": 30.0, "claim_p95_us": 60.0, "complete_p50_us": 20.0,
           "lifecycles_per_s": 9000.0, "batch_lifecycles_per_s": 30_000.0}  # fmt: skip
    return {
        "schema": 1, "kind": "peers", "quick": False, "interrupted": False,
        "measured_at": "2026-11-22T22:00:00+00:00", "elapsed_s": 3.0,
        "commit": {"sha": "a" * 40, "dirty": False},
        "environment": {"machine": "a-machine", "cpu": "a <b>processor</b>", "cores": 2},
        "plan": {},
        "candidates": [
            candidate("sqlite3", kind="floor"),
            candidate("tubeq", many="create_tasks", fenced=True, keeps_history=True),
            candidate("tubeq-next"),
            candidate("quick", acknowledges=False), candidate("slow", many="addMany <all>"),
            candidate("server", kind="server", beside="full"),
            candidate("absent", reason="not installed: <no> such thing", version=""),
        ],
        "latency": [
            latency_row("sqlite3", claim_p50_us=25.0, claim_p95_us=50.0, lifecycles_per_s=1e4),
            latency_row("tubeq", **own),
            latency_row("tubeq", table="full", **{**own, "claim_p50_us": 300.0}),
            latency_row("tubeq-next", lifecycles_per_s=12_000.0),
            latency_row("quick", claim_p50_us=20.0, claim_p95_us=59.5, lifecycles_per_s=11_000.0),
            latency_row("slow", claim_p50_us=90.0, claim_p95_us=99.0, lifecycles_per_s=4_000.0,
                        batch_lifecycles_per_s=25_000.0, batch_p50_us=30.0, batch_p95_us=50.0),
            latency_row("server", claim_p50_us=200.0, claim_p95_us=900.0, lifecycles_per_s=400.0),
        ],
        "contention": [
            {"candidate": name, "table": "normal", "processes": count, "rounds": 2, "note": "",
             "figures": {"claims_per_s": 1e4, "claim_p50_us": 9.0, "slowest_ms": 10.0,
                         "jain": 0.99, "double_claims": doubles, "errors": 0}}
            for name, doubles in (("tubeq", 0), ("quick", 7)) for count in (1, 4)
        ],
        "crash": [crash_row("tubeq"), crash_row("quick", lost=8), crash_row("slow")],
        "targets": [
            {"table": "claim", "what": "1,000 queued", "figures": {"P50 µs": 30.0, "/ floor": 1.2},
             "limits": {"/ floor": 1.25}, "at_least": [], "note": "a <note>", "met": True},
            {"table": "bulk", "what": "creating", "figures": {"per s": 5.0},
             "limits": {"per s": 200_000.0}, "at_least": ["per s"], "note": "", "met": False},
        ],
        "ahead": ["Quick is ahead."], "leads": [],
        "lead_table": {"figures": ["claim P50"],
                       "rows": [{"title": "Quick", "cells": ["1.50x, 1 of 1"], "price": "lost 8"}]},
    }  # fmt: skip


def test_leads_are_found_at_the_same_durability_and_said_with_their_price(synthetic):
    leads = {(case.peer, case.figure): case for case in cases(synthetic) if case.is_lead}
    assert set(leads) == {("quick", "claim P50"), ("server", "claim P50")}
    assert leads["quick", "claim P50"].factor == 1.5
    assert leads["server", "claim P50"].ours == 300.0  # an fsync a commit on both sides
    table = lead_table(synthetic)
    assert table["figures"] == ["claim P50"]
    quick, server = table["rows"]
    assert (quick["title"], quick["cells"]) == ("Quick", ["1.50x, 1 of 1"])
    assert quick["price"].startswith("lost 8 of 2,000 tasks in 9 kills; gave 14 tasks to two")
    assert "does not keep a claimed task, refuse a stale completion" in quick["price"]
    assert server["cells"] == ["1.50x, 1 of 1"]
    assert statements(synthetic) == [
        "Ahead of tubeq in some figure measured here: Quick, Server.",
        "Ahead of tubeq in no figure measured here: Slow.",
    ]


def test_what_a_candidate_does_not_do_is_told(synthetic):
    told = {each["name"]: lacks(each) for each in synthetic["candidates"]}
    assert told["tubeq"] == ["bring back a dead worker's task"]
    assert told["quick"][0] == "keep a claimed task"
    assert "keep a history" in told["slow"]
    text = markdown(synthetic)
    assert "| Slow | refuse a stale completion, keep a history" in text
    assert lacks({"recovery": "leases"}) == [], "an older record does not say"


def test_the_batch_row_says_by_what_and_stands_beside_the_best_safe_peer(synthetic):
    text = markdown(synthetic)
    assert "## Whole lifecycles, in batches of 100; WAL, synchronous NORMAL" in text
    assert "| Slow | 25,000 | 30 / 50 | 0.40 | addMany <all> |" in text
    rows = {(row.table, row.what): row for row in peer_targets(synthetic)}
    found = rows["whole lifecycle, in batches of 100", "1,000 queued, NORMAL"]
    assert found.figures["/ best safe peer"] == 1.2
    assert found.limits == {"/ best safe peer": 1.5}
    assert not found.met
    assert found.figures["/ floor"] == 0.4


def test_who_has_nothing_for_many_is_told_so(synthetic):
    row = synthetic["latency"][5]
    row["figures"]["batch_lifecycles_per_s"] = 4_000.0
    synthetic["candidates"][4]["many"] = ""
    assert "| Slow | 4,000 | 30 / 50 | 0.40 | one at a time: it has nothing for many |" in markdown(
        synthetic
    )


def test_who_survives_lost_nothing_and_gave_nothing_to_two(synthetic):
    assert survivors(synthetic) == {"tubeq", "slow"}


def test_targets_take_the_best_safe_peer_and_the_better_way_to_live(synthetic):
    found = {(row.table, row.what): row for row in peer_targets(synthetic)}
    lifecycle = found["whole lifecycle", "1,000 queued, NORMAL"]
    assert lifecycle.figures["per s"] == 12_000
    assert lifecycle.figures["/ best safe peer"] == 3.0
    assert lifecycle.met
    assert "Slow" in lifecycle.note
    assert found["beside the floor", "1,000 queued, NORMAL"].met
    saturated = found["saturated, beside peers", "4 processes, NORMAL"]
    assert saturated.figures["/ one process"] == 1
    killed = next(row for row in found.values() if row.table == "SIGKILL")
    assert killed.met
    synthetic["crash"][0]["figures"]["lost"] = 1
    assert not next(row for row in peer_targets(synthetic) if row.table == "SIGKILL").met


def test_a_crash_run_that_failed_does_not_meet_its_target(synthetic):
    synthetic["crash"][0] |= {"figures": {}, "note": "its process ended"}
    assert not next(row for row in peer_targets(synthetic) if row.table == "SIGKILL").met


@pytest.fixture
def results(synthetic, tmp_path):
    write_history(tmp_path, 3)
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "a-machine.json").write_text(json.dumps(synthetic), "utf-8")
    return tmp_path


def test_the_page_shows_every_table_and_is_in_the_navigation(results, tmp_path):
    published = publish(tmp_path / "site", results)
    assert published.problems == ()
    page = Page(tmp_path / "site" / "peers.html")
    for text in ("Where a peer is ahead", "Quick is ahead.", "When workers are killed",
                 "No fsync at a commit", "An fsync at every commit", "1 of 2 rows met",
                 "met: ≤ 1.25", "broken: ≥ 200 000", "not installed: <no> such thing",
                 "a <note>", "a <b>processor</b>"):  # fmt: skip
        assert text in page.text, text
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) == 5
    assert all(each.get("role") == "img" for each in pictures)
    for text in ("Whole lifecycles in batches of 100", "addMany <all>", "30 000", "1.50x, 1 of 1",
                 "Who is ahead in what"):  # fmt: skip
        assert text in page.text or text in str(page.tags), text
    assert len(page.ids) == len(set(page.ids))
    assert "peers.html" in Page(tmp_path / "site" / "index.html").links


def test_without_a_record_there_is_no_page(tmp_path):
    write_history(tmp_path, 3)
    publish(tmp_path / "site", tmp_path)
    assert not (tmp_path / "site" / "peers.html").exists()
    assert "peers.html" not in Page(tmp_path / "site" / "index.html").links


def test_a_record_that_is_none_is_named_and_passed_over(results, tmp_path):
    (results / "peers" / "broken.json").write_text('{"candidates": 3}', "utf-8")
    published = publish(tmp_path / "site", results)
    assert len(published.problems) == 1
    assert "broken.json" in published.problems[0]
    assert (tmp_path / "site" / "peers.html").exists()
