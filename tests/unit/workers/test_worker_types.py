"""One worker, several types: none starves, and a pause of one holds up no other."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest

from tests.support import raising, until
from tubeq.domain.errors import PluginNotFound, TransientError
from tubeq.domain.models import NewTask
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers import process_main as child
from tubeq.workers.base_worker import BaseWorker, WorkerConfig

from .support import Plugin, attempt, background, counts, worker_on

TYPES = ("channel", "search", "video")


def noting(begun: list[str], name: str) -> Plugin:
    return Plugin(lambda **parameters: begun.append(name) or [])


def worker_of_all(queue: QueueManager, begun: list[str], **config: Any) -> BaseWorker:
    return worker_on(
        queue, {each: noting(begun, each) for each in TYPES}, task_type=TYPES, **config
    )


def test_types_take_turns(queue: QueueManager) -> None:
    for task_type in TYPES:
        queue.create_tasks([NewTask(task_type) for _ in range(3)])
    begun: list[str] = []
    assert worker_of_all(queue, begun).run(until_idle=True) == 9
    assert begun == list(TYPES) * 3
    queue.create_tasks([NewTask("video") for _ in range(4)])
    assert worker_of_all(queue, begun).run(until_idle=True) == 4


def test_claiming_by_hand_takes_turns_as_well(queue: QueueManager) -> None:
    for task_type in TYPES:
        queue.create_tasks([NewTask(task_type) for _ in range(2)])
    worker = worker_of_all(queue, [])
    claimed = [worker.claim_task() for _ in range(7)]
    assert [task.task_type for task in claimed if task] == list(TYPES) * 2
    assert claimed[-1] is None


def test_it_is_registered_for_all_of_them(queue: QueueManager, stop: threading.Event) -> None:
    with background(lambda: worker_of_all(queue, []).run(stop)):
        (info,) = until(queue.workers)
        stop.set()
    assert info.task_types == list(TYPES)


def test_an_idle_worker_is_woken_by_any_of_its_types(file_queue: QueueManager) -> None:
    stop, begun = threading.Event(), list[str]()
    worker = worker_of_all(file_queue, begun, poll_interval=60.0)
    with background(lambda: worker.run(stop)):
        for task_type in TYPES:
            until(lambda: worker._waiter is not None and worker._waiter.is_prepared)
            file_queue.create_task(task_type)
            until(lambda task_type=task_type: task_type in begun)
        stop.set()


def test_a_pause_of_one_type_holds_up_no_other(queue: QueueManager) -> None:
    blocked = TransientError("too much", code="bot_check", retry_after_s=4000.0)
    attempt(worker_on(queue, raising(blocked), breaker_pause_s=3000.0))
    for task_type in TYPES:
        queue.create_tasks([NewTask(task_type) for _ in range(2)])
    begun: list[str] = []
    worker_of_all(queue, begun).run(until_idle=True)
    assert Counter(begun) == {"channel": 2, "search": 2}
    assert counts(queue) == {"COMPLETED": 4, "QUEUED": 3}


def test_idle_is_when_all_types_are(queue: QueueManager) -> None:
    """A task of one type makes one of another."""
    begun: list[str] = []
    worker = worker_of_all(queue, begun)
    worker.plugin["video"] = Plugin(lambda: queue.create_task("channel") and [])
    queue.create_task("video", run_after=time.time() + 0.3)
    assert worker.run(until_idle=True) == 2
    assert begun == ["channel"]


def test_what_is_due_too_late_is_not_waited_for(queue: QueueManager) -> None:
    queue.create_task("video", run_after=time.time() + 1000)
    assert worker_of_all(queue, []).run(until_idle=True) == 0
    queue.create_task("search", run_after=time.time() + 0.5)
    assert worker_of_all(queue, []).run(until_idle=True, wait_scheduled_s=0.1) == 0
    assert worker_of_all(queue, []).run(until_idle=True) == 1
    assert counts(queue) == {"COMPLETED": 1, "QUEUED": 1}


def test_one_plugin_may_do_them_all(queue: QueueManager) -> None:
    queue.create_tasks([NewTask(each) for each in TYPES])
    assert worker_on(queue, task_type=TYPES).run(until_idle=True) == 3


def test_a_type_without_a_plugin_is_named(queue: QueueManager) -> None:
    worker = worker_of_all(queue, [])
    del worker.plugin["video"]
    queue.create_task("video")
    task = worker.claim_task()
    assert task is not None
    with pytest.raises(PluginNotFound, match="video"):
        worker.process_task(task)


@pytest.mark.parametrize("broken", [{"video"}, {"video", "search"}])
def test_plugins_that_cannot_be_loaded_are_passed_over(
    queue: QueueManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: set[str],
) -> None:
    begun: list[str] = []

    def load_plugin(task_type: str, path: str | None) -> Any:
        if task_type in broken:
            raise RuntimeError(f"{task_type} is broken")
        return noting(begun, task_type)

    monkeypatch.setattr(child, "load_plugin", load_plugin)
    config, plugin = child.load_plugins(WorkerConfig(task_type=TYPES), None)
    queue.create_tasks([NewTask(each) for each in TYPES])
    BaseWorker(config, queue.db_path, plugin, queue=queue).run(until_idle=True)
    assert set(begun) == set(TYPES) - broken
    assert len(caplog.records) == len(broken)


def test_where_no_plugin_can_be_loaded_there_is_nothing_to_do() -> None:
    with pytest.raises(PluginNotFound, match="nobody"):
        child.load_plugins(WorkerConfig(task_type=("nobody", "nothing")), None)
