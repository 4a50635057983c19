"""When the leases and delays of the reference model's tasks end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tubeq.domain.clock import Clock, LeaseClock
from tubeq.domain.leases import Lease, restarted
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus


class Deadlines:
    """Leases and delays, by row id. The lease of a task that no worker holds is stale."""

    def __init__(self, clock: Clock) -> None:
        self._clock = LeaseClock(clock)
        self._leases: dict[int, Lease] = {}
        self._delayed_at: dict[int, float] = {}  # when the queue itself set a run_after

    def hold(self, task: Task, lease_s: float) -> dict[str, Any]:
        """A lease that begins now, as the task shows it."""
        lease = self._leases[task.row_id] = Lease.of(self._clock.moment(), lease_s)
        return _shown(lease)

    def has_ended(self, task: Task) -> bool:
        """Whether the lease of a held task has ended."""
        return self._leases[task.row_id].has_ended(self._clock.moment())

    def delay(self, task: Task, *, dated: bool = False) -> None:
        """Note that the `run_after` it gets now is a delay or, where it is `dated`, a given
        date."""
        if dated:
            self._delayed_at.pop(task.row_id, None)
        else:
            self._delayed_at[task.row_id] = self._clock.now()

    def forget(self, task: Task) -> None:
        """It has no lease and no delay any more."""
        self._delayed_at.pop(task.row_id, None)
        self._leases.pop(task.row_id, None)

    def restart(self, tasks: Mapping[int, Task]) -> dict[int, Task]:
        """The tasks whose delay, or lease, was set later than now, by a clock that was wrong:
        with those that begin now."""
        moment = self._clock.moment()
        changed = {}
        for row_id, set_at in self._delayed_at.items():
            task = tasks[row_id]
            if set_at > moment.now and task.run_after is not None:
                self._delayed_at[row_id] = moment.now
                due = min(task.run_after, moment.now)
                if task.status is TaskStatus.QUEUED:
                    due = restarted(task.run_after, set_at, moment.now)
                changed[row_id] = task._replace(run_after=due)
        for row_id, lease in self._leases.items():
            task = changed.get(row_id, tasks[row_id])
            if task.lease_expires_at is not None and lease != lease.restarted(moment):
                self._leases[row_id] = lease.restarted(moment)
                changed[row_id] = task._replace(**_shown(self._leases[row_id]))
        return changed


def _shown(lease: Lease) -> dict[str, Any]:
    return {"last_heartbeat": lease.set_at, "lease_expires_at": lease.expires_at}
