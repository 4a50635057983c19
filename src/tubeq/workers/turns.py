"""Several types under one worker: they take turns, so that none starves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tubeq.domain.models import Task
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.workers.config import WorkerConfig


class Turns:
    """Claims of one worker, round robin: after a task of one type the others come first.

    Args:
        config: which types, and how they are claimed.
        worker_id: who claims.
        pause_s: for how long no task of a type should be claimed; usually 0.
        start: whether a claimed task begins to run at once.
    """

    def __init__(
        self, config: WorkerConfig, worker_id: str, pause_s: Callable[[str], float], *, start: bool
    ) -> None:
        self._requests = deque(
            ClaimRequest(each, worker_id, config.strategy, config.lease_s, start=start)
            for each in config.task_types
        )
        self._pause_s = pause_s

    @property
    def only_request(self) -> ClaimRequest | None:
        """What is asked for; None with several types."""
        return self._requests[0] if len(self._requests) == 1 else None

    def claim(self, queue: QueueManager) -> Task | None:
        """The next task, or None where no type has a task that may begin."""
        for _ in range(len(self._requests)):
            request = self._requests[0]
            self._requests.rotate(-1)
            if self._pause_s(request.task_type) <= 0:
                claimed = queue.claim(request)
                if claimed:
                    return claimed[0]
        return None
