"""Hypothesis plays lives in which all that a queue holds meets: tasks, what they save, children,
the catalogue, limits and pauses. Both back ends agree, and nothing stored is left in disorder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import invariant, rule

from tests.stateful.machine import SETTINGS, BothBackEnds, Verb
from tubeq.domain.breaker import BreakerPolicy, Verdict
from tubeq.domain.children import EncodedChild
from tubeq.domain.limits import Grant, Holder, LimitRule
from tubeq.domain.models import EncodedTask, Idea, Task
from tubeq.storage import Storage
from tubeq.storage.ports.tasks import ClaimRequest

KEYS = ("type:video", "type:channel", "channel:@a")
types = st.sampled_from(["video", "channel"])
workers = st.sampled_from(["ann", "bob"])
numbers = st.integers(0, 99)
source_ids = st.lists(st.sampled_from("wxyz"), max_size=3, unique=True)


class WholeLife(BothBackEnds):
    def __init__(self) -> None:
        super().__init__()
        self.claims: list[list[Task]] = []  # each as the two sides know it

    def both(self, verb: Verb) -> list[Any]:
        """What both sides say; they do it, or refuse it with the same error."""
        outcomes = self.outcomes(verb)
        refused = [each for each in outcomes if isinstance(each, type)]
        assert not refused or outcomes[0] == outcomes[1]
        return outcomes

    def task_id(self, side: int, number: int) -> str:
        known = self.storages[side].list_tasks(limit=1000)
        return known[number % len(known)].task_id if known else "none"

    @rule(task_type=types)
    def create(self, task_type: str) -> None:
        self.both(lambda _, storage: storage.create([EncodedTask(task_type, "{}")]))

    @rule(task_type=types, worker=workers)
    def claim(self, task_type: str, worker: str) -> None:
        request = ClaimRequest(task_type, worker, lease_s=60.0, start=True)
        claimed = self.both(lambda _, storage: storage.claim(request))
        assert len(claimed[0]) == len(claimed[1])
        if claimed[0]:
            self.claims.append([claimed[0][0], claimed[1][0]])

    @rule(
        number=numbers, names=source_ids, found=source_ids, page=st.sampled_from(["1", "2", None])
    )
    def save(self, number: int, names: list[str], found: list[str], page: str | None) -> None:
        children = [EncodedChild(name, EncodedTask("video", "{}")) for name in names]
        ideas = [Idea(name, views=number) for name in found]
        self.with_claim(
            number, lambda claim, storage: storage.children.save(claim, ideas, children, page)
        )

    @rule(number=numbers, found=source_ids, end=st.sampled_from(["complete", "fail", "release"]))
    def end(self, number: int, found: list[str], end: str) -> None:
        def verb(claim: Task, storage: Storage) -> bool:
            if end == "complete":
                storage.complete(claim, [Idea(name) for name in found])
            elif end == "fail":
                storage.fail(claim, "private", "it is private")
            else:
                storage.release(claim, until=self.clock.now() + number, why="a limit")
            return True

        self.with_claim(number, verb)

    def with_claim(self, number: int, verb: Callable[[Task, Storage], Any]) -> None:
        if self.claims:
            claims = self.claims[-1 - number % min(3, len(self.claims))]  # few of them stale
            outcomes = self.both(lambda side, storage: verb(claims[side], storage))
            assert outcomes[0] == outcomes[1]

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        self.both(lambda side, storage: storage.children.cancel(self.task_id(side, number)))
        self.both(lambda side, storage: storage.cancel(self.task_id(side, number)))

    @rule(number=numbers)
    def requeue(self, number: int) -> None:
        self.both(lambda side, storage: storage.requeue(self.task_id(side, number)))

    @rule(worker=st.sampled_from([None, "ann", "bob"]))
    def rescue(self, worker: str | None) -> None:
        self.both(lambda _, storage: storage.rescue(worker_id=worker))

    @rule(key=st.sampled_from(KEYS), places=st.integers(1, 2))
    def limit(self, key: str, places: int) -> None:
        self.both(lambda _, storage: storage.limits.set_rule(LimitRule(key, places)))

    @rule(number=numbers)
    def take(self, number: int) -> None:
        def verb(claim: Task, storage: Storage) -> bool:
            holder = Holder(str(claim.worker_id), claim.row_id, claim.claim_token)
            return isinstance(storage.limits.take(KEYS, holder, 60.0), Grant)

        self.with_claim(number, verb)

    @rule(number=numbers, verdict=st.sampled_from(list(Verdict)))
    def report(self, number: int, verdict: Verdict) -> None:
        holder = Holder("ann", number, number)
        self.both(
            lambda _, storage: storage.limits.report(
                KEYS[0], holder, verdict, "bot_check", BreakerPolicy()
            )
        )

    @rule(seconds=st.sampled_from([1, 61, 700]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(limit=st.sampled_from([None, 1]))
    def prune(self, limit: int | None) -> None:
        pruned = self.both(
            lambda _, storage: storage.maintenance.prune(self.clock.now(), limit=limit)
        )
        assert pruned[0] == pruned[1]

    @rule()
    def fold(self) -> None:
        self.both(lambda _, storage: storage.items.fold())

    @invariant()
    def all_is_in_order_and_both_know_the_same(self) -> None:
        known = self.both(lambda _, storage: [self.seen(storage, t) for t in _tasks(storage)])
        assert known[0] == known[1]
        for storage in self.storages:
            assert storage.maintenance.check() == []

    def seen(self, storage: Storage, task: Task) -> tuple[Any, ...]:
        children = storage.children
        return (
            task.task_type, task.status, task.retry_count, task.crash_count, task.run_after,
            task.error_code, children.cursor(task), children.progress(task.task_id),
            len(children.parents([task.task_id])), children.count_ideas(task),
            [entry.event for entry in storage.history(task.task_id)],
            # Of one moment, their order is that of their ids, which are drawn.
            sorted((slot.key, slot.holder.worker_id) for slot in storage.limits.slots()),
        )  # fmt: skip


def _tasks(storage: Storage) -> list[Task]:
    return storage.list_tasks(limit=1000)


TestWholeLife = WholeLife.TestCase
TestWholeLife.settings = settings(SETTINGS, stateful_step_count=50)
