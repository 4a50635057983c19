"""The storage verbs on SQLite. The statements are in sql/queries.sql."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tubeq.domain.clock import Clock, LeaseClock, to_timestamp
from tubeq.domain.errors import (
    IllegalTransition,
    InvalidParameters,
    StorageNotSynced,
    TaskNotFound,
)
from tubeq.domain.models import EncodedTask, HistoryEntry, Idea, QueueStats, Result, Task
from tubeq.domain.policies import Durability
from tubeq.domain.states import FINISHED, TaskEvent, TaskStatus, event_between
from tubeq.storage.identifiers import new_ids
from tubeq.storage.ports.tasks import ClaimRequest, Completion, OpenType, Rescue, WorkerInfo
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite import statistics
from tubeq.storage.sqlite.children import SQLiteChildren, begin_again
from tubeq.storage.sqlite.claims import CLAIM_ONE, Claimer
from tubeq.storage.sqlite.file.connection import ConnectionFactory
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.leaving import find, held, leave, reread, row_id_of, take_back
from tubeq.storage.sqlite.limits import SQLiteLimits
from tubeq.storage.sqlite.new_tasks import insert_keyed_rows, insert_rows, new_rows
from tubeq.storage.sqlite.read_only import ReadOnlyFactory, ReadOnlySession
from tubeq.storage.sqlite.rows import completion, fence, lost, result_rows, task_from

if TYPE_CHECKING:
    from tubeq.storage.sqlite.items import SQLiteItems
    from tubeq.storage.sqlite.maintenance import SQLiteMaintenance

_SQL = load_queries("sqlite")


class SQLiteStorage:
    """A storage in one SQLite file, shared with other threads, processes and programs.

    The arguments are those of `open_storage`, and `factory`, which opens the connections: for
    fault tests.
    """

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability = Durability.BALANCED,
        busy_timeout_s: float = 30.0,
        clock: Clock,
        factory: ConnectionFactory | None = None,
        create: bool = True,
        read_only: bool = False,
    ) -> None:
        session: Session
        if read_only:
            session = ReadOnlySession(ReadOnlyFactory(path, busy_timeout_s))
        else:
            factory = factory or ConnectionFactory(path, busy_timeout_s)
            session = Session(factory, clock, create=create)
        self._session = session
        self._clock = clock
        self._sync_told = durability is not Durability.FAST
        self._sync_all = durability is Durability.FULL
        self._lease_clock = LeaseClock(clock)
        self._claimer = Claimer(self._lease_clock)
        self.limits = SQLiteLimits(session, clock, sync_told=self._sync_told)
        self.children = SQLiteChildren(session, clock, sync_told=self._sync_told)
        self.is_read_only = session.is_read_only

    @cached_property
    def items(self) -> SQLiteItems:
        """The catalogue of items. Imported when it is used: a worker never needs it."""
        from tubeq.storage.sqlite.items import SQLiteItems

        return SQLiteItems(self._session, self._clock)

    @cached_property
    def maintenance(self) -> SQLiteMaintenance:
        """Imported when it is used, likewise."""
        from tubeq.storage.sqlite.maintenance import SQLiteMaintenance

        return SQLiteMaintenance(self._session, self.items.fold, durable=self._sync_told)

    # Creating -----------------------------------------------------------------------------------

    def create(
        self, tasks: Sequence[EncodedTask], *, when_visible: Callable[[], None] | None = None
    ) -> list[str]:
        now = self._clock.now()
        at = to_timestamp(now)
        task_ids = new_ids(len(tasks), now)
        insert, rows, keyed = new_rows(tasks, task_ids, now, at)
        durable = self._sync_told
        try:
            if len(rows) == 1 and not keyed:
                self._session.write_one(
                    _SQL[insert], rows[0], durable=durable, when_visible=when_visible
                )
                return task_ids
            with self._session.write(
                durable=durable, writes=1 + len(rows) // 8, when_visible=when_visible
            ) as session:
                if keyed:
                    insert_keyed_rows(session, insert, rows, task_ids)
                else:
                    insert_rows(session, insert, rows)
            return task_ids
        except StorageNotSynced as error:  # they exist: the caller must know how
            more = "" if len(task_ids) == 1 else f" and {len(task_ids) - 1} more"
            raise StorageNotSynced(f"{error}; created: {task_ids[0]}{more}") from error

    # Looking ------------------------------------------------------------------------------------

    def get(self, task_id: str) -> Task:
        rows = self._session.read(_SQL["get_task"], (task_id,))
        if not rows:
            raise TaskNotFound(task_id)
        return task_from(rows[0])

    def list_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        task_type: str | None = None,
        limit: int = 100,
        before: str | None = None,
        error_code: str | None = None,
    ) -> list[Task]:
        which: dict[str, Any] = {"status": status, "task_type": task_type, "limit": limit}
        which["error_code"] = error_code
        which["before"] = 2**63 - 1 if before is None else row_id_of(self._session, before)
        return [task_from(row) for row in self._session.read(_SQL["list_tasks"], which)]

    def results(self, task_id: str | None = None, *, limit: int = 1_000_000) -> list[Result]:
        if task_id is None:
            rows = self._session.read(_SQL["all_results"], {"limit": limit})
        else:
            row_id_of(self._session, task_id)
            rows = self._session.read(_SQL["results_of_task"], {"task_id": task_id, "limit": limit})
        return [Result(*row) for row in rows]

    def history(self, task_id: str) -> list[HistoryEntry]:
        rows = self._session.read(_SQL["history"], {"id": row_id_of(self._session, task_id)})
        return [HistoryEntry(TaskEvent(event), *others) for event, *others in rows]

    # Claiming -----------------------------------------------------------------------------------

    def claim(self, request: ClaimRequest, limit: int = 1) -> list[Task]:
        if limit < 1:
            raise InvalidParameters(f"limit must be 1 or more, not {limit}")
        if limit == 1:
            claimed = self._claimer.claim_at_once(self._session, request, durable=self._sync_all)
            if claimed is not None:
                return [claimed]
        due = {"task_type": request.task_type, "now": self._clock.now()}
        if not self._session.read(_SQL["is_any_due"], due)[0][0]:
            return []  # without a lock: the usual end of what idle workers do all the time
        with self._session.write(durable=self._sync_all, writes=limit) as session:
            return self._claimer.claim(session, request, limit)

    def held_by(self, worker_id: str) -> list[Task]:
        return [
            task_from(row)
            for (queue_key,) in self._session.read(_SQL["queue_keys"])
            if queue_key.endswith("~")
            for row in self._session.read(
                _SQL["held_by"], {"queue_key": queue_key, "worker_id": worker_id}
            )
        ]

    def has_open_tasks(self, task_type: str) -> bool:
        return bool(self._session.read(_SQL["has_open_tasks"], {"task_type": task_type})[0][0])

    def next_due_at(self, task_type: str) -> float | None:
        which = {"task_type": task_type, "now": self._clock.now()}
        due: float | None = self._session.read(_SQL["next_due_at"], which)[0][0]
        return due

    def open_types(self) -> list[OpenType]:
        now = self._clock.now()
        return statistics.open_types(self._session.read(_SQL["open_types"], {"now": now}), now)

    def count_queued(self, task_type: str) -> tuple[int, int]:
        which = {"task_type": task_type, "now": self._clock.now()}
        due, scheduled = self._session.read(_SQL["count_queued"], which)[0]
        return due, scheduled

    def stats(self) -> QueueStats:
        return statistics.stats(self._session, self._clock.now())

    # Working ------------------------------------------------------------------------------------

    def start(self, claim: Task) -> Task:
        at = to_timestamp(self._clock.now())
        changes = {**fence(claim), "at": at}
        rows, _ = self._session.write_one(_SQL["start"], changes, durable=self._sync_all)
        if not rows:
            if not self._session.read(_SQL["is_held"], fence(claim)):
                raise lost(claim)
            raise IllegalTransition(claim.task_id, TaskStatus.RUNNING, TaskStatus.RUNNING)
        seen_at, expires_at, cancel_requested = rows[0]
        return claim._replace(
            status=TaskStatus.RUNNING,
            started_at=at,
            last_heartbeat=seen_at,
            lease_expires_at=expires_at,
            cancel_requested=cancel_requested,
        )

    def heartbeat(self, claim: Task, lease_s: float) -> bool:
        now = self._clock.now()
        changes = {
            **fence(claim),
            "now": now,
            "expires_at": now + lease_s,
            "boot": self._lease_clock.boot,
            "ends_uptime_s": self._lease_clock.monotonic() + lease_s,
        }
        rows, _ = self._session.write_one(_SQL["heartbeat"], changes, durable=self._sync_all)
        if not rows:
            raise lost(claim)
        return bool(rows[0][0])

    def complete(
        self,
        claim: Task,
        ideas: Sequence[Idea] = (),
        result: Mapping[str, Any] | None = None,
        *,
        then: ClaimRequest | None = None,
    ) -> Task | None:
        now = self._clock.now()
        at = to_timestamp(now)
        changes = completion(claim, at, result, ideas)
        if not ideas and then is None:
            _, completed = self._session.write_one(
                _SQL["complete"], changes, durable=self._sync_told
            )
            if not completed:
                raise lost(claim)
            return None
        rows = result_rows(claim.task_id, ideas, now, at)
        with self._session.write(durable=self._sync_told, writes=1 + len(rows) // 8) as session:
            if not self._complete(session, changes, rows):
                raise lost(claim)
            claimed = self._claimer.claim(session, then, 1) if then else None
        return claimed[0] if claimed else None

    def complete_many(self, completions: Sequence[Completion]) -> list[Task]:
        now = self._clock.now()
        at = to_timestamp(now)
        changes = [completion(each.claim, at, each.result, each.ideas) for each in completions]
        rows = [result_rows(each.claim.task_id, each.ideas, now, at) for each in completions]
        writes = 1 + (len(completions) + sum(map(len, rows))) // 8
        with self._session.write(durable=self._sync_told, writes=writes) as session:
            # Usually all are held: then two statements, executed repeatedly, are enough.
            session.execute("SAVEPOINT all_held")
            if session.executemany(_SQL["complete"], changes) == len(changes):
                session.executemany(_SQL["upsert_result"], [*chain(*rows)])
                return []
            session.execute("ROLLBACK TO all_held")
            return [
                each.claim
                for each, own_changes, own_rows in zip(completions, changes, rows)
                if not self._complete(session, own_changes, own_rows)
            ]

    def _complete(
        self, session: Session, changes: tuple[Any, ...], rows: list[tuple[Any, ...]]
    ) -> bool:
        """Complete a task and store its results, if it is still held."""
        if session.execute(_SQL["complete"], changes).rowcount != 1:
            return False
        if len(rows) == 1:
            session.execute(_SQL["upsert_result"], rows[0])
        elif rows:
            session.executemany(_SQL["upsert_result"], rows)
        return True

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
        back = TaskEvent.DEFERRED if deferred else TaskEvent.RETRIED
        event = TaskEvent.FAILED if retry_at is None else back
        why = {"code": code, "message": message, "run_after": retry_at, "dated": dated}
        return self._end_attempt(claim, event, counted=counted, **why)

    def release(self, claim: Task, *, until: float | None = None, why: str | None = None) -> Task:
        return self._end_attempt(claim, TaskEvent.RELEASED, message=why, run_after=until)

    def confirm_cancel(self, claim: Task) -> Task:
        return self._end_attempt(claim, TaskEvent.CANCELLED)

    def _end_attempt(self, claim: Task, event: TaskEvent, **why: Any) -> Task:
        with self._session.write(durable=self._sync_told) as session:
            return leave(session, held(session, claim), event, self._clock.now(), **why)

    def store_results(self, task_id: str, ideas: Sequence[Idea], claim: Task | None = None) -> None:
        now = self._clock.now()
        rows = result_rows(task_id, ideas, now, to_timestamp(now))
        with self._session.write(durable=self._sync_told, writes=1 + len(rows) // 8) as session:
            find(session, task_id)
            if claim is not None and held(session, claim).task_id != task_id:
                raise lost(claim)
            session.executemany(_SQL["upsert_result"], rows)

    # Steering -----------------------------------------------------------------------------------

    def cancel(self, task_id: str) -> Task:
        with self._session.write(durable=self._sync_told) as session:
            task = find(session, task_id)
            if task.status in FINISHED:
                raise IllegalTransition(task_id, task.status, TaskStatus.CANCELLED)
            verb = "cancel_queued" if task.status is TaskStatus.QUEUED else "request_cancel"
            session.execute(_SQL[verb], {"id": task.row_id, "at": to_timestamp(self._clock.now())})
            return reread(session, task)

    def requeue(self, task_id: str) -> Task:
        with self._session.write(durable=self._sync_told) as session:
            task = find(session, task_id)
            if task.status not in FINISHED:
                raise IllegalTransition(task_id, task.status, TaskStatus.QUEUED)
            return self._requeue(session, task)

    def _requeue(self, session: Session, task: Task) -> Task:
        event = {**fence(task), "event": TaskEvent.REQUEUED, "at": to_timestamp(self._clock.now())}
        event |= {"worker_id": task.worker_id, "message": None}
        session.execute(_SQL["archive_attempt"], event)
        session.execute(_SQL["archive_event"], event)
        session.execute(_SQL["requeue"], event)
        begin_again(session, task.row_id)
        return reread(session, task)

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
        now = self._clock.now()
        with self._session.write(durable=self._sync_told) as session:
            task = find(session, task_id)
            event = event_between(task.status, status)
            changes: dict[str, Any] = {**fence(task), "at": to_timestamp(now)}
            if event is TaskEvent.CLAIMED:
                request = ClaimRequest(task.task_type, worker_id or "admin", lease_s=lease_s)
                uptime_s = self._lease_clock.monotonic()
                claiming = (*self._claimer.changes(request, now, uptime_s), task.row_id)
                session.execute(CLAIM_ONE["pick_given", request.start], claiming).fetchall()
            elif event is TaskEvent.STARTED:
                session.execute(_SQL["start"], changes).fetchall()
            elif event is TaskEvent.COMPLETED:
                session.execute(_SQL["complete"], completion(task, changes["at"], result))
            elif event is TaskEvent.FAILED:
                leave(session, task, event, self._clock.now(), code="error", message=error_message)
            elif event is TaskEvent.CANCELLED and task.status is TaskStatus.QUEUED:
                session.execute(_SQL["cancel_queued"], changes)
            elif event in (TaskEvent.CANCELLED, TaskEvent.RELEASED):
                leave(session, task, event, self._clock.now())
            elif event is TaskEvent.REQUEUED:
                self._requeue(session, task)
            else:
                raise IllegalTransition(task_id, task.status, status)
            return reread(session, task)

    def rescue(self, *, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        rescued = Rescue([], [], [])
        look, query = ("is_any_expired", "expired") if worker_id is None else ("held_by", "held_by")
        for (queue_key,) in self._session.read(_SQL["queue_keys"]):
            which = {"queue_key": queue_key, "worker_id": worker_id}
            which |= self._lease_clock.moment()._asdict()
            # A read first: most sweeps find nothing, and then take no lock.
            if queue_key.endswith("~") and self._session.read(_SQL[look], which):
                with self._session.write(durable=self._sync_all) as session:
                    if worker_id is None:
                        session.execute(_SQL["restart_leases"], which)
                        session.execute(_SQL["restart_delays"], {"now": which["now"]})
                    for row in session.execute(_SQL[query], which).fetchall():
                        take_back(session, task_from(row), crash_limit, self._clock.now(), rescued)
        if worker_id is not None:
            self.limits.free(worker_id)
        return rescued

    # Workers ------------------------------------------------------------------------------------

    def register_worker(self, info: WorkerInfo) -> None:
        self._session.write_one(_SQL["register_worker"], info, durable=False)

    def worker_seen(self, worker_id: str) -> bool:
        which = {"worker_id": worker_id, "now": self._clock.now()}
        rows, _ = self._session.write_one(_SQL["worker_seen"], which, durable=False)
        return bool(rows and rows[0][0])

    def forget_worker(self, worker_id: str) -> None:
        which = {"worker_id": worker_id}
        self._session.write_one(_SQL["forget_worker"], which, durable=False)

    def request_stop(self, worker_id: str | None = None) -> int:
        with self._session.write(durable=self._sync_told) as session:
            return session.execute(_SQL["request_stop"], {"worker_id": worker_id}).rowcount

    def workers(self) -> list[WorkerInfo]:
        rows = self._session.read(_SQL["workers"])
        return [WorkerInfo._make((*others, bool(stop))) for *others, stop in rows]

    def close(self) -> None:
        self._session.close()
