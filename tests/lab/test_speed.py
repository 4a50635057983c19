"""How the speed of the queue is measured: rows, arithmetic, floors, and a short run of groups."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from benchmarks.judging.targets import read_thresholds
from benchmarks.speed import BIG, GROUPS, claims, contention, measure_all
from benchmarks.speed.__main__ import main
from benchmarks.speed.bounds import explained
from benchmarks.speed.floors import Floor, LeastTable, SameTable, add_finished
from benchmarks.speed.guards import GUARDS, PEERS, guards_of
from benchmarks.speed.guards import as_markdown as guards_as_markdown
from benchmarks.speed.rows import Row, as_markdown
from benchmarks.speed.timing import (
    interleaved,
    per_s,
    percentile,
    rate_ratio,
    ratio,
    require_disk,
    typical_us,
)
from benchmarks.workloads import all_workloads
from benchmarks.workloads.base import run_python


def a_row(value: float, limit: float = 10.0, at_least: tuple[str, ...] = ()) -> Row:
    return Row("claim", "one", {"P50 µs": value}, {"P50 µs": limit}, at_least)


# Rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "met_as_most", "met_as_least"),
    [(9.9, True, False), (10.0, True, True), (10.1, False, True), (nan, False, False)],
)
def test_a_limit_is_the_most_or_the_least(value, met_as_most, met_as_least):
    assert a_row(value).met is met_as_most
    assert a_row(value, at_least=("P50 µs",)).met is met_as_least


def test_every_limit_has_to_hold_and_every_figure_to_be_there():
    row = Row("t", "w", {"a": 1.0, "b": 9.0}, {"a": 2.0, "b": 5.0, "c": 1.0}, ("b",))

    assert row.missed == ["c"]
    assert not row.met
    assert Row("t", "w", {"a": 1.0}, {}).met


def test_json_and_back():
    row = Row("t", "w", {"a": 1.0}, {"a": 2.0}, ("a",), "the disk")

    values = json.loads(json.dumps(row.as_json()))

    assert values["met"] is False
    assert Row.from_json(values) == row


def test_markdown_has_a_table_for_each_kind_with_limits_verdicts_and_notes():
    rows = [
        Row("claim", "one", {"P50 µs": 12.345, "P95 µs": 4321.0}, {"P50 µs": 10.0}, note="Python"),
        Row("claim", "two", {"P50 µs": 9.0, "Jain": 0.991}, {"P50 µs": 10.0}),
        Row("bulk", "create", {"tasks/s": 250_000.0}, {"tasks/s": 200_000.0}, ("tasks/s",)),
        Row("bulk", "bare", {"tasks/s": 0.5}, {}),
    ]

    assert as_markdown(rows).splitlines() == [
        "| claim | P50 µs | P95 µs | Jain | |",
        "|---|---|---|---|---|",
        "| one | 12.3 (≤ 10) | 4,321 |  | NOT met: Python |",
        "| two | 9 (≤ 10) |  | 0.991 | met |",
        "",
        "| bulk | tasks/s | |",
        "|---|---|---|",
        "| create | 250,000 (≥ 200,000) | met |",
        "| bare | 0.5 |  |",
    ]


def test_what_bounds_a_figure_is_told_where_it_was_not_met():
    bounds = {"claim: o*": "Python", "*": "anything"}

    assert explained(a_row(11.0), bounds).note == "Python"
    assert explained(a_row(9.0), bounds).note == ""
    assert explained(a_row(11.0), {"verb: *": "the disk"}).note == ""
    told = replace(a_row(11.0), note="beside node")
    assert explained(told, bounds).note == "beside node; Python"


# Arithmetic ---------------------------------------------------------------------------------------


def test_figures_are_medians_of_rounds():
    mine = [[2e-6] * 9 + [20e-6], [4e-6] * 10, [60e-6] * 10]  # the last round was disturbed
    floor = [[1e-6] * 10, [1e-6] * 10, [30e-6] * 10]

    assert percentile(mine[0], 0.5) == pytest.approx(2.0)
    assert percentile(mine[0], 0.95) == pytest.approx(20.0)
    assert typical_us(mine, 0.5) == pytest.approx(4.0)
    assert ratio(mine, floor) == pytest.approx(2.0)
    assert per_s(floor, operations=100) == pytest.approx(100e6)
    assert rate_ratio(floor, mine) == pytest.approx(3.8)


def test_each_round_has_one_turn_of_each_candidate():
    turns: list[str] = []

    def turn_of(name: str) -> list[float]:
        turns.append(name)
        return [float(len(turns))]

    found = interleaved({"a": lambda: turn_of("a"), "b": lambda: turn_of("b")}, 5, "testing")

    assert [set(turns[first : first + 2]) for first in range(0, 10, 2)] == [{"a", "b"}] * 5
    assert len(found["a"]) == len(found["b"]) == 5


def test_fairness():
    assert contention.jain([5, 5, 5, 5]) == 1.0
    assert contention.jain([1, 0, 0, 0]) == 0.25


def test_a_disk_that_is_too_small_is_named(tmp_path: Path):
    with pytest.raises(RuntimeError, match=r"needs 1000000000\.0 GB"):
        require_disk(tmp_path, 10**18)


# Floors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SameTable, LeastTable])
def test_a_floor_does_the_whole_work(kind: type[Floor], tmp_path: Path):
    path = tmp_path / "floor.db"
    kind.create_file(path)
    add_finished(kind, path, 50)
    floor = kind(path)
    try:
        floor.live()
        floor.insert_many(12)
        first, *others = floor.claim_many(10)
        floor.complete(first)
        floor.claim_next()
        with pytest.raises(RuntimeError, match="nothing to claim"):
            for _ in range(2):
                floor.claim_next()
    finally:
        floor.close()

    table, results = ("task_queue", "results") if kind is SameTable else ("task", "result")
    with sqlite3.connect(path) as connection:
        counts = dict(connection.execute(f"SELECT status, count(*) FROM {table} GROUP BY 1"))
        assert connection.execute(f"SELECT count(*) FROM {results}").fetchone() == (1,)
    connection.close()
    assert len({each[0] for each in (first, *others)}) == 10
    assert counts == ({"COMPLETED": 52, "CLAIMED": 11} if kind is SameTable else {2: 52, 1: 11})


def test_a_floor_that_scans_is_refused(tmp_path: Path):
    path = tmp_path / "floor.db"
    SameTable.create_file(path)
    with sqlite3.connect(path) as connection:
        for name in ("open", "prioritised", "scheduled"):
            connection.execute(f"DROP INDEX task_queue_{name}")
    connection.close()

    with pytest.raises(RuntimeError, match="scans"):
        SameTable(path)


def test_shapes_begin_with_the_shallow_queue():
    for quick in (True, False):
        shapes = claims.shapes(quick)
        assert shapes[0].total == 1_000
        assert str(shapes[0]) == "1,000 queued"
    assert {10_000_000, 1_000_000, 100_000} <= {each for shape in shapes for each in shape}
    assert str(shapes[3]) == "1,000 queued beside 10,000,000 finished"


@pytest.mark.slow
@pytest.mark.parametrize("candidate", [contention.TUBEQ, contention.BUSY_TIMEOUT])
def test_contenders_claim_each_task_once(candidate: str, tmp_path: Path):
    workload = contention.WORKLOADS[1]

    outcome = contention.contend_once(
        tmp_path / "queue.db", workload, contention.Run(candidate, 2), 0.2
    )

    assert not outcome.errors
    assert outcome.double == 0
    assert len(outcome.latencies_s) == sum(outcome.shares) > 10
    assert outcome.wal_bytes > 0
    assert not list(tmp_path.iterdir())


# The command --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "tables", "rows"),
    [
        ("claims", {"claim"}, 20),
        ("verbs", {"verb", "lifecycle", "bulk"}, 10),
        ("worker", {"worker"}, 3),
        ("wake", {"wake-up"}, 3),
        ("start_up", {"start-up"}, 3),
        ("scraping", {"scraping", "listing"}, 5),
        ("long_listing", {"listing"}, 2),
        ("ten_million", {"20,000 tasks, µs by tenth", "20,000 tasks, file"}, 9),
    ],
)
def test_a_group_runs(group, tables, rows, capsys):
    assert main(["--quick", "--json", "--report-only", "--only", group]) == 0

    found = [Row.from_json(values) for values in json.loads(capsys.readouterr().out)]
    assert {row.table for row in found} == tables
    assert len(found) == rows
    assert all(map(guards_of, found)), "a figure has no guard: see benchmarks/speed/guards.py"
    assert all(value >= 0 for row in found for value in row.figures.values())
    assert all(name in row.figures for row in found for name in row.limits)


@pytest.mark.parametrize(("batch", "syncs_a_task"), [(1, 1.0), (50, 0.02)])
def test_a_worker_syncs_once_a_task_and_once_a_batch(batch, syncs_a_task, tmp_path: Path):
    arguments = (str(tmp_path / "queue.db"), "100", "balanced", str(batch))

    told = json.loads(run_python("-m", "benchmarks.speed.synced_worker", *arguments))

    assert told["syncs"] / told["tasks"] == syncs_a_task
    assert len(told["latencies_s"]) >= 99


def test_an_unknown_group_is_refused(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--only", "nothing"])

    assert exit_.value.code == 2
    assert "claims" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no group 'nothing': choose from claims"):
        next(measure_all(True, only=["nothing"]))


def test_a_limit_that_is_not_met_is_exit_code_1(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.speed.__main__.measure_all", lambda *_, **__: [a_row(11.0)])

    assert main([]) == 1
    assert "NOT met" in capsys.readouterr().out
    assert main(["--report-only"]) == 0


def test_what_was_measured_before_a_failure_is_printed(monkeypatch, capsys):
    def broken(*_, **__):
        yield a_row(1.0)
        raise RuntimeError("the disk is too small")

    monkeypatch.setattr("benchmarks.speed.__main__.measure_all", broken)

    assert main(["--report-only"]) == 3
    told = capsys.readouterr()
    assert "| one |" in told.out
    assert "the disk is too small" in told.err


# Guards -------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]


def test_every_group_of_figures_has_guards():
    assert set(GUARDS) == {*GROUPS, PEERS}
    assert all(patterns and all(patterns.values()) for patterns in GUARDS.values())


def test_every_guard_is_a_workload_with_these_limits():
    limits, known = read_thresholds(), all_workloads()
    for patterns in GUARDS.values():
        for guard in (each for guards in patterns.values() for each in guards):
            assert guard.workload in known, guard
            assert set(guard.names) <= limits[guard.workload].keys(), guard
            counted = {"statements", "transactions", "fsyncs"} & set(guard.names)
            assert known[guard.workload].counted_calls or not counted, f"never counted: {guard}"


def test_every_figure_that_was_recorded_has_a_guard():
    records = sorted((ROOT / "results" / "peers").glob("*.json"))
    rows = [
        Row.from_json(each)
        for path in records
        for each in json.loads(path.read_text("utf-8"))["targets"]
    ]
    assert {"claim", "contention", "whole lifecycle", "SIGKILL"} <= {row.table for row in rows}
    assert [f"{row.table}: {row.what}" for row in rows if not guards_of(row)] == []


def test_a_new_figure_has_none():
    assert not guards_of(Row("claim", "1,000 queued, by moonlight", {"P50 µs": 1.0}, {}))
    assert not guards_of(Row("moonlight", "fast", {"P50 µs": 1.0}, {}))


def test_the_page_of_results_shows_what_guards_what():
    text = (ROOT / "results" / "README.md").read_text("utf-8")
    assert guards_as_markdown() in text, "print(as_markdown()) of benchmarks/speed/guards.py"


def test_the_groups_of_many_minutes_are_known():
    assert set(BIG) < set(GROUPS)
