"""Every workload's smoke size, with its own check; and what an older package lacks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring.sample import measure
from benchmarks.workloads import Lacks, Profile, Sample, Workload, all_workloads
from benchmarks.workloads.base import open_queue, public
from benchmarks.workloads.processes import Helpers
from benchmarks.workloads.worker import OpenLoop
from tubeq import QueueManager

WORKLOADS = all_workloads()


@pytest.mark.parametrize("name", WORKLOADS)
def test_smoke_size_does_its_work_right(name: str) -> None:
    workload = WORKLOADS[name]

    sample = measure(workload, Profile.SMOKE)

    assert all(latency_s > 0 for latency_s in sample.latencies_s)
    assert sample.latencies_s or sample.values
    assert set(sample.values) == set(workload.figures)
    assert (sample.elapsed_s > 0) or not sample.operations or name in ("open-loop", "wake-up")


@pytest.mark.parametrize("name", WORKLOADS)
def test_names_and_sizes(name: str) -> None:
    workload = WORKLOADS[name]

    assert name == workload.name == name.lower()
    assert workload.calls[Profile.SMOKE] <= workload.calls[Profile.REGULAR]
    assert workload.calls[Profile.REGULAR] < workload.calls[Profile.LARGE]
    assert workload.batch <= workload.at_once


def test_what_the_issue_asks_for_is_there() -> None:
    claims = {
        f"claim-{strategy}-{depth}"
        for strategy in ("lifo", "fifo", "priority", "weighted-random")
        for depth in ("1e3", "1e5", "1e6")
    }
    others = {
        "enqueue", "enqueue-bulk-1000", "complete", "lifecycle", "claim-batch", "retry", "rescue",
        "contention-1", "contention-2", "contention-4", "contention-8", "open-loop", "wake-up",
        "worker-fast", "worker-balanced", "channel-scrape", "start-up-queue", "start-up-cli",
        "worker-memory", "file-growth", "null", "complete-batch", "prune", "look", "idle-worker",
    }  # fmt: skip
    assert claims | others <= WORKLOADS.keys()


@contextmanager
def prepared(name: str, folder: Path) -> Iterator[tuple[Workload, Any]]:
    """A workload with the state that it prepared."""
    workload = WORKLOADS[name]
    state = workload.prepare(folder, Profile.SMOKE)
    try:
        yield workload, state
    finally:
        workload.close(state)


IN_BATCHES = "claim-lifo-1e3 claim-weighted-random-1e3 claim-batch complete lifecycle retry"


@pytest.mark.parametrize("name", IN_BATCHES.split())
def test_runs_in_batches_leave_the_state_as_it_was(name: str, tmp_path: Path) -> None:
    with prepared(name, tmp_path) as (workload, state):
        samples = [workload.run(state, 7) for _ in range(3)]
        workload.check(state)

    assert [len(sample.latencies_s) for sample in samples] == [7, 7, 7]


def test_a_run_longer_than_what_can_be_done_at_once_is_restored_in_between() -> None:
    workload = WORKLOADS["claim-lifo-1e3"]

    sample = measure(workload, Profile.SMOKE, calls=3 * workload.at_once + 1)

    assert len(sample.latencies_s) == 3 * workload.at_once + 1


def test_measuring_adds_less_than_two_percent_to_a_claim() -> None:
    sample = measure(WORKLOADS["null"], Profile.SMOKE)

    assert 0 < sample.values["overhead_percent"] < 2


class _Stalling:
    """A queue whose creator stands still once, for as long as 30 arrivals take."""

    def __init__(self, queue: QueueManager) -> None:
        self._queue = queue
        self._created = 0

    def create_task(self, task_type: str, parameters: dict[str, float]) -> str:
        self._created += 1
        if self._created == 5:
            time.sleep(0.3)
        return self._queue.create_task(task_type, parameters)


class _Stalled(OpenLoop):
    def work(self, state: Any, calls: int) -> Sample:
        queue, state.queue = state.queue, _Stalling(state.queue)
        sample = super().work(state, calls)
        state.queue = queue
        return sample


def test_open_loop_counts_from_the_planned_moment() -> None:
    """A stall makes all the tasks late that were planned meanwhile; a closed loop would see one."""
    sample = measure(_Stalled(), Profile.SMOKE, calls=60)

    assert sum(latency_s > 0.02 for latency_s in sample.latencies_s) >= 20


def test_an_api_that_is_not_there_is_named() -> None:
    with pytest.raises(Lacks, match="no NothingOfTheKind"):
        public("NothingOfTheKind")
    with pytest.raises(Lacks, match=r"no workers\.nowhere:Worker"):
        public("workers.nowhere:Worker")


def test_a_queue_without_a_verb_or_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(Lacks, match="teleport"):
        open_queue(tmp_path / "queue.db", "create_task", "teleport")
    with pytest.raises(Lacks, match="flux"):
        open_queue(tmp_path / "queue.db", flux=1)


def test_workloads_can_be_listed_and_lack_all_where_tubeq_is_not_installed(tmp_path: Path) -> None:
    """So asv finds today's workloads in yesterday's environment."""
    code = """
import json, sys, pathlib, tempfile
sys.modules["tubeq"] = None
from benchmarks.workloads import Lacks, Profile, all_workloads
told = []
for name, workload in all_workloads().items():
    try:
        workload.prepare(pathlib.Path(tempfile.mkdtemp()), Profile.SMOKE)
    except Lacks:
        told.append(name)
print(json.dumps([told, sorted(all_workloads())]))
"""
    names = [name for name in WORKLOADS if not name.startswith("start-up")]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, listed = json.loads(done.stdout)
    assert set(names) <= set(told)
    assert listed == sorted(WORKLOADS)


def test_a_helper_process_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        Helpers(1, _divide, 0)


def _divide(pipe: object, by: int) -> None:
    print(pipe, 1 / by)


def test_a_claimed_twice_task_fails_the_check(tmp_path: Path) -> None:
    with prepared("claim-lifo-1e3", tmp_path) as (workload, state):
        workload.run(state, 2)
        state.held.append(state.held[0])
        with pytest.raises(AssertionError, match="twice"):
            workload.check(state)
