"""What a worker needs at its start: its open queue, and its entry in the register of workers."""

from __future__ import annotations

import os
import socket
import time

from tubeq.domain.clock import to_timestamp
from tubeq.domain.errors import InvalidParameters
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.ports.tasks import WorkerInfo
from tubeq.workers.config import WorkerConfig


def opened_queue(
    db_path: str | os.PathLike[str] | QueueManager, config: WorkerConfig, *, create: bool = True
) -> QueueManager:
    """The queue at that path; a queue that is open already is returned unchanged.

    Raises:
        InvalidParameters: it is in memory.
        StorageError: it cannot be used; or without `create`, it is missing.
    """
    if isinstance(db_path, QueueManager):
        return db_path
    if os.fspath(db_path) == ":memory:":
        raise InvalidParameters(
            'BaseWorker(config, ":memory:", plugin) would work an empty queue of its own: give it '
            "the QueueManager instead"
        )
    return QueueManager(
        db_path,
        durability=config.durability,
        busy_timeout_s=config.busy_timeout_s,
        create=create,
    )


def worker_info(worker_id: str, task_type: str, pid: int) -> WorkerInfo:
    """The register entry of a worker that begins now, on this machine."""
    now = time.time()
    return WorkerInfo(
        worker_id, task_type, socket.gethostname(), pid, to_timestamp(now), now, False
    )
