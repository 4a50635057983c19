"""stats, prune, the workers' register, check and close."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.support import add, dump, encoded, held, request, take
from tubeq.domain.errors import StorageError, TaskNotFound
from tubeq.domain.models import Idea
from tubeq.domain.states import TaskStatus
from tubeq.storage import Storage
from tubeq.storage.ports.maintenance import Maintenance
from tubeq.storage.ports.tasks import WorkerInfo

NONE = {status.value: 0 for status in TaskStatus}


# stats --------------------------------------------------------------------------------------------


def test_an_empty_queue_counts_nothing(storage):
    stats = storage.stats()
    assert dict(stats.by_status) == NONE
    assert dict(stats.by_type) == dict(stats.errors) == {}
    assert (stats.scheduled, stats.results, stats.oldest_queued_s) == (0, 0, None)


def test_stats_count_by_status_type_and_error(storage, clock):
    storage.complete(held(storage), [Idea("a"), Idea("b")])
    for code in ("network", "network", "private_video"):
        storage.fail(held(storage), code, "why")
    storage.cancel(add(storage))
    held(storage, start=False)
    held(storage)
    retried = held(storage)
    storage.fail(retried, "network", "why", retry_at=clock.now() + 60)
    storage.create([encoded("channel"), encoded("channel", run_after=clock.now() + 60)])
    stats = storage.stats()
    video = {"QUEUED": 1, "CLAIMED": 1, "RUNNING": 1, "COMPLETED": 1, "FAILED": 3, "CANCELLED": 1}
    assert dict(stats.by_status) == {**video, "QUEUED": 3}
    assert set(stats.by_type) == {"video", "channel"}
    assert stats.by_type["video"] == video
    assert stats.by_type["channel"] == {**NONE, "QUEUED": 2}
    assert dict(stats.errors) == {"network": 2, "private_video": 1}
    assert (stats.scheduled, stats.results) == (2, 2)


def test_types_are_counted_apart(storage):
    """Their statuses are disjoint, so that no count of one can hide behind another's."""
    add(storage, "a")
    held(storage, task_type="b", start=False)
    storage.fail(held(storage, task_type="c"), "error", "why")
    assert dict(storage.stats().by_type) == {
        "a": {**NONE, "QUEUED": 1},
        "b": {**NONE, "CLAIMED": 1},
        "c": {**NONE, "FAILED": 1},
    }


def test_stats_follow_a_task_through_its_life(storage, clock):
    task_id = add(storage)

    def where() -> list[str]:
        return [status for status, count in storage.stats().by_status.items() if count]

    assert where() == ["QUEUED"]
    claim = take(storage)
    assert where() == ["CLAIMED"]
    for step, status in (
        (lambda: storage.start(claim), "RUNNING"),
        (lambda: storage.fail(claim, "error", "broken"), "FAILED"),
        (lambda: storage.requeue(task_id), "QUEUED"),
        (lambda: storage.cancel(task_id), "CANCELLED"),
    ):
        step()
        assert where() == [status]


def test_the_oldest_due_task_tells_how_long_the_queue_waits(storage, clock):
    add(storage, run_after=clock.now() + 3600)
    assert storage.stats().oldest_queued_s is None
    clock.advance(10)
    storage.create([encoded("video"), encoded("channel")])
    clock.advance(7)
    add(storage)
    assert storage.stats().oldest_queued_s == pytest.approx(7, abs=1e-3)
    storage.claim(request(), 10)
    assert storage.stats().oldest_queued_s == pytest.approx(7, abs=1e-3)
    storage.claim(request(task_type="channel"))
    assert storage.stats().oldest_queued_s is None


# prune --------------------------------------------------------------------------------------------


def test_prune_deletes_what_finished_before_and_nothing_else(storage, clock):
    old = []
    for end in (storage.complete, storage.confirm_cancel, lambda c: storage.fail(c, "e", "m")):
        claim = held(storage)
        storage.store_results(claim.task_id, [Idea("a")])
        end(claim)  # type: ignore[operator]
        old.append(claim.task_id)
    unfinished = [add(storage, "other"), held(storage).task_id, held(storage, start=False).task_id]
    clock.advance(100)
    recent = held(storage)
    storage.complete(recent, [Idea("kept")])
    newest = add(storage, "newest")
    before = dump(storage)

    assert storage.maintenance.prune(clock.now() - 50) == 3
    after = dump(storage)
    kept = {*unfinished, recent.task_id, newest}
    assert after["tasks"] == [task for task in before["tasks"] if task.task_id in kept]
    assert after["history"] == {task_id: before["history"][task_id] for task_id in kept}
    assert [result.source_id for result in after["results"]] == ["kept"]
    for task_id in old:
        for verb in (storage.get, storage.results, storage.history):
            with pytest.raises(TaskNotFound):
                verb(task_id)
    assert storage.maintenance.prune(clock.now() - 50) == 0


def test_what_finished_at_the_very_bound_is_kept(storage, clock):
    storage.complete(held(storage))
    add(storage)
    assert storage.maintenance.prune(clock.now()) == 0
    clock.advance(1e-3)
    assert storage.maintenance.prune(clock.now()) == 1


def test_prune_always_keeps_the_newest_task(storage, clock):
    for _ in range(5):
        storage.complete(held(storage))
    newest = storage.list_tasks(limit=1)[0]
    clock.advance(100)
    assert storage.maintenance.prune(clock.now()) == 4
    assert storage.list_tasks() == [newest]
    assert storage.get(add(storage)).row_id > newest.row_id


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_prune_deletes_at_most_its_limit(storage, clock, limit):
    for _ in range(7):
        storage.complete(held(storage))
    add(storage)
    clock.advance(1)
    left = 7
    while deleted := storage.maintenance.prune(clock.now(), limit=limit):
        assert deleted == min(limit, left)
        left -= deleted
    assert left == 0


@pytest.mark.parametrize("limit", [None, 3, 0])
def test_a_preview_says_what_a_prune_would_delete(storage, clock, limit):
    for number, ends in enumerate(("complete", "complete", "confirm_cancel", "complete")):
        clock.advance(1)
        claim = held(storage, task_type="a" if number < 3 else "b")
        storage.store_results(claim.task_id, [Idea(f"v{n}") for n in range(number)])
        getattr(storage, ends)(claim)
    clock.advance(1)
    storage.complete(held(storage, task_type="recent"))
    add(storage)
    before = dump(storage)
    counts = storage.maintenance.preview_prune(clock.now(), limit=limit)
    assert dump(storage) == before
    at = [task.completed_at for task in reversed(before["tasks"])]
    assert (
        counts
        == [
            ("a", "CANCELLED", 1, at[2], at[2], 2),
            ("a", "COMPLETED", 2, at[0], at[1], 1),
            *([("b", "COMPLETED", 1, at[3], at[3], 3)] if limit is None else []),
        ][: 0 if limit == 0 else None]
    )
    assert storage.maintenance.prune(clock.now(), limit=limit) == sum(each.tasks for each in counts)


def test_a_pruned_idempotency_key_can_be_used_again(storage, clock):
    first = add(storage, idempotency_key="key")
    storage.complete(take(storage))
    add(storage)
    clock.advance(1)
    assert storage.maintenance.prune(clock.now()) == 1
    again = add(storage, idempotency_key="key")
    assert again != first
    assert add(storage, idempotency_key="key") == again


# workers ------------------------------------------------------------------------------------------


def info(worker_id: str, **fields: Any) -> WorkerInfo:
    known = WorkerInfo(worker_id, "video", "host", 4711, "2027-01-15 08:00:00.000000", 1.5, False)
    return known._replace(**fields)


def register(storage: Storage, worker_ids: str) -> None:
    for worker_id in worker_ids:
        storage.register_worker(info(worker_id))


def test_registered_workers_are_listed_by_id(storage):
    assert storage.workers() == []
    register(storage, "bca")
    assert storage.workers() == [info("a"), info("b"), info("c")]


def test_registering_again_replaces_what_was_known(storage):
    storage.register_worker(info("a", stop_requested=True))
    storage.register_worker(info("a", task_type="channel", pid=4712, host="other"))
    assert storage.workers() == [info("a", task_type="channel", pid=4712, host="other")]


def test_a_worker_that_reports_is_seen(storage, clock):
    register(storage, "ab")
    clock.advance(9)
    assert storage.worker_seen("a") is False
    assert storage.workers() == [info("a", last_seen=clock.now()), info("b")]


def test_unknown_workers_are_no_error_and_stay_unknown(storage):
    assert storage.worker_seen("nobody") is False
    storage.forget_worker("nobody")
    assert storage.request_stop("nobody") == 0
    assert storage.workers() == []


def test_one_worker_can_be_asked_to_stop(storage):
    register(storage, "ab")
    assert storage.request_stop("a") == 1
    assert (storage.worker_seen("a"), storage.worker_seen("b")) == (True, False)
    assert [worker.stop_requested for worker in storage.workers()] == [True, False]


def test_all_workers_can_be_asked_to_stop(storage):
    register(storage, "abc")
    assert storage.request_stop() == 3
    assert all(storage.worker_seen(worker_id) for worker_id in ("a", "b", "c"))


def test_a_forgotten_worker_is_off_the_list(storage):
    register(storage, "ab")
    storage.forget_worker("a")
    assert storage.workers() == [info("b")]
    assert storage.worker_seen("a") is False


# check and close ----------------------------------------------------------------------------------


def test_what_the_verbs_stored_is_sound(storage, clock):
    storage.complete(held(storage), [Idea("a")])
    storage.fail(held(storage), "error", "m", retry_at=clock.now() + 5)
    held(storage)
    storage.cancel(add(storage))
    assert storage.maintenance.check() == []


CALLS: list[tuple[tuple[Any, ...], list[str]]] = [
    ((), ["list_tasks", "results", "rescue", "open_types", "stats", "maintenance.check",
          "request_stop", "workers"]),
    (("id",), ["get", "cancel", "requeue", "history"]),
    (("claim",), ["start", "complete", "release", "confirm_cancel"]),
    (("claim", 1.0), ["heartbeat"]),
    (("claim", "code", "message"), ["fail"]),
    (("id", TaskStatus.CLAIMED), ["set_status"]),
    (("id", [Idea("a")]), ["store_results"]),
    (("video",), ["has_open_tasks", "next_due_at", "count_queued"]),
    (("a",), ["held_by", "worker_seen", "forget_worker"]),
    ((0.0,), ["maintenance.prune", "maintenance.preview_prune"]),
    ((Path("other.db"),), ["maintenance.backup", "maintenance.import_legacy"]),
    (([encoded()],), ["create"]),
    (([],), ["complete_many"]),
    ((request(),), ["claim"]),
    ((info("a"),), ["register_worker"]),
]  # fmt: skip
"""Every verb, by what it takes."""


def test_the_table_of_calls_names_every_verb_of_the_port():
    verbs = {
        f"{prefix}{name}"
        for prefix, port in (("", Storage), ("maintenance.", Maintenance))
        for name, verb in vars(port).items()
        if callable(verb) and not name.startswith("_")
    }
    assert {each for _, named in CALLS for each in named} == verbs - {"close"}


def test_a_closed_storage_refuses_every_verb(storage):
    claim = held(storage)
    storage.close()
    storage.close()
    stand_ins = {"id": claim.task_id, "claim": claim}
    for arguments, verbs in CALLS:
        given = [stand_ins.get(each, each) if isinstance(each, str) else each for each in arguments]
        for verb in verbs:
            with pytest.raises(StorageError):
                attrgetter(verb)(storage)(*given)
