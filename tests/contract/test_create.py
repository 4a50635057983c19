"""create, get, list_tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.contract.support import EVERYTHING, add, encoded, events, refused, take
from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import TaskNotFound
from tubeq.domain.models import EncodedTask
from tubeq.domain.states import TaskEvent, TaskStatus


def test_a_new_task_is_queued_with_what_was_given_and_nothing_else(storage, clock):
    (task_id,) = storage.create(
        [encoded("channel", '{"channel_url": "@a"}', priority=7, idempotency_key="key")]
    )
    zero = ("claim_token", "cancel_requested", "retry_count", "crash_count")
    nothing = (
        "run_after", "worker_id", "claimed_at", "started_at", "completed_at", "last_heartbeat",
        "lease_expires_at", "error_code", "error_message", "result",
    )  # fmt: skip
    assert storage.get(task_id).as_dict() == {
        "task_id": task_id,
        "task_type": "channel",
        "parameters": {"channel_url": "@a"},
        "status": "QUEUED",
        "priority": 7,
        "created_at": to_timestamp(clock.now()),
        "idempotency_key": "key",
        **dict.fromkeys(zero, 0),
        **dict.fromkeys(nothing),
    }


def test_status_is_the_enum_and_run_after_a_number(storage, clock):
    task = storage.get(add(storage, run_after=clock.now() + 5))
    assert task.status is TaskStatus.QUEUED
    assert task.run_after == clock.now() + 5


@pytest.mark.parametrize(
    "text", ["{}", '{"title": "naïve 漢字 🎬"}', '{"quote": "\'); DROP TABLE task_queue;--"}']
)
def test_parameters_come_back_byte_for_byte(storage, text):
    assert storage.get(add(storage, parameters_json=text)).parameters_json == text


def test_ids_come_in_the_order_of_the_tasks(storage):
    ids = storage.create([encoded(priority=number) for number in range(50)])
    assert len(set(ids)) == 50
    assert [storage.get(task_id).priority for task_id in ids] == list(range(50))
    assert ids == sorted(ids)


def test_creating_nothing_creates_nothing(storage):
    assert storage.create([]) == []
    assert storage.list_tasks() == []


class _BreaksHalfWay(Sequence[EncodedTask]):
    """A batch whose source dies after two tasks."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: Any) -> Any:
        if index > 1:
            raise ConnectionError
        return encoded()


def test_a_batch_that_breaks_half_way_creates_none_of_its_tasks(storage):
    with pytest.raises(ConnectionError):
        storage.create(_BreaksHalfWay())
    assert storage.list_tasks() == []


def test_the_first_task_of_an_idempotency_key_stands_in_for_later_ones(storage):
    first = add(storage, idempotency_key="key", priority=1)
    ids = storage.create([encoded(), encoded(idempotency_key="key", priority=2), encoded()])
    assert ids[1] == first
    assert len(storage.list_tasks()) == 3
    assert storage.get(first).priority == 1
    assert events(storage, first) == [TaskEvent.CREATED]


def test_an_idempotency_key_holds_within_one_batch(storage):
    ids = storage.create([encoded(idempotency_key=key) for key in ("a", "b", "a", "b", "a")])
    assert ids == [ids[0], ids[1], ids[0], ids[1], ids[0]]
    assert len(storage.list_tasks()) == 2


def test_an_idempotency_key_outlives_the_completion(storage):
    first = add(storage, idempotency_key="key")
    storage.complete(take(storage))
    assert add(storage, idempotency_key="key") == first
    assert storage.get(first).status is TaskStatus.COMPLETED


def test_creation_is_the_first_event_of_the_history(storage, clock):
    (entry,) = storage.history(add(storage))
    assert entry == (TaskEvent.CREATED, to_timestamp(clock.now()), None, 0, None)


@pytest.mark.parametrize("verb", ["get", "cancel", "requeue", "results", "history"])
@pytest.mark.parametrize("task_id", ["0" * 20, "", "no-such-task"])
def test_an_unknown_id_is_named_as_such(storage, verb, task_id):
    add(storage)
    with refused(storage, TaskNotFound):
        getattr(storage, verb)(task_id)


def test_an_unknown_id_is_refused_by_the_other_verbs_too(storage):
    with refused(storage, TaskNotFound):
        storage.set_status("no-such-task", TaskStatus.CLAIMED)
    with refused(storage, TaskNotFound):
        storage.store_results("no-such-task", [])
    with refused(storage, TaskNotFound):
        storage.list_tasks(before="no-such-task")


def test_tasks_are_listed_newest_first(storage, clock):
    ids = []
    for _ in range(5):
        ids.append(add(storage))
        clock.advance(1)
    assert [task.task_id for task in storage.list_tasks()] == ids[::-1]


def test_lists_filter_by_status_and_type(storage):
    video = [add(storage, "video") for _ in range(3)]
    channel = [add(storage, "channel") for _ in range(2)]
    claimed = take(storage).task_id

    def listed(**filters: object) -> set[str]:
        return {task.task_id for task in storage.list_tasks(**filters)}  # type: ignore[arg-type]

    assert listed(task_type="channel") == set(channel)
    assert listed(status=TaskStatus.CLAIMED) == {claimed}
    assert listed(status=TaskStatus.QUEUED, task_type="video") == set(video) - {claimed}
    assert listed(status=TaskStatus.FAILED) == set()


def test_lists_filter_by_the_error_of_the_last_attempt(storage, clock):
    """Whether it was final or not, until the task goes well or round again."""
    by_code: dict[str, list[str]] = {"one": [], "two": []}
    for code, retry_at in (("one", None), ("two", None), ("one", clock.now() + 60)):
        add(storage)
        by_code[code].append(storage.fail(take(storage), code, "no", retry_at=retry_at).task_id)
    add(storage)

    def listed(code: str | None, status: TaskStatus | None = None) -> list[str]:
        found = storage.list_tasks(error_code=code, status=status)
        return [task.task_id for task in found]

    assert listed("one") == by_code["one"][::-1]
    assert listed("one", TaskStatus.FAILED) == by_code["one"][:1]
    assert listed("two") == by_code["two"]
    assert listed("three") == []
    storage.requeue(by_code["two"][0])
    assert listed("two") == []
    assert len(listed(None)) == 4


def test_pages_follow_each_other_without_gap_or_overlap(storage):
    ids = storage.create([encoded("video" if n % 3 else "channel") for n in range(20)])
    for task_type in (None, "video"):
        whole = [task.task_id for task in storage.list_tasks(task_type=task_type, limit=EVERYTHING)]
        paged: list[str] = []
        while page := storage.list_tasks(
            task_type=task_type, limit=3, before=paged[-1] if paged else None
        ):
            assert len(page) <= 3
            paged += [task.task_id for task in page]
        assert paged == whole
    assert len(ids) == 20


def test_a_snapshot_does_not_change_with_the_task(storage):
    before = storage.get(add(storage))
    take(storage)
    assert before.status is TaskStatus.QUEUED
    assert before.worker_id is None
