"""Every verb of a queue, and every attempt of a worker, is an event for its subscribers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tubeq import BaseWorker, Completion, NewTask, QueueManager, WorkerConfig
from tubeq.domain.breaker import BreakerPolicy, Verdict
from tubeq.domain.errors import ClaimLost, InvalidParameters, PermanentError
from tubeq.domain.items import ItemQuery
from tubeq.domain.limits import Grant, Holder
from tubeq.domain.models import Idea, Task
from tubeq.queue import instrument
from tubeq.queue.backlog import QueueBacklog
from tubeq.queue.export import ExportFormat, What
from tubeq.queue.instrument import Event
from tubeq.queue.items import QueueItems
from tubeq.queue.limits import QueueLimits
from tubeq.queue.maintenance import QueueMaintenance
from tubeq.queue.register import WorkerRegister
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.workers.opening import worker_info

PARTS: dict[str, type] = {
    "": QueueManager, "backlog.": QueueBacklog, "items.": QueueItems, "limits.": QueueLimits,
    "maintenance.": QueueMaintenance, "register.": WorkerRegister,
}  # fmt: skip
PUBLIC = {
    f"{prefix}{name}"
    for prefix, part in PARTS.items()
    for name, value in vars(part).items()
    if callable(value) and not name.startswith("_") and hasattr(value, "__code__")
}
ANN = Holder("ann", 1, 1)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[QueueManager]:
    with QueueManager(tmp_path / "queue.db") as queue:
        yield queue


@pytest.fixture
def seen() -> Iterator[list[Event]]:
    events: list[Event] = []
    unsubscribe = instrument.subscribe(events.append)
    yield events
    unsubscribe()


def written() -> dict[str, Any]:
    return {
        f"{prefix}{name}": value
        for prefix, part in PARTS.items()
        for name, value in vars(part).items()
    }


def claimed(queue: QueueManager) -> Task:
    queue.create_task("video")
    task = queue.claim_next_task("video", "w")
    assert task is not None
    return task


def calls(queue: QueueManager, folder: Path) -> dict[str, Callable[[], Any]]:
    """A call of each verb that succeeds, in any order but for `close`."""
    task = claimed(queue)
    return {
        "create_task": lambda: queue.create_task("video"),
        "create_tasks": lambda: queue.create_tasks([NewTask("video")]),
        "get_task": lambda: queue.get_task(task.task_id),
        "list_tasks": lambda: queue.list_tasks(),
        "get_task_results": lambda: queue.get_task_results(task.task_id),
        "list_results": lambda: queue.list_results(),
        "count_ideas": lambda: queue.count_ideas(task),
        "get_task_history": lambda: queue.get_task_history(task.task_id),
        "stats": lambda: queue.stats(),
        "claim": lambda: queue.claim(ClaimRequest("video", "w")),
        "claim_next_task": lambda: queue.claim_next_task("video", "w"),
        "claim_tasks": lambda: queue.claim_tasks("video", "w", 2),
        "start_task": lambda: queue.start_task(claimed(queue)),
        "heartbeat": lambda: queue.heartbeat(task),
        "complete_task": lambda: queue.complete_task(claimed(queue)),
        "complete_tasks": lambda: queue.complete_tasks([Completion(claimed(queue))]),
        "fail_task": lambda: queue.fail_task(claimed(queue), "no"),
        "defer_task": lambda: queue.defer_task(claimed(queue), "not yet", code="upcoming"),
        "release_task": lambda: queue.release_task(claimed(queue)),
        "confirm_cancel": lambda: queue.confirm_cancel(claimed(queue)),
        "store_result": lambda: queue.store_result(task.task_id, "a"),
        "save_progress": lambda: queue.save_progress(task, [Idea("b")]),
        "get_cursor": lambda: queue.get_cursor(task),
        "children": lambda: queue.children(task.task_id),
        "progress": lambda: queue.progress(task.task_id),
        "parents_of": lambda: queue.parents_of([task.task_id]),
        "with_children": lambda: queue.with_children([task.task_id]),
        "update_task_status": lambda: queue.update_task_status(
            queue.create_task("video"), "CANCELLED"
        ),
        "cancel_task": lambda: queue.cancel_task(queue.create_task("video")),
        "requeue_task": lambda: queue.requeue_task(
            queue.cancel_task(queue.create_task("video")).task_id
        ),
        "rescue": lambda: queue.rescue(),
        "workers": lambda: queue.workers(),
        "request_stop": lambda: queue.request_stop(),
        "backlog.open_types": lambda: queue.backlog.open_types(),
        "backlog.has_open_tasks": lambda: queue.backlog.has_open_tasks("video"),
        "backlog.count_queued": lambda: queue.backlog.count_queued("video"),
        "backlog.next_due_at": lambda: queue.backlog.next_due_at("video"),
        "items.list": lambda: queue.items.list(ItemQuery()),
        "items.get": lambda: queue.items.get("a"),
        "items.counts": lambda: queue.items.counts("a"),
        "items.count": lambda: queue.items.count(),
        "items.fold": lambda: queue.items.fold(),
        "items.count_unfolded": lambda: queue.items.count_unfolded(),
        "items.export": lambda: queue.items.export(
            folder / "items.csv", What.ITEMS, ExportFormat.CSV
        ),
        "limits.set": lambda: queue.limits.set("host:a", 1),
        "limits.delete": lambda: queue.limits.delete("host:a"),
        "limits.list": lambda: queue.limits.list(),
        "limits.is_idle": lambda: queue.limits.is_idle(),
        "limits.take": lambda: queue.limits.take(["host:b"], ANN, 1.0),
        "limits.release": lambda: queue.limits.release(Grant()),
        "limits.extend": lambda: queue.limits.extend(ANN, 1.0),
        "limits.slots": lambda: queue.limits.slots(),
        "limits.pauses": lambda: queue.limits.pauses(),
        "limits.pause_s": lambda: queue.limits.pause_s("type:video"),
        "limits.admit": lambda: queue.limits.admit("type:video", ANN, 1.0),
        "limits.report": lambda: queue.limits.report(
            "type:video", ANN, Verdict.SUCCEEDED, "", BreakerPolicy()
        ),
        "limits.resume": lambda: queue.limits.resume("type:video"),
        "maintenance.prune": lambda: queue.maintenance.prune(0.0),
        "maintenance.preview_prune": lambda: queue.maintenance.preview_prune(0.0),
        "maintenance.backup": lambda: queue.maintenance.backup(folder / "copy.db"),
        "maintenance.check": lambda: queue.maintenance.check(),
        "register.add": lambda: queue.register.add(worker_info("w", "video", 1)),
        "register.seen": lambda: queue.register.seen("w"),
        "register.remove": lambda: queue.register.remove("w"),
        "register.held_by": lambda: queue.register.held_by("w"),
        "close": lambda: queue.close(),
    }


def test_every_verb_is_an_event(queue: QueueManager, seen: list[Event], tmp_path: Path) -> None:
    for name, call in calls(queue, tmp_path).items():
        seen.clear()
        call()
        last = seen[-1]
        assert (last.name, last.outcome) == (name, "ok")
        assert 0.0 <= last.duration_s < 60.0 < last.started_at


def test_no_verb_is_forgotten(queue: QueueManager, tmp_path: Path) -> None:
    assert PUBLIC - calls(queue, tmp_path).keys() == {"maintenance.import_legacy"}


def test_an_error_is_the_outcome_and_is_raised(
    queue: QueueManager, seen: list[Event], tmp_path: Path
) -> None:
    task = claimed(queue)
    queue.complete_task(task)
    with pytest.raises(ClaimLost):
        queue.complete_task(task)
    assert seen[-1].name == "complete_task"
    assert seen[-1].outcome == "claim_lost"
    assert seen[-1].attributes["task_id"] == task.task_id
    with pytest.raises(InvalidParameters):
        queue.limits.set("nowhere")
    assert (seen[-1].name, seen[-1].outcome) == ("limits.set", "invalid_parameters")
    with pytest.raises(TypeError):
        queue.get_task()  # type: ignore[call-arg]
    assert (seen[-1].name, seen[-1].outcome) == ("get_task", "TypeError")
    with pytest.raises(InvalidParameters):
        queue.maintenance.import_legacy(tmp_path / "queue.db")
    assert seen[-1].name == "maintenance.import_legacy"


def test_an_event_says_what_it_was_about(queue: QueueManager, seen: list[Event]) -> None:
    task_id = queue.create_task("video")
    assert seen[-1].attributes == {"task_type": "video", "task_id": task_id}
    (task,) = queue.claim(ClaimRequest("video", "w"))
    about = {"task_type": "video", "worker_id": "w", "task_id": task_id}
    assert seen[-1].attributes == {**about, "count": 1}
    queue.complete_task(task)
    assert seen[-1].attributes == about


def test_an_attempt_is_an_event_and_its_result_the_outcome(
    queue: QueueManager, seen: list[Event]
) -> None:
    class Plugin:
        def scrape(self, fails: bool) -> list[Idea]:
            if fails:
                raise PermanentError("no", code="private_video")
            return [Idea("a")]

    for fails in (False, True):
        queue.create_task("video", {"fails": fails})
    worker = BaseWorker(
        WorkerConfig(worker_id="w", task_type="video", strategy="fifo"), queue, Plugin()
    )
    with worker:
        worker.run(until_idle=True)
    attempts = [event for event in seen if event.name == "attempt"]
    assert [event.outcome for event in attempts] == ["ok", "private_video"]
    assert all(event.attributes["task_type"] == "video" for event in attempts)


def test_without_a_subscriber_the_verbs_are_as_they_were_written(queue: QueueManager) -> None:
    plain = written()
    first, second = instrument.subscribe(print), instrument.subscribe(print)
    assert QueueManager.create_task is not plain["create_task"]
    first()
    assert QueueManager.create_task is not plain["create_task"]
    second()
    assert plain == written()


def test_each_subscriber_hears_it_until_it_leaves(queue: QueueManager) -> None:
    first: list[Event] = []
    second: list[Event] = []
    end_first = instrument.subscribe(first.append)
    end_second = instrument.subscribe(second.append)
    queue.stats()
    end_first()
    queue.stats()
    end_second()
    queue.stats()
    end_second()
    assert (len(first), len(second)) == (1, 2)


def test_a_subscriber_that_fails_breaks_no_verb_and_is_logged_once(
    queue: QueueManager, seen: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Event) -> None:
        raise RuntimeError("no")

    unsubscribe = instrument.subscribe(fail)
    with caplog.at_level(logging.ERROR, "tubeq.instrument"):
        task_id = queue.create_task("video")
        assert queue.get_task(task_id).task_id == task_id
    unsubscribe()
    assert len(caplog.records) == 1
    assert [event.name for event in seen] == ["create_task", "get_task"]
