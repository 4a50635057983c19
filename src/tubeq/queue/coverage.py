"""Which queued tasks no worker is going to do: their types have no live worker."""

from __future__ import annotations

import time
from collections.abc import Collection

from tubeq.domain.processes import process_exists
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.ports.tasks import OpenType, WorkerInfo

_SILENT_S = 60.0
"""A worker's heartbeat comes every second or so, and none while another program holds the
database; after this long without one it counts as dead."""


def is_live(worker: WorkerInfo, now: float) -> bool:
    """Whether a registered worker is alive, as far as can be seen from here."""
    if worker.stop_requested or now - worker.last_seen > _SILENT_S:
        return False
    import socket

    return worker.host != socket.gethostname() or process_exists(worker.pid)


def types_without_worker(
    open_types: Collection[OpenType], workers: Collection[WorkerInfo]
) -> list[str]:
    """The types of queued tasks, due or scheduled, that no live worker takes; sorted."""
    now = time.time()
    worked = {each for info in workers if is_live(info, now) for each in info.task_types}
    queued = (each for each in open_types if each.is_due or each.next_due_at is not None)
    return sorted({each.task_type for each in queued} - worked)


def unworked_types(queue: QueueManager) -> list[str]:
    """The same for a whole queue."""
    return types_without_worker(queue.backlog.open_types(), queue.workers())
