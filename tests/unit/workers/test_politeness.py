"""A worker keeps to limits and pauses: before a task, around its requests, and after its end."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from tests.support import raising, until
from tubeq.domain.breaker import Verdict
from tubeq.domain.errors import (
    InvalidParameters,
    PermanentError,
    StorageBusy,
    StorageError,
    StorageFull,
    TaskCancelled,
    TransientError,
)
from tubeq.domain.limits import Grant, Holder, Refusal
from tubeq.domain.models import NewTask, TaskResult
from tubeq.domain.states import TaskStatus
from tubeq.plugins.base import slot
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.base_worker import BaseWorker
from tubeq.workers.rate_limiting import _verdict

from .support import GOOD, Plugin, attempt, background, claimed, counts, new_claim, worker_on

TYPE = "type:video"
STRANGER = Holder("stranger", 99, 1)
BLOCKED = TransientError("not a bot?", code="bot_check", retry_after_s=3600.0)


class ChannelPlugin(Plugin):
    """Needs a slot for the channel that a task names."""

    def limit_keys(self, parameters: Mapping[str, Any]) -> list[str]:
        if "channel" not in parameters:
            raise InvalidParameters("channel is missing")
        return [f"channel:{parameters['channel']}"]


def channel_worker(queue: QueueManager) -> BaseWorker:
    return worker_on(queue, ChannelPlugin())


def occupy(queue: QueueManager, key: str, **limit: Any) -> Grant:
    """Another worker takes the slot, of which there is one if nothing else is said."""
    queue.limits.set(limit.pop("rule", key), **(limit or {"concurrency": 1}))
    taken = queue.limits.take([key], STRANGER, 60.0)
    assert isinstance(taken, Grant)
    return taken


class Limits:
    """The queue's limits, but for what the test puts in the place of a verb."""

    def __init__(self, worker: BaseWorker, **verbs: Any) -> None:
        self._real = worker.queue.limits
        vars(self).update(verbs)
        worker._rate_limiting._limits = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def never(**_: Any) -> list[Any]:
    with slot("host:a"):
        raise AssertionError("it never gets one")


def history(queue: QueueManager, task_id: str) -> list[tuple[str, str | None]]:
    return [(str(entry.event), entry.detail) for entry in queue.get_task_history(task_id)]


# Before a task ------------------------------------------------------------------------------------


def test_a_refused_task_goes_back_for_later_unharmed(queue: QueueManager) -> None:
    occupy(queue, TYPE)
    result, task = attempt(worker_on(queue, raising(AssertionError("it must not begin"))))
    assert (result.success, result.error_code) == (False, "postponed")
    assert task.status is TaskStatus.QUEUED
    assert task.run_after is not None and task.run_after > time.time()
    assert (task.retry_count, task.crash_count, task.error_code) == (0, 0, None)
    event, detail = history(queue, task.task_id)[-1]
    assert event == "released"
    assert str(detail).startswith("limit for type:video: 1 at once; again in ")


def test_a_worker_whose_type_is_full_rests_instead_of_asking_each_task(queue: QueueManager) -> None:
    occupied = occupy(queue, TYPE)
    queue.create_tasks([NewTask("video")] * 5)
    worker = worker_on(queue)
    worker.process_task(claimed(worker))
    assert worker.claim_task() is None
    queue.limits.release(occupied)
    until(lambda: worker.claim_task() is not None)


def test_tasks_of_other_channels_go_on(queue: QueueManager, stop: threading.Event) -> None:
    occupied = occupy(queue, "channel:@full", rule="channel:*", concurrency=1)
    for number in range(5):
        queue.create_task("video", {"channel": f"@free-{number}"})
    full = [queue.create_task("video", {"channel": "@full"}) for _ in range(3)]  # come first
    worker = channel_worker(queue)
    with background(lambda: worker.run(stop)) as ran:
        until(lambda: counts(queue) == {"QUEUED": 3, "COMPLETED": 5})
        queue.limits.release(occupied)
        until(lambda: counts(queue) == {"COMPLETED": 8})
        stop.set()
    assert ran["value"] == 8  # what was postponed was no attempt
    assert queue.limits.slots() == []
    for task_id in full:
        assert queue.get_task(task_id).retry_count == 0
        assert "released" in [event for event, _ in history(queue, task_id)]


def test_max_tasks_counts_only_what_began(queue: QueueManager) -> None:
    occupy(queue, "channel:@full", rule="channel:*", concurrency=1)
    queue.create_task("video", {"channel": "@free"})
    queue.create_task("video", {"channel": "@full"})  # the newest, and so the first
    assert channel_worker(queue).run(max_tasks=1) == 1
    assert counts(queue) == {"QUEUED": 1, "COMPLETED": 1}


def test_tasks_of_one_full_channel_are_spread(queue: QueueManager) -> None:
    """Not all of them come back at once, again and again."""
    occupy(queue, "channel:@full", per_s=0.05)
    worker = channel_worker(queue)
    delays = []
    for _ in range(8):
        began = time.time()
        _, task = attempt(worker, channel="@full")
        assert task.run_after is not None
        delays.append(task.run_after - began)
    assert 15 < delays[0] <= 30.1
    assert delays[-1] > 100
    assert len({round(delay % 1, 3) for delay in delays}) > 1  # jitter


def test_one_task_that_is_refused_again_waits_no_longer_each_time(queue: QueueManager) -> None:
    occupy(queue, "channel:@full")
    worker = channel_worker(queue)
    task_id = queue.create_task("video", {"channel": "@full"})
    for _ in range(5):
        until(lambda: (claim := worker.claim_task()) and worker.process_task(claim))
        task = queue.get_task(task_id)
        assert task.run_after is not None
        (held,) = queue.limits.slots()
        assert task.run_after - time.time() <= 1.5 * (time.time() - held.taken_at) + 0.1


def test_parameters_that_name_no_channel_are_the_plugins_to_refuse(queue: QueueManager) -> None:
    queue.limits.set("channel:*", concurrency=1)
    worker = channel_worker(queue)
    worker.plugin.scrape = raising(InvalidParameters("channel is missing"))
    assert attempt(worker)[1].error_code == "invalid_parameters"


@pytest.mark.parametrize(
    "error", [None, ValueError("x"), PermanentError("x"), TransientError("x"), KeyboardInterrupt()]
)
def test_slots_are_held_during_the_task_and_given_back_however_it_ends(
    queue: QueueManager, error: BaseException | None
) -> None:
    queue.limits.set(TYPE, concurrency=1)
    seen = []

    def scrape() -> list[Any]:
        seen.extend(queue.limits.slots())
        if error is not None:
            raise error
        return [GOOD]

    worker = worker_on(queue, scrape)
    claim = new_claim(worker)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            worker.process_task(claim)
    else:
        worker.process_task(claim)
    (held,) = seen
    assert held.holder == Holder("worker-1", claim.row_id, claim.claim_token)
    assert queue.limits.slots() == []


@pytest.mark.slow
def test_heartbeats_keep_the_slots_of_a_long_task(queue: QueueManager) -> None:
    queue.limits.set(TYPE, concurrency=1)
    held = []

    def scrape() -> list[Any]:
        with slot("type:inner"):
            time.sleep(1.3)
        held.append([each.key for each in queue.limits.slots()])
        return [GOOD]

    queue.limits.set("type:inner", concurrency=1)
    assert attempt(worker_on(queue, scrape, lease_s=0.6))[0].success
    assert held == [[TYPE]]


def test_a_cancelled_task_that_is_refused_ends_cancelled(queue: QueueManager) -> None:
    occupy(queue, TYPE)
    worker = worker_on(queue)
    claim = new_claim(worker)
    task_id = claim.task_id
    queue.cancel_task(task_id)
    worker.process_task(claim)
    assert queue.get_task(task_id).status is TaskStatus.CANCELLED


def test_a_claim_that_was_lost_takes_nothing_with_it(queue: QueueManager) -> None:
    occupied = occupy(queue, TYPE)
    worker = worker_on(queue)
    claim = new_claim(worker)
    queue.rescue(worker_id="worker-1")
    assert worker.process_task(claim).claim_lost
    queue.limits.release(occupied)
    assert queue.limits.slots() == []


# Around a request ---------------------------------------------------------------------------------


def test_outside_of_a_worker_a_slot_is_nothing() -> None:
    with slot("host:a", "host:b"):
        pass


def test_a_request_waits_in_place_for_its_slot(queue: QueueManager) -> None:
    occupied = occupy(queue, "host:a")
    began = threading.Event()

    def scrape() -> list[Any]:
        began.set()
        with slot("host:a"):
            (held,) = queue.limits.slots()
            return [{"source_id": held.holder.worker_id}]

    worker = worker_on(queue, scrape)
    claim = new_claim(worker)
    task_id = claim.task_id
    with background(lambda: worker.process_task(claim)) as outcome:
        assert began.wait(10)
        time.sleep(0.1)
        assert outcome == {}
        queue.limits.release(occupied)
    assert outcome["value"].success
    assert [each.source_id for each in queue.get_task_results(task_id)] == ["worker-1"]
    assert queue.limits.slots() == []


def test_a_request_that_waits_obeys_a_stop(queue: QueueManager, stop: threading.Event) -> None:
    occupy(queue, "host:a")
    began = threading.Event()
    worker = worker_on(queue, lambda: began.set() or never(), stop_grace_s=0.1)
    task_id = queue.create_task("video")
    with background(lambda: worker.run(stop)):
        assert began.wait(10)
        stop.set()
    task = queue.get_task(task_id)
    assert (task.status, task.retry_count) == (TaskStatus.QUEUED, 0)


def test_a_request_that_waits_obeys_its_own_check(queue: QueueManager) -> None:
    occupy(queue, "host:a", per_s=0.001)
    looks = []

    def check() -> None:
        looks.append(time.monotonic())
        if len(looks) == 3:
            raise TransientError("the deadline has passed", code="timeout")

    def scrape() -> list[Any]:
        with slot("host:a", check=check):
            raise AssertionError("it never gets one")

    assert attempt(worker_on(queue, scrape))[0].error_code == "timeout"
    assert max(later - sooner for sooner, later in pairwise(looks)) < 2.0


def test_slots_are_given_back_when_a_request_fails(queue: QueueManager) -> None:
    queue.limits.set("host:*", concurrency=1)

    def scrape() -> list[Any]:
        with slot("host:a", "host:b"):
            raise ConnectionError("reset")

    assert attempt(worker_on(queue, scrape))[0].error_code == "unexpected"
    assert queue.limits.slots() == []


class Latest(random.Random):
    """Always draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_those_who_wait_for_a_rate_do_not_come_back_together(queue: QueueManager) -> None:
    """Jitter: a retry that draws the upper end waits half as long again."""
    asked_at: list[float] = []

    def take(*_: Any) -> Refusal:
        asked_at.append(time.monotonic())
        if len(asked_at) == 2:
            raise TimeoutError
        return Refusal("host:a", 0.2, "")

    worker = worker_on(queue)
    Limits(worker, is_idle=lambda: False, take=take)
    worker._rate_limiting._chance = Latest()
    with pytest.raises(TimeoutError), worker._rate_limiting.slot(["host:a"], lambda: None):
        pass
    first, second = asked_at
    assert second - first >= 0.3


@pytest.mark.parametrize("kind", [StorageBusy, StorageFull])
def test_a_busy_or_full_database_delays_a_request_and_does_not_fail_it(
    queue: QueueManager, kind: type[StorageError]
) -> None:
    queue.limits.set("host:a", concurrency=1)
    worker = worker_on(queue)
    troubles = [kind("not now")]

    def take(*arguments: Any) -> Any:
        if troubles:
            raise troubles.pop()
        return queue.limits.take(*arguments)

    Limits(worker, take=take)
    with worker._rate_limiting.slot(["host:a"], lambda: None):
        assert len(queue.limits.slots()) == 1
    assert queue.limits.slots() == []


# Pauses -------------------------------------------------------------------------------------------


def test_a_bot_check_pauses_the_type_for_every_worker(
    queue: QueueManager, stop: threading.Event
) -> None:
    tripping = worker_on(queue, raising(BLOCKED), breaker_pause_s=50.0)
    _, task = attempt(tripping)
    assert (task.status, task.retry_count, task.error_code) == (TaskStatus.QUEUED, 1, "bot_check")
    # Its own retry is as late as ever.
    assert task.run_after is not None and task.run_after > time.time() + 3000
    (pause,) = queue.limits.pauses()
    assert (pause.key, pause.code) == (TYPE, "bot_check")
    other = worker_on(queue, worker_id="worker-2")
    second = queue.create_task("video")
    assert tripping.claim_task() is None
    assert other.claim_task() is None
    with background(lambda: other.run(stop)):
        time.sleep(0.3)
        assert counts(queue) == {"QUEUED": 2}
        assert queue.get_task(second).claim_token == 0  # nobody took it up to find out
        assert queue.limits.resume(TYPE)
        until(lambda: counts(queue) == {"QUEUED": 1, "COMPLETED": 1})
        stop.set()


def test_a_slot_that_cannot_be_given_back_ends_with_its_lease(queue: QueueManager) -> None:
    """And keeps nobody from learning of the bot check."""
    queue.limits.set(TYPE, concurrency=1)
    worker = worker_on(queue, raising(BLOCKED))
    Limits(worker, release=raising(StorageBusy("another process writes")))
    assert attempt(worker)[0].error_code == "bot_check"
    assert [each.key for each in queue.limits.slots()] == [TYPE]
    assert [each.key for each in queue.limits.pauses()] == [TYPE]


def test_a_claim_from_before_the_pause_is_handed_back_at_once(queue: QueueManager) -> None:
    """A worker learns of a pause up to a second late; and chains its claims."""
    late = worker_on(queue, raising(AssertionError("it must not begin")))
    task_id = queue.create_task("video")
    claim = claimed(late)
    pause(queue)
    assert late.process_task(claim).error_code == "postponed"
    task = queue.get_task(task_id)
    assert (task.status, task.run_after, task.retry_count) == (TaskStatus.QUEUED, None, 0)
    assert history(queue, task_id)[-1] == ("released", "type:video is paused")


def pause(queue: QueueManager, pause_s: float = 50.0) -> None:
    blocked = worker_on(queue, raising(BLOCKED), worker_id="trip", breaker_pause_s=pause_s)
    policy = blocked._rate_limiting._policy
    queue.limits.report(TYPE, STRANGER, Verdict.BLOCKED, "bot_check", policy)


def due(queue: QueueManager) -> None:
    """Paused, and the pause is over."""
    pause(queue, 0.02)
    time.sleep(0.03)


def test_after_the_pause_one_task_is_let_through_and_its_success_ends_it(
    queue: QueueManager,
) -> None:
    due(queue)
    other = worker_on(queue, worker_id="worker-2")

    def scrape() -> list[Any]:
        result = other.process_task(second)
        assert result.error_code == "postponed"
        assert other.claim_task() is None  # the probe is under way
        return [GOOD]

    worker = worker_on(queue, scrape)
    queue.create_tasks([NewTask("video")] * 2)
    first, second = claimed(worker), claimed(other)
    assert worker.process_task(first).success
    assert queue.limits.pauses() == []
    assert other.process_task(claimed(other)).success


@pytest.mark.parametrize("error", [BLOCKED, ConnectionError("reset"), TransientError("x")])
def test_a_probe_that_fails_doubles_the_pause(queue: QueueManager, error: Exception) -> None:
    due(queue)
    attempt(worker_on(queue, raising(error), breaker_pause_s=50.0))
    (again,) = queue.limits.pauses()
    assert (again.trips, again.probe) == (2, None)
    assert again.pause_s >= 75.0


@pytest.mark.parametrize("error", [PermanentError("private"), InvalidParameters("none")])
def test_a_probe_that_tells_nothing_lets_the_next_go(queue: QueueManager, error: Exception) -> None:
    due(queue)
    attempt(worker_on(queue, raising(error)))
    assert [each.trips for each in queue.limits.pauses()] == [1]
    assert attempt(worker_on(queue))[0].success
    assert queue.limits.pauses() == []


def test_a_probe_that_is_refused_a_slot_makes_room(queue: QueueManager) -> None:
    due(queue)
    occupy(queue, TYPE)
    assert attempt(worker_on(queue))[0].error_code == "postponed"
    (pause,) = queue.limits.pauses()
    assert pause.probe is None


def test_a_probe_whose_worker_died_is_followed_by_another(queue: QueueManager) -> None:
    due(queue)
    dead = Holder("dead", 1, 1)
    assert queue.limits.admit(TYPE, dead, 60.0).probe
    worker = worker_on(queue)
    queue.create_task("video")
    assert worker.claim_task() is None
    queue.rescue(worker_id="dead")
    assert worker.process_task(claimed(worker)).success
    assert queue.limits.pauses() == []


def test_a_worker_that_runs_until_idle_does_not_wait_for_a_pause_without_tasks(
    queue: QueueManager,
) -> None:
    pause(queue)
    assert worker_on(queue).run(until_idle=True) == 0


def test_pauses_can_be_forgone(queue: QueueManager) -> None:
    attempt(worker_on(queue, raising(BLOCKED), breaker_pause_s=0.0))
    assert queue.limits.pauses() == []


@pytest.mark.parametrize(
    ("code", "error", "verdict"),
    [
        ("bot_check", BLOCKED, Verdict.BLOCKED),
        ("rate_limited", None, Verdict.BLOCKED),
        ("timeout", None, Verdict.FAILED),
        ("stopped", None, Verdict.SILENT),
        ("upcoming", TransientError("soon"), Verdict.SILENT),
        ("never_came", TransientError("x"), Verdict.FAILED),
        ("never_came", TransientError("x", code="upcoming"), Verdict.SILENT),
        ("never_came", TransientError("x", code="bot_check"), Verdict.BLOCKED),
        ("processing", TransientError("x", code="processing"), Verdict.SILENT),
        ("cancelled", TaskCancelled("x"), Verdict.SILENT),
        ("claim_lost", None, Verdict.SILENT),
    ],
)
def test_what_a_failure_tells(code: str, error: Exception | None, verdict: Verdict) -> None:
    lost = code == "claim_lost"
    assert _verdict(TaskResult(False, error_code=code, claim_lost=lost), error) is verdict


def test_what_other_ends_tell() -> None:
    assert _verdict(None, None) is Verdict.SILENT
    assert _verdict(TaskResult(True), None) is Verdict.SUCCEEDED
