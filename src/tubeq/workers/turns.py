"""Several types under one worker: they take turns, so that none starves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from tubeq.domain.models import Task
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.ports.tasks import ClaimRequest
from tubeq.workers.config import WorkerConfig


class Turns:
    """Claims of one worker, round robin: after a task of one type the others come first.

    Args:
        requests: one for each type.
        pause_s: for how long no task of a type should be claimed; usually 0.
    """

    def __init__(self, requests: Sequence[ClaimRequest], pause_s: Callable[[str], float]) -> None:
        self._requests = deque(requests)
        self._pause_s = pause_s

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


def requests_of(config: WorkerConfig, worker_id: str, *, start: bool) -> list[ClaimRequest]:
    """What a worker asks for: a request for each of its types."""
    return [
        ClaimRequest(each, worker_id, config.strategy, config.lease_s, start=start)
        for each in config.task_types
    ]


def only(config: WorkerConfig, task_types: Sequence[str]) -> WorkerConfig:
    """The same for these types only; a single one is a plain name."""
    return replace(config, task_type=task_types[0] if len(task_types) == 1 else tuple(task_types))
