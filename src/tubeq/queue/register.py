"""`queue.register`: what a worker reports of itself, and its supervisor reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.queue import instrument

if TYPE_CHECKING:
    from tubeq.domain.models import Task
    from tubeq.storage import Storage
    from tubeq.storage.ports.tasks import WorkerInfo


@instrument.verbs("register.")
class WorkerRegister:
    """The register of workers; `QueueManager.workers` lists it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def add(self, info: WorkerInfo) -> None:
        """Register a worker, or replace its registration."""
        self._storage.register_worker(info)

    def seen(self, worker_id: str) -> bool:
        """Record a heartbeat of the worker; whether it is asked to stop. False for an unknown
        one."""
        return self._storage.worker_seen(worker_id)

    def remove(self, worker_id: str) -> None:
        """Remove a worker from the register. An unknown one is not an error."""
        self._storage.forget_worker(worker_id)

    def held_by(self, worker_id: str) -> list[Task]:
        """The tasks that this worker holds."""
        return self._storage.held_by(worker_id)
