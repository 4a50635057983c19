"""What a comparison with other queues says: limits, tables, and its page."""

from __future__ import annotations

import json

import pytest

from benchmarks.common.exits import BadInput
from benchmarks.judging.peers import judge_peers, read_limits, safe_queues
from benchmarks.reporting.peers import markdown
from benchmarks.reporting.publish import publish, read_peers

from .html_page import Page
from .synthetic_history import write_history


def queue(name, **changes):
    return {"name": name, "title": name.capitalize(), "kind": "library", "version": "1",
            "settings": {}, "reason": "", "recovery": "none", "many": "", "compared_with": "",
            "lacks": [], **changes}  # fmt: skip


def verbs(name, rate, durability="normal"):
    return {"queue": name, "durability": durability, "depth": 1000, "note": "",
            "figures": {"claim_p50_us": 9.0, "lifecycles_per_s": rate},
            "ratios": {"claim_p50": 1.1, "lifecycles_per_s": rate / 1000}}  # fmt: skip


def crash(name, lost):
    figures = {"lost": lost, "doubly_completed": 0, "worked_twice": 1, "kills": 3}
    return {"queue": name, "recovery": "none", "note": "", "figures": figures}


@pytest.fixture
def document():
    contention = {"queue": "tubeq", "durability": "normal", "processes": 8, "note": "", "figures": {
        "tasks_per_s": 10.0, "p99_ms": 5.0, "slowest_ms": 80.0, "jain": 0.99, "done_twice": 0,
        "errors": 2}}  # fmt: skip
    return {
        "schema": 2, "quick": False, "interrupted": False, "measured_at": "2026-11-26T10:00:00",
        "environment": {"machine": "here", "cpu": "a <cpu>", "cores": 2}, "commit": None,
        "queues": [queue("reference", kind="reference"), queue("tubeq"), queue("tubeq-next"),
                   queue("quick", lacks=["keep a claimed task"]), queue("slow"),
                   queue("server", kind="server", compared_with="full")],
        "verbs": [verbs("reference", 1000), verbs("tubeq", 900), verbs("tubeq-next", 1200),
                  verbs("quick", 5000), verbs("slow", 400), verbs("server", 9999)],
        "contention": [contention],
        "crash": [crash("tubeq", 0), crash("quick", 9), crash("slow", 0), crash("server", 0)],
    }  # fmt: skip


def test_limits_take_the_better_way_the_best_safe_peer_and_the_worst_figure(document):
    assert safe_queues(document) == {"tubeq", "slow", "server"}
    limits = {"best_safe_peer": 1.5, "lifecycles_per_s": 1.0, "slowest_ms": 60.0, "lost": 0.0}
    found = {each.name: each for each in judge_peers(document, limits, "tubeq")}
    assert found["best_safe_peer"].value == 3.0, "a server that syncs is compared with full"
    assert "Slow" in found["best_safe_peer"].where
    assert found["lifecycles_per_s"].value == 1.2
    assert not found["slowest_ms"].is_met
    assert found["lost"].is_met


def test_a_run_with_sigkill_that_failed_has_proved_nothing(document):
    document["crash"][0] |= {"figures": {}, "note": "its process ended"}
    (lost,) = judge_peers(document, {"lost": 0.0}, "tubeq")
    assert not lost.is_met
    (missing,) = judge_peers(document, {"put_p50": 1.4}, "tubeq")
    assert missing.value is None
    assert not missing.is_met


def test_a_limit_under_a_mistyped_name_is_refused(tmp_path):
    path = tmp_path / "targets.toml"
    path.write_text("[peers]\nlots = 0\n")
    with pytest.raises(BadInput, match="no 'lots': did you mean lost"):
        read_limits(path)
    assert read_limits()["lost"] == 0


def test_tables_have_few_columns_and_no_empty_cells(document):
    text = markdown(document)
    assert "| Quick (none) | 9 | 0 | 1 |" in text
    assert "| Tubeq (2 errors) | 10 | 5 | 80 | 0.99 |" in text
    assert max(line.count("|") for line in text.splitlines()) <= 6


def test_the_page_begins_with_pictures_and_an_older_record_is_named(document, tmp_path):
    (tmp_path / "new.json").write_text(json.dumps(document), "utf-8")
    (tmp_path / "old.json").write_text('{"schema": 1, "environment": {"machine": "x"}}', "utf-8")
    (view,), (problem,) = read_peers(tmp_path)
    speed, tails = (each.description for each in view["pictures"])
    assert "Quick: 5,000, loses 9" in speed
    assert "Tubeq 5.00\u00a0ms to 80.0\u00a0ms" in tails
    assert problem.startswith("old.json")


def test_the_page_is_published_with_every_table(document, tmp_path):
    write_history(tmp_path, 3)
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "here.json").write_text(json.dumps(document), "utf-8")
    assert publish(tmp_path / "site", tmp_path).problems == ()
    page = Page(tmp_path / "site" / "peers.html")
    for text in ("Workers killed with SIGKILL", "8 processes claim and complete", "a <cpu>",
                 "keep a claimed task", "2 errors"):  # fmt: skip
        assert text in page.text
    assert "peers.html" in Page(tmp_path / "site" / "index.html").links
