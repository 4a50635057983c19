"""Hypothesis plays random lives on both back ends, on one clock, and compares all that they know.

What the contract suite says case by case, this says of sequences that nobody thought of. Claims
are drawn from all that were ever given out, so that most of the later ones are stale.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule

from tests.stateful.machine import SETTINGS, BothBackEnds, Verb
from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, QueueStats, Result, Task
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import TRANSITIONS, TaskStatus
from tubeq.storage import Storage
from tubeq.storage.ports.tasks import ClaimRequest, Completion, WorkerInfo

LEASE_S = 60
types = st.sampled_from(["video", "video", "channel"])
workers = st.sampled_from(["ann", "bob"])
# The fourth strategy is a draw: no two back ends need to agree on it.
strategies = st.sampled_from([ClaimStrategy.LIFO, ClaimStrategy.FIFO, ClaimStrategy.PRIORITY])
delays = st.sampled_from([None, None, -5, 0, 5, 30, 90])
requests = st.builds(
    ClaimRequest, types, workers, strategies, st.sampled_from([5, LEASE_S]), st.booleans()
)
new_tasks = st.tuples(types, st.integers(0, 3), delays, st.sampled_from([None, None, "a", "b"]))
ideas = st.lists(
    st.builds(  # not of Idea itself: of a named tuple, hypothesis draws the other fields as well
        lambda source_id, title, score: Idea(source_id, title, score=score),
        st.sampled_from("xyz"),
        st.sampled_from(["", "title"]),
        st.floats(0, 9),
    ),
    max_size=3,
)


REGISTER = ["worker_seen", "forget_worker", "request_stop"]


class Pair:
    """What the model and the back end call the same task: two ids, or two claims."""

    def __init__(self, model: Any, sqlite: Any) -> None:
        self.both = (model, sqlite)

    def id_on(self, side: int) -> str:
        name = self.both[side]
        return name.task_id if isinstance(name, Task) else name


class SQLiteIsTheModel(BothBackEnds):
    tasks: Bundle[Pair] = Bundle("tasks")
    claims: Bundle[Pair] = Bundle("claims")
    known = st.one_of(tasks, claims)  # the tasks of claims, too, are cancelled, pruned, ...

    def __init__(self) -> None:
        super().__init__()
        self.numbers: tuple[dict[str, int], ...] = ({}, {})  # the order of creation, by task id

    # How to compare -----------------------------------------------------------------------------

    def both(self, verb: Verb) -> Pair:
        """Do it to both; both do it, or both refuse with the same error."""
        outcomes = self.outcomes(verb)
        model, sqlite = (self.named(side, outcome) for side, outcome in enumerate(outcomes))
        assert sqlite == model
        return Pair(*outcomes)

    def named(self, side: int, value: Any) -> Any:
        """The value with what may differ, ids that a back end made up, replaced by numbers."""
        numbers = self.numbers[side]
        if isinstance(value, Task):
            texts = value._replace(row_id=0, task_id="", parameters_json="", result_json=None)
            return (numbers[value.task_id], texts, value.parameters, value.result)
        if isinstance(value, Result):
            texts = value._replace(result_id="", task_id="", extra_json=None)
            return (numbers[value.task_id], texts, value.extra)
        if isinstance(value, QueueStats) and value.oldest_queued_s is not None:
            # SQLite reads a delay's end to the millisecond.
            return value._replace(oldest_queued_s=round(value.oldest_queued_s, 3))
        if isinstance(value, str):
            return numbers.get(value, value)
        if isinstance(value, list):
            return [self.named(side, each) for each in value]
        if type(value) is tuple or hasattr(value, "requeued"):
            # The order within a sweep is nobody's business.
            return [sorted(self.named(side, each)) for each in value]
        return value

    @invariant()
    def both_know_the_same(self) -> None:
        known = self.both(lambda _, storage: storage.list_tasks(limit=1000))
        for model, sqlite in zip(*known.both, strict=True):
            ids = (model.task_id, sqlite.task_id)
            lives = self.both(lambda side, storage, ids=ids: storage.history(ids[side]))
            self.lived_by_the_rules(sqlite, lives.both[1])
        for verb in ("results", "stats", "workers", "open_types"):
            self.both(lambda _, storage, verb=verb: getattr(storage, verb)())
        for verb in ("next_due_at", "has_open_tasks"):
            self.both(lambda _, storage, verb=verb: getattr(storage, verb)("video"))
        self.both(lambda _, storage: list(storage.count_queued("video")))
        self.both(lambda _, storage: sorted(storage.held_by("ann")))

    def lived_by_the_rules(self, task: Task, history: list[HistoryEntry]) -> None:
        """The history is a path through TRANSITIONS that ends where the task is."""
        status: TaskStatus | None = None
        token = 0
        for entry in history:
            sources, target = TRANSITIONS[entry.event]
            assert status in sources if status else not sources
            assert entry.claim_token >= token
            status, token = target, entry.claim_token
        assert (status, token) == (task.status, task.claim_token)

    # What may happen ----------------------------------------------------------------------------

    # The first ones make sure that there is something to play with from the start.
    @initialize(target=tasks, batch=st.lists(new_tasks, min_size=1, max_size=3))
    def create_first(self, batch: list[tuple[str, int, int | None, str | None]]) -> Any:
        return self.create_on_both(batch)

    @rule(target=tasks, batch=st.lists(new_tasks, min_size=1, max_size=2))
    def create(self, batch: list[tuple[str, int, int | None, str | None]]) -> Any:
        return self.create_on_both(batch)

    def create_on_both(self, batch: list[tuple[str, int, int | None, str | None]]) -> Any:
        now = self.clock.now()
        encoded = [
            EncodedTask(
                task_type, f'{{"n": {n}}}', priority, None if delay is None else now + delay, key
            )
            for n, (task_type, priority, delay, key) in enumerate(batch)
        ]

        def create_on(side: int, storage: Storage) -> list[str]:
            ids = storage.create(encoded)
            for task_id in ids:
                self.numbers[side].setdefault(task_id, len(self.numbers[side]))
            return ids

        model_ids, sqlite_ids = self.both(create_on).both
        return multiple(*(Pair(*ids) for ids in zip(model_ids, sqlite_ids, strict=True)))

    @initialize(target=claims, request=requests)
    def claim_first(self, request: ClaimRequest) -> Any:
        self.create_on_both([(request.task_type, 1, None, None)] * 3)
        return self.claim_on_both(request, 2)

    @rule(target=claims, request=requests, limit=st.integers(1, 3))
    def claim(self, request: ClaimRequest, limit: int) -> Any:
        return self.claim_on_both(request, limit)

    def claim_on_both(self, request: ClaimRequest, limit: int) -> Any:
        model, sqlite = self.both(lambda _, storage: storage.claim(request, limit)).both
        return multiple(*(Pair(*held) for held in zip(model, sqlite, strict=True)))

    @rule(claim=claims)
    def start(self, claim: Pair) -> None:
        self.both(lambda side, storage: storage.start(claim.both[side]))

    @rule(claim=claims, lease_s=st.sampled_from([5, LEASE_S]))
    def heartbeat(self, claim: Pair, lease_s: int) -> None:
        self.both(lambda side, storage: storage.heartbeat(claim.both[side], lease_s))

    @rule(claim=claims, found=ideas, result=st.sampled_from([None, {"pages": 1}]))
    def complete(self, claim: Pair, found: list[Idea], result: dict[str, Any] | None) -> None:
        self.both(lambda side, storage: storage.complete(claim.both[side], found, result))

    @rule(several=st.lists(claims, max_size=4), found=ideas)
    def complete_many(self, several: list[Pair], found: list[Idea]) -> None:
        self.both(
            lambda side, storage: storage.complete_many(
                [Completion(claim.both[side], found) for claim in several]
            )
        )

    @rule(target=claims, claim=claims, found=ideas, then=requests)
    def complete_and_claim(self, claim: Pair, found: list[Idea], then: ClaimRequest) -> Any:
        following = self.both(
            lambda side, storage: storage.complete(claim.both[side], found, then=then)
        )
        return following if isinstance(following.both[0], Task) else multiple()

    @rule(claim=claims, delay=delays, counted=st.booleans())
    def fail(self, claim: Pair, delay: int | None, counted: bool) -> None:
        retry_at = None if delay is None else self.clock.now() + delay
        self.both(
            lambda side, storage: storage.fail(
                claim.both[side], "network", "no route", retry_at=retry_at, counted=counted
            )
        )

    @rule(claim=claims, verb=st.sampled_from(["release", "confirm_cancel"]))
    def hand_back(self, claim: Pair, verb: str) -> None:
        self.both(lambda side, storage: getattr(storage, verb)(claim.both[side]))

    @rule(claim=claims, found=ideas)
    def store_with_claim(self, claim: Pair, found: list[Idea]) -> None:
        self.both(
            lambda side, storage: storage.store_results(
                claim.both[side].task_id, found, claim.both[side]
            )
        )

    @rule(task=known, found=ideas)
    def store_without_claim(self, task: Pair, found: list[Idea]) -> None:
        self.both(lambda side, storage: storage.store_results(task.id_on(side), found))

    @rule(task=known, verb=st.sampled_from(["cancel", "requeue", "get", "results"]))
    def steer(self, task: Pair, verb: str) -> None:
        self.both(lambda side, storage: getattr(storage, verb)(task.id_on(side)))

    @rule(
        target=claims,
        task=known,
        status=st.sampled_from(TaskStatus),
        worker_id=workers,
        error_message=st.sampled_from([None, "by hand"]),
    )
    def set_status(
        self, task: Pair, status: TaskStatus, worker_id: str, error_message: str | None
    ) -> Any:
        changed = self.both(
            lambda side, storage: storage.set_status(
                task.id_on(side),
                status,
                worker_id=worker_id,
                error_message=error_message,
                result={"by": "hand"},
                lease_s=LEASE_S,
            )
        )
        return changed if isinstance(changed.both[0], Task) else multiple()

    @rule(worker_id=st.sampled_from([None, None, "ann"]), crash_limit=st.integers(1, 3))
    def rescue(self, worker_id: str | None, crash_limit: int) -> None:
        self.both(lambda _, storage: storage.rescue(worker_id=worker_id, crash_limit=crash_limit))

    @rule(seconds=st.sampled_from([1, 5, 6, 30, 61, 90]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([7, 3600]))
    def clock_is_set_ahead(self, seconds: int) -> None:
        """Leases go on, delays and dates are over. (Set back it may be at any time, too, but what
        that undoes, the one sees at its next claim and the other within 0.1 s.)"""
        self.clock.jump(seconds)
        self.clock.advance(0.2)  # SQLite promotes what fell due at most once in 0.1 s

    @rule(age_s=st.sampled_from([0, 10, 60]))
    def prune(self, age_s: int) -> None:
        self.both(lambda _, storage: storage.maintenance.prune(self.clock.now() - age_s))

    @rule(task=known, status=st.sampled_from([None, *TaskStatus]), task_type=types)
    def list_a_page(self, task: Pair, status: TaskStatus | None, task_type: str) -> None:
        self.both(
            lambda side, storage: storage.list_tasks(
                status=status, task_type=task_type, limit=2, before=task.id_on(side)
            )
        )

    @rule(worker_id=workers, verb=st.sampled_from(["register_worker", *REGISTER]))
    def tell_worker(self, worker_id: str, verb: str) -> None:
        info = WorkerInfo(worker_id, "video", "host", 1, "then", self.clock.now(), False)
        told = info if verb == "register_worker" else worker_id
        self.both(lambda _, storage: getattr(storage, verb)(told))


TestSQLiteIsTheModel = SQLiteIsTheModel.TestCase
TestSQLiteIsTheModel.settings = settings(SETTINGS, max_examples=80)
