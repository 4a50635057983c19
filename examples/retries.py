"""What is retried, what is not, and what is not yet."""

from __future__ import annotations

from typing import Any

from tubeq import BaseWorker, PermanentError, QueueManager, TransientError, WorkerConfig


class Plugin:
    """Fails in the way that its task asks for."""

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        if parameters["page"] == "gone":
            raise PermanentError("the page was deleted")
        if parameters["page"] == "soon":
            raise TransientError("it premieres in an hour", counted=False, retry_after_s=3600)
        raise TransientError("the server is busy")


def main() -> None:
    with QueueManager(":memory:") as queue:
        for page in ("busy", "soon", "gone"):
            queue.create_task("page", {"page": page})
        worker = BaseWorker(WorkerConfig(task_type="page", max_retries=3), queue, Plugin())
        while (task := worker.claim_task()) is not None:
            worker.process_task(task)
        for task in queue.list_tasks():
            print(task.parameters["page"], task.status, f"after {task.retry_count} failures")


if __name__ == "__main__":
    main()
