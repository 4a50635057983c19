"""How the next task is chosen and claimed on SQLite, in one statement for most strategies."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tubeq.domain.clock import Clock, to_timestamp
from tubeq.domain.models import Task
from tubeq.domain.policies import ClaimStrategy
from tubeq.domain.states import TaskStatus
from tubeq.storage.port import ClaimRequest
from tubeq.storage.queries import load_queries
from tubeq.storage.session import Session

_SQL = load_queries("sqlite")
_PICKS = {
    ClaimStrategy.LIFO: ("pick_lifo",),
    ClaimStrategy.FIFO: ("pick_fifo",),
    ClaimStrategy.PRIORITY: ("pick_prioritised", "pick_fifo"),
}
CLAIM_ONE, CLAIM_MANY = (
    {pick: _SQL[verb].replace("$pick", _SQL[pick]) for pick in _SQL if pick.startswith("pick_")}
    for verb in ("claim_one", "claim_many")
)
_ORDER: dict[ClaimStrategy, Callable[[Task], Any]] = {
    ClaimStrategy.LIFO: lambda task: -task.row_id,
    ClaimStrategy.FIFO: lambda task: task.row_id,
    ClaimStrategy.PRIORITY: lambda task: (-task.priority, task.row_id),
}
_NEIGHBOURS = 8
_PROMOTE_EVERY_S = 0.1


class Claimer:
    """Claims for one storage handle."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_promotion: dict[str, float] = {}
        self._chance = random.Random()

    def claim(self, session: Session, request: ClaimRequest, limit: int) -> list[Task]:
        """Claim up to `limit` due tasks, in the open transaction of the session."""
        now = self._clock.now()
        task_type = request.task_type
        if now >= self._next_promotion.get(task_type, 0.0):
            # At most one promotion in 0.1 s: it costs a look at an index, even for no task.
            self._next_promotion[task_type] = now + _PROMOTE_EVERY_S
            self._promote(session, task_type, now)
        claimed = self._pick(session, request, limit, now)
        if not claimed and self._promote(session, task_type, now):
            claimed = self._pick(session, request, limit, now)
        return claimed

    def _promote(self, session: Session, task_type: str, now: float) -> bool:
        promoted = session.execute(_SQL["promote_due"], {"task_type": task_type, "now": now})
        return promoted.rowcount > 0

    def _pick(self, session: Session, request: ClaimRequest, limit: int, now: float) -> list[Task]:
        if request.strategy is ClaimStrategy.WEIGHTED_RANDOM:
            return self._pick_weighted(session, request, limit, now)
        changes = claim_changes(request, now)
        claimed: list[Task] = []
        for pick in _PICKS[request.strategy]:
            wanted = limit - len(claimed)
            statement = CLAIM_ONE[pick] if wanted == 1 else CLAIM_MANY[pick]
            changes["limit"] = wanted
            rows = session.execute(statement, changes).fetchall()
            claimed.extend(_claimed(row, request, changes) for row in rows)
            if len(claimed) == limit:
                break
        if len(claimed) > 1:  # RETURNING promises no order
            claimed.sort(key=_ORDER[request.strategy])
        return claimed

    def _pick_weighted(
        self, session: Session, request: ClaimRequest, limit: int, now: float
    ) -> list[Task]:
        changes = claim_changes(request, now)
        claimed: list[Task] = []
        while len(claimed) < limit:
            where = {"task_type": request.task_type, "count": _NEIGHBOURS}
            low, high = session.execute(_SQL["ready_bounds"], where).fetchone()
            if low is None:
                break
            where["from"] = self._chance.randint(low, high)
            neighbours = session.execute(_SQL["neighbours"], where).fetchall()
            weights = [1 + max(priority, 0) for _, priority in neighbours]
            changes["picked"] = self._chance.choices(neighbours, weights)[0][0]
            row = session.execute(CLAIM_ONE["pick_given"], changes).fetchone()
            claimed.append(_claimed(row, request, changes))
        return claimed


def claim_changes(request: ClaimRequest, now: float) -> dict[str, Any]:
    """The parameters of a claiming statement."""
    at = to_timestamp(now)
    return {
        "task_type": request.task_type,
        "status": TaskStatus.RUNNING if request.start else TaskStatus.CLAIMED,
        "worker_id": request.worker_id,
        "at": at,
        "started_at": at if request.start else None,
        "now": now,
        "expires_at": now + request.lease_s,
        "limit": 1,
    }


def _claimed(row: Sequence[Any], request: ClaimRequest, changes: Mapping[str, Any]) -> Task:
    """The claimed task: what the statement returned, and what it was told to write."""
    (row_id, task_id, parameters, priority, created_at, run_after, token, retries, crashes,
     error_code, error_message, key) = row  # fmt: skip
    return Task(
        row_id, task_id, request.task_type, parameters, changes["status"], priority, created_at,
        run_after, request.worker_id, changes["at"], changes["started_at"], None, changes["now"],
        changes["expires_at"], token, 0, retries, crashes, error_code, error_message, None, key,
    )  # fmt: skip
