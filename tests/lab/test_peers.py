"""tubeq beside other queues: real processes on small queues, and the arithmetic by itself."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.lab.publish import publish, read_peers
from benchmarks.peers.adapters import ADAPTERS, load
from benchmarks.peers.ahead import cases, lacks, lead_table, statements, survivors
from benchmarks.peers.candidates import choose
from benchmarks.peers.driver import Driver
from benchmarks.peers.environments import CannotRun, prepare, told
from benchmarks.peers.figures import (
    Contest,
    contention_figures,
    crash_counts,
    jain,
    latency_figures,
    ratios,
    turns,
)
from benchmarks.peers.measure import Run, measure
from benchmarks.peers.plan import Plan
from benchmarks.peers.process import numbers, started
from benchmarks.peers.report import markdown
from benchmarks.peers.servers import Servers
from benchmarks.peers.targets import peer_targets
from benchmarks.speed.guards import guards_of

from .html_page import Page
from .synthetic_history import write_history

ROOT = Path(__file__).resolve().parents[2]
TINY = Plan(
    depths=(300,), rounds=3, calls=30, turn_s=0.1, fill_budget_s=10.0, processes=(1, 2),
    claim_s=0.1, contention_rounds=1, most_filled=4_000, crash_tasks=300, crash_workers=2, kills=4,
    work_s=0.002, durabilities=("normal",),
)  # fmt: skip
UNSAFE = '''
"""Deletes a task when it is claimed: what a worker is killed with is lost."""

import json
from benchmarks.peers.adapters.floor_sqlite3 import Sqlite3Floor


class Unsafe(Sqlite3Floor):
    name = "unsafe"
    title = "unsafe"
    kind = "library"
    acknowledges = False

    def claim(self):
        self._execute("BEGIN IMMEDIATE")
        rows = self._execute(
            "DELETE FROM task WHERE id = (SELECT min(id) FROM task) RETURNING id, payload"
        ).fetchall()
        self._execute("COMMIT")
        return rows[0] if rows else None

    def complete(self, held):
        return True

    def completed(self):
        return None
'''
NEEDY = """
from benchmarks.peers.adapter import Adapter


class Needy(Adapter):
    name = "needy"
    title = "needy"
    requirements = ("./there-is-no-such-folder",)
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """A whole tiny run of the floor, tubeq in both ways, a peer, and two bad queues."""
    folder = tmp_path_factory.mktemp("adapters")
    (folder / "unsafe_queue.py").write_text(UNSAFE, "utf-8")
    (folder / "needy_queue.py").write_text(NEEDY, "utf-8")
    chosen = choose(["tubeq", "tubeq-next", "tubeq-batch", "huey-storage"])
    chosen |= {"unsafe": "unsafe_queue:Unsafe", "needy": "needy_queue:Needy"}
    run = Run(TINY, is_quick=True)
    told_steps: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        measure(run, chosen, told_steps.append, extra_path=folder, seed=7)
    run.targets += [row.as_json() for row in peer_targets(run.document())]
    assert "installing huey-storage" in told_steps
    return json.loads(json.dumps(run.document()))


def rows_of(document, stage, name):
    return [row for row in document[stage] if row["candidate"] == name]


@pytest.mark.slow
def test_every_verb_of_every_candidate_is_timed(document):
    for name in ("sqlite3", "tubeq", "unsafe"):
        (row,) = rows_of(document, "latency", name)
        assert row["rounds"] == TINY.rounds
        for verb in ("put", "claim", "complete", "lifecycle"):
            assert 0 < row["figures"][f"{verb}_p50_us"] <= row["figures"][f"{verb}_p95_us"]
        assert row["ratios"]["lifecycles_per_s"] > 0
    (floor,) = rows_of(document, "latency", "sqlite3")
    assert set(floor["ratios"].values()) == {1.0}
    for name in ("sqlite3", "tubeq"):
        (row,) = rows_of(document, "latency", name)
        assert row["figures"]["batch_lifecycles_per_s"] > row["figures"]["lifecycles_per_s"]
    assert not rows_of(document, "latency", "tubeq-batch")
    assert not rows_of(document, "contention", "tubeq-batch")
    (chained,) = rows_of(document, "latency", "tubeq-next")
    assert "claim_p50_us" not in chained["figures"]
    assert chained["figures"]["lifecycles_per_s"] > 0


@pytest.mark.slow
def test_a_peer_is_measured_in_an_environment_of_its_own_or_says_why_not(document):
    (peer,) = [each for each in document["candidates"] if each["name"] == "huey-storage"]
    if peer["reason"]:  # no package registry
        pytest.skip(peer["reason"])
    assert "huey 3.5.4" in peer["version"]
    assert "synchronous NORMAL" in peer["settings"]["normal"]
    assert rows_of(document, "latency", "huey-storage")[0]["figures"]


@pytest.mark.slow
def test_what_cannot_be_installed_is_named_and_told(document):
    (needy,) = [each for each in document["candidates"] if each["name"] == "needy"]
    assert needy["reason"].startswith("not installed")
    assert "/" not in needy["reason"]
    assert needy["reason"] in markdown(document)


@pytest.mark.slow
def test_processes_share_one_queue_and_no_task_goes_to_two(document):
    for name in ("sqlite3", "tubeq"):
        found = {row["processes"]: row["figures"] for row in rows_of(document, "contention", name)}
        assert set(found) == {1, 2}
        for figures in found.values():
            assert figures["claims_per_s"] > 0
            assert figures["double_claims"] == figures["errors"] == 0
            assert 0 < figures["jain"] <= 1


@pytest.mark.slow
def test_tubeq_loses_nothing_to_sigkill_and_an_unsafe_queue_does(document):
    for name in ("tubeq", "tubeq-next", "tubeq-batch"):
        (row,) = rows_of(document, "crash", name)
        assert row["figures"]["kills"] >= 3
        assert row["figures"]["from_record"]
        assert row["figures"]["lost"] == row["figures"]["doubly_completed"] == 0, row
        assert row["note"] == ""
    (row,) = rows_of(document, "crash", "tubeq-batch")
    assert row["figures"]["tasks"] == 10 * TINY.crash_tasks
    assert row["figures"]["worked_twice"] > row["figures"]["kills"], "no batch was interrupted"
    (row,) = rows_of(document, "crash", "unsafe")
    assert row["figures"]["lost"] >= 1
    assert row["figures"]["doubly_completed"] == 0


@pytest.mark.slow
def test_the_run_says_what_targets_are_met_and_makes_a_page(document, tmp_path):
    met = {row["what"]: row["met"] for row in document["targets"] if row["table"] == "SIGKILL"}
    assert len(met) == 3
    assert all(met.values())
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "one.json").write_text(json.dumps(document), "utf-8")
    views, problems = read_peers(tmp_path / "peers")
    assert problems == []
    assert views[0]["crash"][0]["title"] == "floor: sqlite3"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no Ctrl-C for a single process")
def test_ctrl_c_keeps_what_was_measured_and_leaves_no_process(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "peers", "--quick", "--no-targets", "--json",
               "--only", "tubeq", "--results", str(tmp_path)]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    time.sleep(2.5)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    document = json.loads(printed)
    assert document["interrupted"] is True
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert list(tmp_path.glob("peers/*.json"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="its server listens on a Unix socket")
def test_redis_is_saved_beside_a_save_and_forgets_a_place_that_was_left(tmp_path):
    adapter, servers = load(ADAPTERS["rq"]), Servers()
    try:
        launch = prepare(adapter, ADAPTERS["rq"])
        place = servers.place("redis")
    except CannotRun as error:  # no package registry, or no server
        servers.stop()
        pytest.skip(str(error))
    try:
        with started(launch) as driver:
            driver.ask("open", place=place, durability="default", create=True, lease_s=60.0)
            _redis(place, "BGSAVE")
            assert driver.ask("fill", first=0, count=300, budget_s=20.0)["filled"] == 300
            assert int(_redis(place, "DBSIZE").strip(":\r\n")) > 300
            driver.ask("close")
        servers.leave("redis", place)
        assert _redis(place, "DBSIZE") == ":0\r\n"
    finally:
        servers.stop()
    servers.leave("redis", place)  # a server that is gone is no error


def _redis(place, command):
    path, _, number = place.removeprefix("unix://").partition("?db=")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        for each in (f"SELECT {number}", command):
            connection.sendall(f"{each}\r\n".encode())
            answer = connection.recv(100).decode()
    return answer


# Names and installing ----------------------------------------------------------------------------


def test_an_unknown_name_is_refused_with_the_known_ones(capsys):
    assert main(["peers", "--only", "celery"]) == 2
    error = capsys.readouterr().err
    assert "celery" in error
    for name in ADAPTERS:
        assert name in error


def test_a_depth_of_nothing_is_refused(capsys):
    assert main(["peers", "--depth", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err


def test_the_floor_is_always_among_the_chosen():
    assert list(choose(["huey"])) == ["sqlite3", "huey"]
    assert list(choose([])) == list(ADAPTERS)


def test_every_adapter_can_be_read_without_its_packages():
    titles = set()
    for name, place in ADAPTERS.items():
        adapter = load(place)
        assert adapter.name == name
        assert all("=" in each or "@" in each for each in adapter.requirements), "not pinned"
        titles.add(adapter.title)
    assert len(titles) == len(ADAPTERS)


def test_a_queue_for_a_newer_python_says_so(monkeypatch):
    adapter = type("Newer", (load(ADAPTERS["huey"]),), {"python": (3, 99)})
    with pytest.raises(CannotRun, match=r"needs Python 3\.99"):
        prepare(adapter, "nowhere:Newer")


def test_reasons_bear_no_addresses_and_no_folders():
    text = "error: cannot reach https://registry.example/simple of /home/someone/.lab/peers/x"
    assert told(text) == "error: cannot reach an address of x"


# Arithmetic --------------------------------------------------------------------------------------


def test_each_round_has_every_candidate_once_in_an_order_of_its_own():
    names = ["a", "b", "c", "d", "e"]
    found = turns(names, 30, random.Random(1))
    assert all(sorted(each) == names for each in found)
    assert len({tuple(each) for each in found}) > 15
    assert {each[0] for each in found} == set(names)


def test_ratios_are_medians_over_rounds_that_both_were_in():
    own = {
        0: {"claim": [200, 200], "lifecycle": [400, 400]},
        1: {"claim": [300, 300], "lifecycle": [400, 400]},
        2: {"claim": [90_000, 90_000], "lifecycle": [400, 400]},
        3: {"claim": [1, 1], "lifecycle": [1, 1]},
    }
    floor = {number: {"claim": [100, 100], "lifecycle": [200, 200]} for number in range(3)}
    found = ratios(own, floor)
    assert found["claim_p50"] == pytest.approx(3)
    assert found["lifecycles_per_s"] == pytest.approx(0.5)
    assert "complete_p50" not in found


def test_figures_are_medians_over_rounds_and_p99_needs_many_calls():
    few = latency_figures([{"claim": [1000, 1000, 9000]}, {"claim": [3000] * 3}])
    assert few == {"claim_p50_us": 2.0, "claim_p95_us": 6.0}
    many = latency_figures([{"lifecycle": [1000] * 400}])
    assert many["lifecycle_p99_us"] == 1.0
    assert many["lifecycles_per_s"] == pytest.approx(1e6)


def test_jain_and_double_claims():
    assert jain([5, 5, 5, 5]) == 1
    assert jain([20, 0, 0, 0]) == 0.25
    assert jain([0, 0]) == 0
    contest = Contest([[1_000_000], [2_000_000, 3_000_000]], [1, 2, 2], 0.5, errors=1)
    figures = contention_figures([contest])
    assert figures["claims_per_s"] == 6
    assert figures["slowest_ms"] == 3
    assert (figures["double_claims"], figures["errors"]) == (1, 1)


def test_a_completion_counts_from_the_log_or_from_the_queues_own_record():
    lines = ["W 0", "C 0", "W 1", "W 1", "C 1", "C 1", "W 2", "E busy", "W 3"]
    crash = crash_counts(lines, 5, 2, completed=[0, 1, 2])
    assert (crash.lost, crash.examples) == (2, [3, 4])
    assert (crash.doubly_completed, crash.worked_twice, crash.errors) == (1, 1, 1)
    assert crash_counts(lines, 5, 2, completed=None).lost == 3


# What is said ------------------------------------------------------------------------------------


def candidate(name, **changes):
    return {
        "name": name, "title": name.capitalize(), "kind": "library", "requirements": [],
        "version": "1", "settings": {"normal": "set"}, "reason": "", "acknowledges": True,
        "fenced": False, "stores_results": True, "many_processes": True, "recovery": "none",
        "keeps_history": False, "many": "", "beside": "", **changes,
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
    assert all(map(guards_of, rows.values()))
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


def test_batches_share_their_time_among_their_tasks(tmp_path):
    adapter = load(ADAPTERS["tubeq"])
    driver = Driver(adapter)
    driver.do_open(str(tmp_path / "queue.db"), "normal", True, 60.0)
    try:
        found = numbers(driver.do_batches(0, 2, 50)["batch"])
        assert driver.do_completed() == {"completed": list(range(99, -1, -1))}
    finally:
        driver.do_close()
    assert len(found) == 2
    assert all(1_000 < each < 1e9 for each in found)


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
