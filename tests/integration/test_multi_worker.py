"""Many workers on one database: threads, handles and processes never share a task."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from typing import Any

import pytest

from tests.integration.conftest import MakeWorker
from tests.integration.support import (
    TASK_TYPE,
    Process,
    Scripted,
    add,
    add_many,
    assert_each_done_once,
    claimed,
    drain,
    item,
    running,
)
from tests.support import at_once, until
from tubeq.domain.errors import ClaimLost
from tubeq.domain.models import NewTask
from tubeq.queue.queue_manager import QueueManager

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("strategy", ["lifo", "fifo", "priority", "weighted_random"])
def test_workers_with_handles_of_their_own_share_no_task(
    queue: QueueManager, make_worker: MakeWorker, strategy: str
) -> None:
    task_ids = [add(queue, f"@c{n}", priority=n % 3) for n in range(60)]
    workers = [make_worker(f"worker-{number}", strategy=strategy) for number in range(4)]
    worked = at_once(lambda number: drain(workers[number]), 4)
    assert Counter(chain(*worked)) == Counter(task_ids)
    assert_each_done_once(queue, task_ids)


def test_batches_of_several_handles_are_disjoint(queue: QueueManager, test_database: str) -> None:
    task_ids = add_many(queue, 100)

    def grab(number: int) -> list[str]:
        with QueueManager(test_database) as queue:
            mine: list[str] = []
            while tasks := queue.claim_tasks(TASK_TYPE, f"worker-{number}", 7):
                mine += [task.task_id for task in tasks]
            return mine

    assert Counter(chain(*at_once(grab, 4))) == Counter(task_ids)


def test_two_processes_never_share_a_task(queue: QueueManager) -> None:
    task_ids = add_many(queue, 200)
    db_path = queue.db_path
    with Process("drain", db_path, "p1") as one, Process("drain", db_path, "p2") as two:
        worked = [process.rest() for process in (one, two)]
    done = [line for lines in worked for line in lines if line != "ready"]
    assert Counter(done) == Counter(task_ids)
    assert_each_done_once(queue, task_ids)


def test_processes_work_off_what_a_third_one_creates_meanwhile(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    with Process("create", queue.db_path) as creator:
        created = [creator.line()]
        with running(make_worker("worker-1")), running(make_worker("worker-2")):
            created += [creator.line() for _ in range(50)]
            created += creator.kill()
            until(lambda: not queue.list_tasks("QUEUED"))
            until(lambda: not queue.list_tasks("RUNNING"))
    assert_each_done_once(queue, created)


def test_workers_of_different_types_do_not_meet(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    types = ["youtube_channel", "youtube_search", "youtube_channel.daily"]
    queue.create_tasks([NewTask(types[n % 3], {"n": n}) for n in range(30)])
    workers = [make_worker(f"worker-{name}", task_type=name) for name in types]
    at_once(lambda number: drain(workers[number]), 3)
    assert {(task["task_type"], task["worker_id"]) for task in queue.list_tasks()} == {
        (name, f"worker-{name}") for name in types
    }


def test_one_key_makes_one_task_through_many_handles(
    queue: QueueManager, test_database: str
) -> None:
    def create(number: int) -> list[str]:
        with QueueManager(test_database) as queue:
            return [add(queue, idempotency_key=f"daily-{day}") for day in range(10)]

    ids = at_once(create, 4)
    assert all(mine == ids[0] for mine in ids)
    assert len(queue.list_tasks()) == 10


def test_a_worker_that_was_taken_for_dead_cannot_finish_the_task(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    task_id = add(queue)
    late = make_worker("late", plugin=Scripted([item("late")]))
    claim = claimed(late)
    assert queue.rescue(worker_id="late").requeued == [task_id]
    rescuer = make_worker("rescuer", plugin=Scripted([item("on-time")]))
    rescuer.process_task(claimed(rescuer))

    result = late.process_task(claim)
    assert (result.success, result.claim_lost) == (False, True)
    task = queue.get_task(task_id)
    assert (task["status"], task["worker_id"]) == ("COMPLETED", "rescuer")
    assert [found["source_id"] for found in queue.get_task_results(task_id)] == ["on-time"]


def test_of_all_who_complete_one_claim_one_succeeds(
    queue: QueueManager, test_database: str
) -> None:
    task_id = add(queue)
    claim = queue.claim_next_task(TASK_TYPE, "worker-1")
    assert claim is not None

    def complete(number: int) -> bool:
        with QueueManager(test_database) as queue:
            try:
                queue.complete_task(claim, [item(f"by-{number}")])
            except ClaimLost:
                return False
            return True

    accepted = at_once(complete, 4)
    assert accepted.count(True) == 1
    (result,) = queue.get_task_results(task_id)
    assert result["source_id"] == f"by-{accepted.index(True)}"


def test_a_supervisor_takes_back_what_its_dead_worker_held_at_once(
    queue: QueueManager, make_worker: MakeWorker
) -> None:
    add_many(queue, 6)
    dead, alive = make_worker("dead"), make_worker("alive")
    lost = {claimed(dead).task_id for _ in range(3)}
    kept = {claimed(alive).task_id for _ in range(3)}
    assert set(queue.rescue(worker_id="dead").requeued) == lost
    assert {task["task_id"] for task in queue.list_tasks("CLAIMED")} == kept


def test_one_of_two_workers_can_be_stopped(queue: QueueManager, make_worker: MakeWorker) -> None:
    with running(make_worker("goes")) as gone, running(make_worker("stays")) as stays:
        until(lambda: len(queue.workers()) == 2)
        assert queue.request_stop("goes") == 1
        until(gone.is_set)
        until(lambda: [info.worker_id for info in queue.workers()] == ["stays"])
        task_id = add(queue)
        until(lambda: queue.get_task(task_id)["status"] == "COMPLETED")
        assert not stays.is_set()


def test_readers_see_every_task_in_one_state_while_workers_run(
    queue: QueueManager, make_worker: MakeWorker, test_database: str
) -> None:
    """Counts that are read while workers write always add up: each read is one snapshot."""
    add_many(queue, 60)
    workers = [make_worker(f"worker-{number}") for number in range(2)]

    def work_or_read(number: int) -> Any:
        if number < 2:
            return drain(workers[number])
        with QueueManager(test_database) as reader:
            totals = set()
            while reader.stats().by_status["COMPLETED"] < 60:
                totals.add(sum(reader.stats().by_status.values()))
                time.sleep(0.001)
            return totals

    *_, totals = at_once(work_or_read, 3)
    assert totals <= {60}
    assert_each_done_once(queue, [task.task_id for task in queue.list_tasks()])
