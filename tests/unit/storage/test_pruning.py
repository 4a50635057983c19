"""Pruning is done in short transactions, and can be ended between any two of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tubeq import ClaimRequest, Completion, Idea, NewTask, QueueManager
from tubeq.domain.models import EncodedTask
from tubeq.storage.sqlite import prune as sqlite_prune
from tubeq.storage.sqlite.file.session import Session

RESULTS = 700


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[QueueManager]:
    """One task with many results, thirty with one, a parent with many children, and a newest."""
    with QueueManager(tmp_path / "queue.db", durability="fast") as queue:
        queue.create_tasks([NewTask("large"), *[NewTask("small")] * 30, NewTask("parent")])
        (large,) = queue.claim_tasks("large", "w", 1)
        queue.complete_task(large, [Idea(f"v{number}") for number in range(RESULTS)])
        small = queue.claim_tasks("small", "w", 30)
        queue.complete_tasks([Completion(claim, [Idea("v0")]) for claim in small])
        (parent,) = queue.claim_tasks("parent", "w", 1)
        children = [(f"c{number}", EncodedTask("child", "{}")) for number in range(RESULTS)]
        queue._storage.children.save(parent, children=children)  # type: ignore[arg-type]
        queue._storage.children.cancel(parent.task_id)
        queue.complete_task(parent)
        queue.create_task("newest")
        yield queue


def seen(queue: QueueManager) -> list[tuple[str, int]]:
    from tubeq.domain.items import ItemQuery

    items = queue.items.list(ItemQuery(limit=10_000))
    return sorted((item.source_id, item.times_seen) for item in items)


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, end_after: int = 10**9) -> Iterator[list[int]]:
    """How many rows each transaction changed; after so many of them the program is ended."""
    changed: list[int] = []
    real = Session.write

    @contextmanager
    def write(self: Session, **options: Any) -> Iterator[Session]:
        if len(changed) >= end_after:
            raise KeyboardInterrupt
        with real(self, **options) as session:
            before = session._connection.total_changes
            yield session
            changed.append(session._connection.total_changes - before)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_prune, "_HELD_S", 0.0)
        patch.setattr(Session, "write", write)
        yield changed


def test_no_transaction_removes_more_than_a_few_hundred_rows(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.items.fold()
    with watched(monkeypatch) as changed:
        assert queue.maintenance.prune(0.0) == RESULTS + 32
    # Besides the rows that a task has, those that a trigger keeps, and the tasks themselves.
    assert max(changed) <= 2 * sqlite_prune._ROWS_AT_ONCE + 4 * sqlite_prune._TASKS_AT_ONCE
    assert queue.stats().results == 0
    assert queue.maintenance.check() == []


def test_children_are_cancelled_some_hundreds_at_a_time(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = queue.list_tasks(task_type="parent")[0]
    for child in queue.children(parent.task_id, limit=RESULTS):
        queue.requeue_task(child.task_id)
    with watched(monkeypatch) as changed:
        assert queue._storage.children.cancel(parent.task_id) == RESULTS
    assert max(changed) <= 250


@pytest.mark.parametrize("end_after", range(12))
def test_ended_between_two_transactions_nothing_is_lost_or_counted_twice(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch, end_after: int
) -> None:
    known = seen(queue)
    with watched(monkeypatch, end_after), pytest.raises(KeyboardInterrupt):
        queue.maintenance.prune(0.0)
    assert queue.maintenance.check() == []
    assert seen(queue) == known
    queue.maintenance.prune(0.0)
    assert queue.maintenance.check() == []
    assert seen(queue) == known
    assert [task.task_type for task in queue.list_tasks()] == ["newest"]
    assert queue.stats().results == 0


def test_what_is_stored_between_two_transactions_is_in_the_catalogue(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = seen(queue)
    task_id = queue.list_tasks(task_type="large")[0].task_id
    real = sqlite_prune._step
    steps: list[sqlite_prune._Step] = []

    def step(session: Session, rows: sqlite_prune.Rows) -> sqlite_prune._Step:
        steps.append(real(session, rows))
        if len(steps) == 2:
            session.execute(
                "INSERT INTO results (task_id, source_id) VALUES (?, 'late')", (task_id,)
            )
        return steps[-1]

    monkeypatch.setattr(sqlite_prune, "_step", step)
    queue.maintenance.prune(0.0)
    assert any(each.is_late for each in steps)
    assert seen(queue) == sorted([*known, ("late", 1)])


def test_a_task_that_is_requeued_meanwhile_stays(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = queue.list_tasks(task_type="large")[0]
    real = sqlite_prune._remove

    def remove(session: Session, *others: Any) -> int:
        if queue.get_task(large.task_id).completed_at:
            queue.requeue_task(large.task_id)
        return real(session, *others)

    monkeypatch.setattr(sqlite_prune, "_remove", remove)
    assert queue.maintenance.prune(0.0) == RESULTS + 31
    assert len(queue.get_task_results(large.task_id)) == RESULTS
    assert queue.claim(ClaimRequest("large", "w"))
