"""A task for which it is too early: how long it waits, and when it has waited too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.domain.breaker import BLOCKING_CODES
from tubeq.domain.numbers import checked_date, checked_span
from tubeq.domain.policies import FIRST_WAIT_S, NEVER_CAME, next_wait_s, waits_in_a_row

if TYPE_CHECKING:
    from tubeq.domain.clock import Clock
    from tubeq.domain.models import Task
    from tubeq.storage import Storage


def defer(
    storage: Storage,
    clock: Clock,
    claim: Task,
    message: str,
    *,
    code: str,
    retry_after_s: float | None,
    retry_at: float | None,
    got_on: bool,
) -> Task:
    """See QueueManager.defer_task."""
    if retry_after_s is not None:
        checked_span("retry_after_s", retry_after_s)
    if retry_at is not None:
        checked_date("retry_at", retry_at)
    waits = 0 if got_on else waits_in_a_row(storage.history(claim.task_id))
    grows = code not in BLOCKING_CODES  # for these, the breaker's pauses grow
    wait_s = next_wait_s(waits, retry_after_s or FIRST_WAIT_S, grows=grows)
    if wait_s is None:
        message = f"not yet, {waits + 1} times in a row: {message}"
        return storage.fail(claim, NEVER_CAME, message, counted=False)
    due = clock.now() + wait_s if retry_at is None else retry_at
    return storage.fail(
        claim, code, message, retry_at=due, counted=got_on, deferred=not got_on,
        dated=retry_at is not None,
    )  # fmt: skip
