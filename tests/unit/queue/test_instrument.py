"""Every verb of a queue, and every attempt of a worker, is an event for its subscribers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from tests.support import PARTS, claimed
from tubeq import BaseWorker, Completion, NewTask, QueueManager, WorkerConfig
from tubeq.domain.breaker import BreakerPolicy, Verdict
from tubeq.domain.errors import ClaimLost, InvalidParameters, PermanentError
from tubeq.domain.items import ItemQuery
from tubeq.domain.limits import Grant, Holder
from tubeq.domain.models import Idea, Task
from tubeq.queue import instrument
from tubeq.queue.export import ExportFormat, What
from tubeq.queue.instrument import Event
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.workers.opening import worker_info

PUBLIC = {
    f"{prefix}{name}"
    for prefix, part in PARTS.items()
    for name, value in vars(part).items()
    if callable(value) and not name.startswith("_") and hasattr(value, "__code__")
}
ANN = Holder("ann", 1, 1)


@pytest.fixture
def queue(file_queue: QueueManager) -> QueueManager:
    return file_queue


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


def calls(queue: QueueManager, folder: Path) -> dict[str, Callable[[], Any]]:
    """A call of each verb that succeeds, in any order but for `close`."""
    held = claimed(queue)
    id_of_held = held.task_id

    def claim() -> Task:
        return claimed(queue)

    def new() -> str:
        return queue.create_task("video")

    arguments: list[tuple[tuple[Any, ...], list[str]]] = [
        ((), ["list_tasks", "list_results", "stats", "rescue", "workers", "request_stop",
              "backlog.open_types", "items.count", "items.fold", "items.count_unfolded",
              "limits.list", "limits.is_idle", "limits.slots", "limits.pauses",
              "maintenance.check"]),
        ((id_of_held,), ["get_task", "get_task_results", "get_task_history", "children",
                         "progress"]),
        (([id_of_held],), ["parents_of", "with_children"]),
        ((held,), ["count_ideas", "heartbeat", "get_cursor"]),
        ((claim,), ["start_task", "complete_task", "release_task", "confirm_cancel"]),
        (("video",), ["create_task", "backlog.has_open_tasks", "backlog.count_queued",
                      "backlog.next_due_at"]),
        (("video", "w"), ["claim_next_task"]),
        (("a",), ["items.get", "items.counts"]),
        (("w",), ["register.seen", "register.remove", "register.held_by"]),
        (("host:a", 1), ["limits.set"]),
        (("host:a",), ["limits.delete"]),
        (("type:video",), ["limits.pause_s", "limits.resume"]),
        (("type:video", ANN, 1.0), ["limits.admit"]),
        (("type:video", ANN, Verdict.SUCCEEDED, "", BreakerPolicy()), ["limits.report"]),
        ((["host:b"], ANN, 1.0), ["limits.take"]),
        ((Grant(),), ["limits.release"]),
        ((ANN, 1.0), ["limits.extend"]),
        ((0.0,), ["maintenance.prune", "maintenance.preview_prune"]),
        ((folder / "copy.db",), ["maintenance.backup"]),
        ((folder / "items.csv", What.ITEMS, ExportFormat.CSV), ["items.export"]),
        ((ItemQuery(),), ["items.list"]),
        ((worker_info("w", "video", 1),), ["register.add"]),
        (([NewTask("video")],), ["create_tasks"]),
        ((ClaimRequest("video", "w"),), ["claim"]),
        (("video", "w", 2), ["claim_tasks"]),
        ((lambda: [Completion(claim())],), ["complete_tasks"]),
        ((claim, "no"), ["fail_task"]),
        ((id_of_held, "a"), ["store_result"]),
        ((held, [Idea("b")]), ["save_progress"]),
        ((new, "CANCELLED"), ["update_task_status"]),
        ((new,), ["cancel_task"]),
        ((lambda: queue.cancel_task(new()).task_id,), ["requeue_task"]),
    ]  # fmt: skip

    def call(verb: str, given: tuple[Any, ...]) -> Any:
        return attrgetter(verb)(queue)(*(each() if callable(each) else each for each in given))

    return {
        **{verb: partial(call, verb, given) for given, verbs in arguments for verb in verbs},
        "defer_task": lambda: queue.defer_task(claim(), "not yet", code="upcoming"),
        "close": queue.close,
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
    assert (seen[-1].name, seen[-1].outcome) == ("complete_task", "claim_lost")
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
