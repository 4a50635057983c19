"""What a storage promises. Every back end keeps these promises under one contract suite.

A *claim* is the Task that `claim` returned: it has the row id, the task's id and the claim token.
Verbs that take a claim are fenced: they raise ClaimLost, and change nothing, unless that task is
still held under that token. Verbs that take the id of a task raise TaskNotFound where there is no
such task. Every verb is one atomic transaction. A storage may be shared by the
threads of one process; another process opens its own.

Setting the wall clock, in either direction, neither ends a lease that is renewed nor keeps anything
waiting for longer than its own lease or delay. A lease ends by the monotonic clock for processes of
the same boot; a lease of an earlier boot of this host has ended; for others the wall clock decides.
A delay that the queue set (a retry's, a release's) begins again where it was set later than now; a
date that was given with a task stays as it is. See domain/leases.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, QueueStats, Result, Task
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import TaskStatus

if TYPE_CHECKING:
    from tubeq.storage.ports.children import Children
    from tubeq.storage.ports.items import ItemStore
    from tubeq.storage.ports.limits import Limits
    from tubeq.storage.ports.maintenance import Maintenance


class ClaimRequest(NamedTuple):
    """Which worker claims which tasks.

    `start` takes the task straight to RUNNING, in the same transaction. `lease_s` is how long the
    claim holds without a heartbeat, in seconds.
    """

    task_type: str
    worker_id: str
    strategy: ClaimStrategy = ClaimStrategy.LIFO
    lease_s: float = 60.0
    start: bool = False


class Completion(NamedTuple):
    """One of many tasks to complete, with the arguments of `Storage.complete`."""

    claim: Task
    ideas: Sequence[Idea] = ()
    result: Mapping[str, Any] | None = None


class Rescue(NamedTuple):
    """What a sweep did: task ids that went back to QUEUED, to FAILED (dead letters), or to
    CANCELLED (a cancel was asked for before the worker died)."""

    requeued: list[str]
    dead: list[str]
    cancelled: list[str]


class OpenType(NamedTuple):
    """A task type with tasks that are not finished: whether any is due, whether a worker holds
    any, and when the next scheduled one falls due (epoch seconds, None without one)."""

    task_type: str
    is_due: bool
    is_held: bool
    next_due_at: float | None


class WorkerInfo(NamedTuple):
    """A registered worker. `last_seen` is epoch seconds; `task_type` lists several types, separated
    by commas."""

    worker_id: str
    task_type: str
    host: str
    pid: int
    started_at: str
    last_seen: float
    stop_requested: bool

    @property
    def task_types(self) -> list[str]:
        """The types whose tasks it processes."""
        return self.task_type.split(",")


class Storage(Protocol):
    """The verbs."""

    @property
    def limits(self) -> "Limits":
        """How much at once and how often, and what is paused: see `ports.limits`."""

    @property
    def children(self) -> "Children":
        """The verbs about tasks that have children."""

    @property
    def items(self) -> "ItemStore":
        """One item a source id, over the results of all tasks."""

    @property
    def maintenance(self) -> "Maintenance":
        """What keeps the whole small, sound and safe."""

    @property
    def is_read_only(self) -> bool:
        """Whether it was opened read-only: verbs that would write raise StorageReadOnly."""

    def create(
        self, tasks: Sequence[EncodedTask], *, when_visible: Callable[[], None] | None = None
    ) -> list[str]:
        """Store tasks as QUEUED, in order, all or none, and return their ids in that order.

        `when_visible` is called as soon as workers can claim them: before they are durable.

        A task whose idempotency key is already stored (or came earlier in `tasks`) is not
        created: the id of the first one is returned in its place. Durable when it returns, unless
        durability is `fast`.
        """

    def get(self, task_id: str) -> Task:
        """The task as it is now."""

    def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        task_type: str | None = None,
        limit: int = 100,
        before: str | None = None,
        error_code: str | None = None,
    ) -> list[Task]:
        """Tasks, newest first, at most `limit`, older than the task with the id `before`.

        `error_code` selects those whose last attempt failed with it: for good, or until the retry.
        """

    def claim(self, request: ClaimRequest, limit: int = 1) -> list[Task]:
        """Claim up to `limit` due QUEUED tasks: no task is ever returned to two callers.

        Each returned task is CLAIMED (RUNNING with `request.start`), has a claim token larger
        than any before it, and a lease until now + `request.lease_s`. An empty list means that
        nothing was due. A task whose `run_after` has passed is returned at once when nothing else
        is due, and otherwise competes within 0.1 s of falling due.
        """

    def start(self, claim: Task) -> Task:
        """CLAIMED to RUNNING; the claim as it is then.

        Raises:
            IllegalTransition: it is RUNNING already.
        """

    def heartbeat(self, claim: Task, lease_s: float) -> bool:
        """Hold the claim for another `lease_s` seconds from now.

        Returns:
            Whether a cancel was asked for.
        """

    def complete(
        self,
        claim: Task,
        ideas: Sequence[Idea] = (),
        result: Mapping[str, Any] | None = None,
        *,
        then: ClaimRequest | None = None,
    ) -> Task | None:
        """COMPLETED, with its ideas and result, and with `then` the next claim: one transaction.

        Ideas are stored once per `source_id` of a task; the last one wins. Clears the error of
        earlier attempts. Durable when it returns, unless durability is `fast`.

        Returns:
            The task that `then` claimed, or None.

        Raises:
            ClaimLost: the claim is no longer held; no idea is stored, nothing is claimed.
        """

    def complete_many(self, completions: Sequence[Completion]) -> list[Task]:
        """Complete many tasks with one transaction, and one sync; each is fenced on its own.

        Returns:
            The claims that were no longer held: nothing is written for these.

        Raises:
            InvalidParameters: a value of one of them cannot be stored: none is completed.
        """

    def fail(
        self,
        claim: Task,
        code: str,
        message: str,
        *,
        retry_at: float | None = None,
        counted: bool = True,
        deferred: bool = False,
        dated: bool = False,
    ) -> Task:
        """An attempt failed: FAILED, or QUEUED again where `retry_at` (epoch seconds) is given.

        `counted` adds one to `retry_count`: permanent errors are not counted, nor is "not yet".
        With `deferred` the history says deferred instead of retried. With `dated`, `retry_at` is a
        date that was given, such as a premiere's, and not a delay that begins now. A `retry_at`
        that has passed makes the task claimable at once. A failure where a cancel was asked for
        ends CANCELLED instead of being retried. Durable like `complete`.

        Returns:
            The task as it is then.
        """

    def release(self, claim: Task, *, until: float | None = None, why: str | None = None) -> Task:
        """Hand a task back for any worker to claim at once: neither a failure nor a crash is
        counted.

        With `until` (epoch seconds) it is not due before; `why` is kept in the history. Where a
        cancel was asked for, it ends CANCELLED.
        """

    def confirm_cancel(self, claim: Task) -> Task:
        """The worker ended a task for which a cancel was asked: CANCELLED."""

    def cancel(self, task_id: str) -> Task:
        """QUEUED becomes CANCELLED; a task that a worker holds is marked, and the worker sees it
        at its next heartbeat. Marking twice is not an error.

        Raises:
            IllegalTransition: it is finished already.
        """

    def requeue(self, task_id: str) -> Task:
        """A finished task back to QUEUED, due at once, its counters and error cleared, its earlier
        results kept until it completes again. It begins from the start: its cursor is deleted, and
        its finished children are unlinked, so that it may create them once more.

        Raises:
            IllegalTransition: it is not finished.
        """

    def set_status(
        self,
        task_id: str,
        status: TaskStatus,
        *,
        worker_id: str | None = None,
        error_message: str | None = None,
        result: Mapping[str, Any] | None = None,
        lease_s: float = 60.0,
    ) -> Task:
        """An administrator's unfenced transition, checked against TRANSITIONS.

        To CLAIMED raises the token and starts a lease, as a claim does: the previous holder loses
        it.

        Raises:
            IllegalTransition: no transition leads to that status.
        """

    def store_results(self, task_id: str, ideas: Sequence[Idea], claim: Task | None = None) -> None:
        """Store ideas of a task before, or without, its completion; once per `source_id`.

        Raises:
            ClaimLost: `claim` is given and no longer held.
        """

    def results(self, task_id: str | None = None, *, limit: int = 1_000_000) -> list[Result]:
        """Stored ideas in the order in which they were first stored: of one task, or of all."""

    def history(self, task_id: str) -> list[HistoryEntry]:
        """Every transition of the task, oldest first."""

    def rescue(self, *, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        """Take back what dead workers held: every lease that has ended, or, with `worker_id`, all
        that this worker holds, whatever its leases say (for a supervisor that saw it die):
        slots and probes, too.

        Each adds one to `crash_count`; at `crash_limit` the task is a dead letter: FAILED with
        the code "dead_letter". Its token stays, so the late worker's writes are refused from then
        on: QUEUED is not a held state, and the next claim raises the token.
        """

    def held_by(self, worker_id: str) -> list[Task]:
        """The tasks that this worker holds."""

    def has_open_tasks(self, task_type: str) -> bool:
        """Whether a task of that type is QUEUED, due or not, or held by a worker."""

    def next_due_at(self, task_type: str) -> float | None:
        """When the next scheduled task of that type falls due: epoch seconds, or None."""

    def open_types(self) -> list[OpenType]:
        """The types of all tasks that are not finished, sorted: one snapshot, at a cost that grows
        with the number of types, not of tasks."""

    def count_queued(self, task_type: str) -> tuple[int, int]:
        """How many QUEUED tasks of that type are due, and how many are scheduled for later."""

    def stats(self) -> QueueStats:
        """Counts over the whole queue."""

    def register_worker(self, info: WorkerInfo) -> None:
        """Register a worker, or replace its registration."""

    def worker_seen(self, worker_id: str) -> bool:
        """Record a heartbeat of the worker; whether it is asked to stop. False for an unknown
        one."""

    def forget_worker(self, worker_id: str) -> None:
        """Remove a worker from the register. An unknown one is not an error."""

    def request_stop(self, worker_id: str | None = None) -> int:
        """Ask one worker, or all, to stop after the running task; how many were asked."""

    def workers(self) -> list[WorkerInfo]:
        """The registered workers, by id."""

    def close(self) -> None:
        """Close the storage. Closing twice is not an error; any other verb then raises
        StorageError."""
