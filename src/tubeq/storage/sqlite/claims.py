"""How the next task is chosen and claimed on SQLite, in one statement for most strategies.

A claim that also starts its task saves a transaction: claiming and starting take 1.9x to 2x as
long. WEIGHTED_RANDOM draws from a sample buffer: a claim of 100,000 takes 44 us, and choosing from
a fresh sample for each claim would add 200 (`python -m tests.plans.mechanisms`).
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tubeq.domain.clock import LeaseClock, to_timestamp
from tubeq.domain.models import Task
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import TaskStatus
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.storage.queries import load_queries
from tubeq.storage.sqlite.file.session import Session
from tubeq.storage.sqlite.rows import fence

_SQL = load_queries("sqlite")
_PICKS = {
    ClaimStrategy.LIFO: ("pick_lifo",),
    ClaimStrategy.FIFO: ("pick_fifo",),
    ClaimStrategy.PRIORITY: ("pick_prioritised", "pick_fifo"),
}
_CHANGES = {False: _SQL["change_to_claimed"], True: _SQL["change_to_running"]}
CLAIM_ONE, CLAIM_MANY = (
    {
        (pick, start): _SQL[verb].replace("$change", change).replace("$pick", _SQL[pick])
        for pick in _SQL
        if pick.startswith("pick_")
        for start, change in _CHANGES.items()
    }
    for verb in ("claim_one", "claim_many")
)
"""The claiming statements, by the name of their pick and whether they start what they claim."""
_CLAIM_DRAWN = {
    start: _SQL["claim_drawn"].replace("$change", change) for start, change in _CHANGES.items()
}
_ONE = {
    (strategy, start): CLAIM_ONE[pick, start]
    for strategy, pick in (
        (ClaimStrategy.LIFO, "pick_lifo"),
        (ClaimStrategy.FIFO, "pick_fifo"),
        (ClaimStrategy.PRIORITY, "pick_best"),
    )
    for start in _CHANGES
}
_ORDER: dict[ClaimStrategy, Callable[[Task], Any]] = {
    ClaimStrategy.LIFO: lambda task: -task.row_id,
    ClaimStrategy.FIFO: lambda task: task.row_id,
    ClaimStrategy.PRIORITY: lambda task: (-task.priority, task.row_id),
}
_NEIGHBOURS = 128
_FEWEST_LEFT = 32
_PROMOTE_EVERY_S = 0.1


class _Buffer(NamedTuple):
    """Row ids in the order in which they are drawn, the last one first. It is refilled once no more
    than `to_leave` are left: these have low weights, and other tasks may have higher ones."""

    row_ids: list[int]
    to_leave: int


class Claimer:
    """Claims for one storage handle and all its threads."""

    def __init__(self, clock: LeaseClock) -> None:
        self._clock = clock
        self._promoted_at: dict[str, float] = {}  # by the monotonic clock
        self._buffers: dict[str, _Buffer] = {}
        self._buffer_mutex = threading.Lock()
        self._chance = random.Random()

    def claim_at_once(
        self, session: Session, request: ClaimRequest, *, durable: bool
    ) -> Task | None:
        """Claim a task with one statement; None where that is not enough, or no task is due: then
        call `claim`."""
        task_type = request.task_type
        uptime_s = self._clock.monotonic()
        # (A clock other than the system's may step back: that counts as due, too.)
        if not 0.0 <= uptime_s - self._promoted_at.get(task_type, -math.inf) < _PROMOTE_EVERY_S:
            return None
        now = self._clock.now()
        changes = self.changes(request, now, uptime_s)
        if request.strategy is ClaimStrategy.WEIGHTED_RANDOM:
            drawn = self._draw(task_type)
            if drawn is None:
                return None
            rows, _ = session.write_one(
                _CLAIM_DRAWN[request.start], (*changes, drawn, task_type), durable=durable
            )
        else:
            rows, _ = session.write_one(
                _ONE[request.strategy, request.start],
                (*changes, *_pick_one(request)),
                durable=durable,
            )
        if not rows:
            return None
        claimed = _claimed(rows[0], request, changes)
        if claimed.run_after is not None and claimed.run_after > now:
            with session.write(durable=durable):
                self._put_back_early(session, [claimed], now)
            return None
        return claimed

    def claim(self, session: Session, request: ClaimRequest, limit: int) -> list[Task]:
        """Claim up to `limit` due tasks, in the open transaction of the session."""
        now, uptime_s = self._clock.now(), self._clock.monotonic()
        task_type = request.task_type
        if not 0.0 <= uptime_s - self._promoted_at.get(task_type, -math.inf) < _PROMOTE_EVERY_S:
            # At most one promotion in 0.1 s: it costs an index lookup, even if no task is due.
            self._promoted_at[task_type] = uptime_s
            self._promote(session, task_type, now)
        claimed = self._pick(session, request, limit, now)
        early = []
        for task in claimed:  # on the path of every claim: a comprehension would cost a call
            if task.run_after is not None and task.run_after > now:
                early.append(task)  # noqa: PERF401
        if early:
            self._put_back_early(session, early, now)
            claimed = [task for task in claimed if task not in early]
        if not claimed and (self._promote(session, task_type, now) or early):
            claimed = self._pick(session, request, limit, now)
        return claimed

    def _put_back_early(self, session: Session, claimed: Sequence[Task], now: float) -> None:
        """Put a task back that a clock that was ahead made due too early: with all others of the
        type, in the open transaction."""
        for task in claimed:
            session.execute(_SQL["put_back"], fence(task))
        session.execute(_SQL["unpromote"], {"task_type": claimed[0].task_type, "now": now})

    def changes(self, request: ClaimRequest, now: float, uptime_s: float) -> tuple[Any, ...]:
        """The parameters of a claiming statement, up to those of its pick: worker_id, claimed_at,
        started_at where it starts the task, last_heartbeat, lease_expires_at, boot,
        lease_ends_uptime_s."""
        at = to_timestamp(now)
        lease_s, boot = request.lease_s, self._clock.boot
        if request.start:
            return request.worker_id, at, at, now, now + lease_s, boot, uptime_s + lease_s
        return request.worker_id, at, now, now + lease_s, boot, uptime_s + lease_s

    def _promote(self, session: Session, task_type: str, now: float) -> bool:
        session.execute(_SQL["restart_delays"], {"now": now})
        promoted = session.execute(_SQL["promote_due"], {"task_type": task_type, "now": now})
        return promoted.rowcount > 0

    def _pick(self, session: Session, request: ClaimRequest, limit: int, now: float) -> list[Task]:
        if request.strategy is ClaimStrategy.WEIGHTED_RANDOM:
            return self._pick_weighted(session, request, limit, now)
        changes = self.changes(request, now, self._clock.monotonic())
        task_type = request.task_type
        if limit == 1:
            values = (*changes, *_pick_one(request))
            rows = session.execute(_ONE[request.strategy, request.start], values).fetchall()
            return [_claimed(row, request, changes) for row in rows]
        claimed: list[Task] = []
        for pick in _PICKS[request.strategy]:
            values = (*changes, task_type, limit - len(claimed))
            rows = session.execute(CLAIM_MANY[pick, request.start], values).fetchall()
            claimed += [_claimed(row, request, changes) for row in rows]
            if len(claimed) == limit:
                break
        claimed.sort(key=_ORDER[request.strategy])  # RETURNING promises no order
        return claimed

    def _pick_weighted(
        self, session: Session, request: ClaimRequest, limit: int, now: float
    ) -> list[Task]:
        changes = self.changes(request, now, self._clock.monotonic())
        task_type = request.task_type
        claimed: list[Task] = []
        while len(claimed) < limit:
            drawn = self._draw(task_type)
            if drawn is None:
                self._fill_buffer(session, task_type)
                drawn = self._draw(task_type, to_the_last=True)
            if drawn is None:
                break
            values = (*changes, drawn, task_type)
            row = session.execute(_CLAIM_DRAWN[request.start], values).fetchone()
            if row is not None:  # else another worker was faster
                claimed.append(_claimed(row, request, changes))
        return claimed

    def _draw(self, task_type: str, to_the_last: bool = False) -> int | None:
        """The row id of a task in the sample buffer; None when the buffer is to be refilled, or is
        empty."""
        with self._buffer_mutex:
            buffer = self._buffers.get(task_type)
            if buffer is None or len(buffer.row_ids) <= (0 if to_the_last else buffer.to_leave):
                return None
            return buffer.row_ids.pop()

    def _fill_buffer(self, session: Session, task_type: str) -> None:
        """Fill it with the row ids of neighbours, from a random position on and wrapping around at
        the end of the queue, in the order in which they will be drawn.

        To draw one after the other with chances in proportion to their weights is to sort by
        `u ** (1 / weight)`, u evenly from 0 to 1 (P. Efraimidis, P. Spirakis, "Weighted random
        sampling with a reservoir", Information Processing Letters 97, 2006).
        """
        low, high = session.execute(_SQL["ready_bounds"], {"task_type": task_type}).fetchone()
        buffer = []
        if low is not None:
            start = self._chance.randint(low, high)
            query = _SQL["neighbours"]
            buffer = session.execute(query, (task_type, start, _NEIGHBOURS)).fetchall()
            if len(buffer) < _NEIGHBOURS:
                missing = _NEIGHBOURS - len(buffer)
                first = session.execute(query, (task_type, 0, missing)).fetchall()
                buffer += [each for each in first if each[0] < start]
        drawn = {
            row_id: self._chance.random() ** (1 / (1 + max(priority, 0)))
            for row_id, priority in buffer
        }
        order = sorted(drawn, key=drawn.__getitem__)  # the largest is last
        with self._buffer_mutex:
            self._buffers[task_type] = _Buffer(order, max(len(order) // 2, _FEWEST_LEFT))


def _pick_one(request: ClaimRequest) -> tuple[Any, ...]:
    """The parameters of a pick of one task."""
    one = (request.task_type, 1)
    return one + one if request.strategy is ClaimStrategy.PRIORITY else one


def _claimed(row: Sequence[Any], request: ClaimRequest, changes: Sequence[Any]) -> Task:
    """The claimed task: what the statement returned, and what it was given to write."""
    (row_id, task_id, parameters, priority, created_at, run_after, token, retries, crashes,
     error_code, error_message, key) = row  # fmt: skip
    if request.start:
        status = TaskStatus.RUNNING
        worker_id, claimed_at, started_at, now, expires_at, *_ = changes
    else:
        status, started_at = TaskStatus.CLAIMED, None
        worker_id, claimed_at, now, expires_at, *_ = changes
    return Task(
        row_id, task_id, request.task_type, parameters, status, priority, created_at, run_after,
        worker_id, claimed_at, started_at, None, now, expires_at, token, 0, retries, crashes,
        error_code, error_message, None, key,
    )  # fmt: skip
