"""Counters repeat exactly, and see what was planted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tubeq
from benchmarks.measuring.counters import measure_counters
from benchmarks.workloads import all_workloads

WORKLOADS = ["claim-lifo-1e3", "claim-weighted-random-1e3", "enqueue", "complete", "lifecycle",
             "claim-batch", "retry", "rescue"]  # fmt: skip
CALLS = 30


@pytest.mark.parametrize("name", WORKLOADS)
def test_they_repeat_exactly(name: str) -> None:
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(measure_counters, (name, name), (CALLS, CALLS))

    assert first == second
    assert first["vm_steps"] > 0
    assert first["transactions"] > 0
    assert first["wal_bytes"] > 0
    assert first["python_calls"] > 0


def test_what_a_lifecycle_was_designed_to_cost() -> None:
    counters = measure_counters("lifecycle", CALLS)

    assert counters["transactions"] == 4
    assert counters["fsyncs"] == 2  # of the created task and of the finished one
    assert counters["statements"] == 7


def test_claims_of_every_strategy_are_one_transaction_and_never_sync() -> None:
    for strategy in ("lifo", "fifo", "priority", "weighted-random"):
        counters = measure_counters(f"claim-{strategy}-1e3", CALLS)
        assert (counters["transactions"], counters["fsyncs"]) == (1, 0), strategy


PlantedPackage = Callable[[str, str, str], Path]


@pytest.fixture
def plant(tmp_path: Path) -> PlantedPackage:
    """A copy of the package in which one text of one file was replaced; its parent folder."""

    def planted(file: str, old: str, new: str) -> Path:
        source = Path(tubeq.__file__).parent
        copy = tmp_path / f"planted-{len(list(tmp_path.iterdir()))}" / "tubeq"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        text = (copy / file).read_text("utf-8")
        assert text.count(old) >= 1, f"nothing to replace in {file}"
        (copy / file).write_text(text.replace(old, new, 1), "utf-8")
        return copy.parent

    return planted


def counted(folder: Path) -> dict[str, float]:
    return measure_counters("claim-lifo-1e3", CALLS, path=(folder,))


@pytest.fixture(scope="module")
def base() -> dict[str, float]:
    """The same of the package as it is: it repeats exactly, see above."""
    return measure_counters("claim-lifo-1e3", CALLS)


CLAIM = (
    "            claimed = self._claimer.claim_at_once("
    "self._session, request, durable=self._sync_all)\n"
)


def test_a_comment_and_another_folder_change_nothing(
    plant: PlantedPackage, base: dict[str, float]
) -> None:
    same = counted(plant("storage/sqlite/storage.py", CLAIM, f"            # a remark\n{CLAIM}"))

    assert same == base


def test_they_see_one_extra_query(plant: PlantedPackage, base: dict[str, float]) -> None:
    """SELECT 1 is Init, Integer, ResultRow, Halt and the Goto between: a handful of steps."""
    query = '            self._session.read("SELECT 1")\n'

    head = counted(plant("storage/sqlite/storage.py", CLAIM, query + CLAIM))

    steps = head["vm_steps"] - base["vm_steps"]
    assert steps == int(steps)
    assert 1 <= steps <= 6
    assert head["statements"] - base["statements"] == 1
    assert head["transactions"] == base["transactions"]
    assert head["wal_bytes"] == base["wal_bytes"]


def test_they_see_one_redundant_predicate(plant: PlantedPackage, base: dict[str, float]) -> None:
    pick = "WHERE queue_key = ? ORDER BY id DESC"

    head = counted(
        plant("storage/sqlite/sql/queries.sql", pick, pick.replace("?", "? AND +id > -1"))
    )

    assert 1 <= head["vm_steps"] - base["vm_steps"] <= 4
    assert {**head, "vm_steps": 0} == {**base, "vm_steps": 0}


def test_they_see_one_extra_commit_and_sync(plant: PlantedPackage, base: dict[str, float]) -> None:
    write = (
        "            with self._session.write(durable=True) as session:\n"
        "                session.execute("
        '"UPDATE task_queue SET retry_count = retry_count + 1 WHERE id = 1")\n'
    )

    head = counted(plant("storage/sqlite/storage.py", CLAIM, write + CLAIM))

    assert head["transactions"] - base["transactions"] == 1
    assert head["fsyncs"] - base["fsyncs"] == 1
    assert head["wal_bytes"] > base["wal_bytes"]


def test_they_see_that_sqlite_itself_would_sync(plant: PlantedPackage) -> None:
    normal, full = "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"

    assert counted(plant("storage/sqlite/file/connection.py", normal, full))["fsyncs"] == 1


def test_what_cannot_be_counted_says_so(tmp_path: Path) -> None:
    (tmp_path / "tubeq").mkdir()
    (tmp_path / "tubeq/__init__.py").write_text("")

    with pytest.raises(NotImplementedError, match="QueueManager"):
        measure_counters("lifecycle", 1, path=(tmp_path,))
    with pytest.raises(RuntimeError, match="no-such-workload"):
        measure_counters("no-such-workload", 1)


def test_the_workloads_that_are_counted_here_say_that_they_can_be() -> None:
    workloads = all_workloads()

    assert all(workloads[name].counted_calls for name in WORKLOADS)
