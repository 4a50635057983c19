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
from benchmarks.contenders.base import QUEUES, load
from benchmarks.contenders.environments import CannotRun, _by_pyenv, gist_of, prepare
from benchmarks.contenders.servers import Servers
from benchmarks.judging.peers import judge_peers, read_limits
from benchmarks.measuring.crash import crash_counts
from benchmarks.measuring.driver import Driver
from benchmarks.measuring.peers import Run, measure
from benchmarks.measuring.process import unpack
from benchmarks.measuring.queues import Peer, Plan, Session, choose
from benchmarks.measuring.verbs import contention_figures, ratios, verb_figures
from benchmarks.reporting.peers import markdown
from benchmarks.reporting.publish import read_peers
from benchmarks.workloads.processes import jain

ROOT = Path(__file__).resolve().parents[2]
TINY = Plan(
    depths=(300,), rounds=3, calls=30, round_s=0.1, fill_budget_s=10.0, processes=(1, 2),
    work_s=0.1, contention_rounds=1, most_filled=4_000, crash_tasks=300, crash_workers=2, kills=4,
    task_s=0.002, durabilities=("normal",),
)  # fmt: skip
UNSAFE = '''
"""Deletes a task when it is claimed: what a worker is killed with is lost."""

from benchmarks.contenders.own_queues import Reference


class Unsafe(Reference):
    name = "unsafe"
    title = "unsafe"
    kind = "library"
    acknowledges = False

    def claim(self):
        rows = self._queue.connection.execute(
            "DELETE FROM task_queue WHERE id = (SELECT min(id) FROM task_queue) RETURNING id"
        ).fetchall()
        return rows[0] if rows else None

    def number_of(self, held):
        return held[0] - 1

    def lifecycle_batch(self, encoded):
        for each in encoded:
            self.lifecycle(each)

    def complete(self, held):
        return True

    def completed(self):
        return None
'''
NEEDY = """
from benchmarks.contenders.base import Queue


class Needy(Queue):
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
    assert "installing huey-storage" in told_steps
    document = run.document()
    document["targets"] = [each.as_json() for each in judge_peers(document, read_limits(), "tubeq")]
    return json.loads(json.dumps(document))


def rows_of(document, stage, name):
    return [row for row in document[stage] if row["queue"] == name]


@pytest.mark.slow
def test_every_verb_of_every_candidate_is_timed(document):
    for name in ("reference", "tubeq", "unsafe"):
        (row,) = rows_of(document, "verbs", name)
        assert row["rounds"] == TINY.rounds
        for verb in ("put", "claim", "complete", "lifecycle"):
            assert 0 < row["figures"][f"{verb}_p50_us"] <= row["figures"][f"{verb}_p95_us"]
        assert row["ratios"]["lifecycles_per_s"] > 0
    (floor,) = rows_of(document, "verbs", "reference")
    assert set(floor["ratios"].values()) == {1.0}
    for name in ("reference", "tubeq"):
        (row,) = rows_of(document, "verbs", name)
        assert row["figures"]["batch_lifecycles_per_s"] > row["figures"]["lifecycles_per_s"]
    assert not rows_of(document, "verbs", "tubeq-batch")
    assert not rows_of(document, "contention", "tubeq-batch")
    (chained,) = rows_of(document, "verbs", "tubeq-next")
    assert "claim_p50_us" not in chained["figures"]
    assert chained["figures"]["lifecycles_per_s"] > 0


@pytest.mark.slow
def test_a_peer_is_measured_in_an_environment_of_its_own_or_says_why_not(document):
    (peer,) = [each for each in document["queues"] if each["name"] == "huey-storage"]
    if peer["reason"]:  # no package registry
        pytest.skip(peer["reason"])
    assert "huey 3.5.4" in peer["version"]
    assert "synchronous NORMAL" in peer["settings"]["normal"]
    assert rows_of(document, "verbs", "huey-storage")[0]["figures"]


@pytest.mark.slow
def test_what_cannot_be_installed_is_named_and_told(document):
    (needy,) = [each for each in document["queues"] if each["name"] == "needy"]
    assert needy["reason"].startswith("not installed")
    assert "/" not in needy["reason"]
    assert needy["reason"] in markdown(document)


@pytest.mark.slow
def test_processes_share_one_queue_and_no_task_goes_to_two(document):
    for name in ("reference", "tubeq"):
        found = {row["processes"]: row["figures"] for row in rows_of(document, "contention", name)}
        assert set(found) == {1, 2}
        for figures in found.values():
            assert figures["tasks_per_s"] > 0
            assert figures["done_twice"] == figures["errors"] == 0
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
    met = {row["name"]: row["met"] for row in document["targets"]}
    assert all(met[name] for name in ("lost", "doubly_completed", "done_twice"))
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "one.json").write_text(json.dumps(document), "utf-8")
    views, problems = read_peers(tmp_path / "peers")
    assert problems == []
    assert views[0]["tables"][0].rows[0][0] == "reference: bare SQLite"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no Ctrl-C for a single process")
def test_ctrl_c_keeps_what_was_measured_and_leaves_no_process(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "peers", "--quick", "--json",
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
    adapter, servers = load(QUEUES["rq"]), Servers()
    try:
        launch = prepare(adapter)
        place = servers.place("redis")
    except CannotRun as error:  # no package registry, or no server
        servers.stop()
        pytest.skip(str(error))
    try:
        with Peer("rq", QUEUES["rq"], adapter, launch).start() as driver:
            driver.ask("open", place=place, durability="default", create=True, lease_s=60.0)
            _redis(place, "BGSAVE")
            assert driver.ask("fill", first=0, count=300, budget_s=20.0) == 300
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
    for name in QUEUES:
        assert name in error


def test_a_depth_of_nothing_is_refused(capsys):
    with pytest.raises(SystemExit) as refused:
        main(["peers", "--depth", "0"])
    assert refused.value.code == 2
    assert "at least 1" in capsys.readouterr().err


def test_the_reference_is_always_among_the_chosen():
    assert list(choose(["huey"])) == ["reference", "huey"]
    assert list(choose([])) == list(QUEUES)


def test_every_adapter_can_be_read_without_its_packages():
    titles = set()
    for name, place in QUEUES.items():
        adapter = load(place)
        assert adapter.name == name
        assert all("=" in each or "@" in each for each in adapter.requirements), "not pinned"
        titles.add(adapter.title)
    assert len(titles) == len(QUEUES)


def test_a_queue_for_a_newer_python_says_so(monkeypatch):
    adapter = type("Newer", (load(QUEUES["huey"]),), {"python": (3, 99)})
    with pytest.raises(CannotRun, match=r"needs Python 3\.99"):
        prepare(adapter)


def test_a_python_of_pyenv_serves_where_it_is_new_enough(monkeypatch, tmp_path):
    for name in ("3.9.18", "3.99.1", "3.100.0", "pypy3.99", "3.99-dev"):
        python = tmp_path / "versions" / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert _by_pyenv((3, 99)) == str(tmp_path / "versions" / "3.99.1" / "bin" / "python")
    assert _by_pyenv((3, 101)) == ""


def test_reasons_bear_no_addresses_and_no_folders():
    text = "error: cannot reach https://registry.example/simple of /home/someone/.lab/peers/x"
    assert gist_of(text) == "error: cannot reach an address of x"


# Arithmetic --------------------------------------------------------------------------------------


def test_each_round_has_every_candidate_once_in_an_order_of_its_own():
    names = ["a", "b", "c", "d", "e"]
    found = Session(TINY, [], Servers(), Path(), random.Random(1), print).order(names, 30)
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
    few = verb_figures([{"claim": [1000, 1000, 9000]}, {"claim": [3000] * 3}])
    assert few == {"claim_p50_us": 2.0, "claim_p95_us": 6.0}
    many = verb_figures([{"lifecycle": [1000] * 400}])
    assert many["lifecycle_p99_us"] == 1.0
    assert many["lifecycles_per_s"] == pytest.approx(1e6)


def test_jain_and_double_claims():
    assert jain([5, 5, 5, 5]) == 1
    assert jain([20, 0, 0, 0]) == 0.25
    assert jain([0, 0]) == 0
    one = {"latencies": [1_000_000], "tasks": [1], "elapsed_s": 0.4, "errors": 1}
    two = {"latencies": [2_000_000, 3_000_000], "tasks": [2, 2], "elapsed_s": 0.5, "errors": 0}
    figures = contention_figures([[one, two]])
    assert figures["tasks_per_s"] == 6
    assert figures["slowest_ms"] == 3
    assert (figures["done_twice"], figures["errors"]) == (1, 1)


def test_a_completion_counts_from_the_log_or_from_the_queues_own_record():
    lines = ["W 0", "C 0", "W 1", "W 1", "C 1", "C 1", "W 2", "E busy", "W 3"]
    figures, error = crash_counts(lines, 5, 2, completed=[0, 1, 2])
    assert (figures["lost"], figures["examples"], error) == (2, [3, 4], "busy")
    assert [figures[name] for name in ("doubly_completed", "worked_twice", "errors")] == [1, 1, 1]
    assert crash_counts(lines, 5, 2, completed=None)[0]["lost"] == 3


def test_batches_share_their_time_among_their_tasks(tmp_path):
    driver = Driver(QUEUES["tubeq"])
    driver.open(str(tmp_path / "queue.db"), "normal", True, 60.0)
    try:
        found = unpack(driver.batches(0, 2, 50), "q")
        assert driver.completed() == list(range(99, -1, -1))
    finally:
        driver.close()
    assert len(found) == 2
    assert all(1_000 < each < 1e9 for each in found)
