"""The public surface as users write it. Nothing here runs: mypy --strict checks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tubeq import (
    BaseWorker,
    ChildTask,
    ClaimLost,
    ClaimRequest,
    ClaimStrategy,
    Completion,
    Durability,
    Idea,
    NewTask,
    Progress,
    QueueManager,
    RetryPolicy,
    Runner,
    RunnerConfig,
    Saved,
    Task,
    TaskResult,
    TaskStatus,
    TransientError,
    TubeqError,
    WorkerConfig,
)
from tubeq.plugins.base import Plugin
from tubeq.plugins.saving import cursor, save


class Generates:
    """A plugin may be a generator, and return dicts or ideas."""

    def scrape(self, **parameters: Any) -> Iterator[Idea]:
        state: dict[str, Any] | None = cursor()
        saved: Saved = save([{"source_id": "a"}], [ChildTask("a", "video", {"video": "a"})], state)
        yield Idea(source_id=str(saved.new_ideas), title="a")


class Lists:
    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        raise TransientError("busy", retry_after_s=1.5)


plugins: Iterable[Plugin] = [Generates(), Lists()]

queue = QueueManager(Path("queue.db"), durability="full", busy_timeout_s=1)
QueueManager("queue.db", durability=Durability.FAST)
with queue as opened:
    opened.close()

task_id: str = queue.create_task("video", {"video": "a"}, 3, run_after=1.5, idempotency_key="a")
ids: list[str] = queue.create_tasks([NewTask("video", {"video": "a"}, priority=1)])
ids = queue.create_tasks(NewTask("video") for _ in range(3))

task: Task | None = queue.claim_next_task("video", "worker")
task = queue.claim_next_task("video", "worker", ClaimStrategy.FIFO, lease_s=30)
task = queue.claim_next_task("video", "worker", "priority")
if task is not None:
    parameters: Mapping[str, Any] = task.parameters
    status: TaskStatus = task.status
    due: datetime | None = task.time("run_after")
    by_name: Any = task["status"]
    started: Task = queue.start_task(task)
    cancelled: bool = queue.heartbeat(task, lease_s=30)
    following: Task | None = queue.complete_task(
        task, [{"source_id": "a"}, Idea(source_id="b")], then=ClaimRequest("video", "worker")
    )
    lost: list[Task] = queue.complete_tasks([Completion(task, [Idea(source_id="a")])])
    failed: Task = queue.fail_task(task, "busy", code="http_429", policy=RetryPolicy(max_retries=5))
    try:
        queue.release_task(task, after_s=3)
    except ClaimLost as error:
        known: TubeqError = error

progress: Progress = queue.progress(task_id)
children: list[Task] = queue.children(task_id, "QUEUED")
worker = BaseWorker(WorkerConfig(task_type="video", worker_id="w"), queue, Lists())
claimed = worker.claim_task()
if claimed is not None:
    result: TaskResult = worker.process_task(claimed)
BaseWorker(WorkerConfig(task_type=["video", "channel"]), "queue.db", {"video": Lists()})
summary = Runner(
    "queue.db", RunnerConfig(worker=WorkerConfig(task_type="video"), processes=2)
).run()
count: int = summary.succeeded

# What must be refused: an unused ignore is an error of its own.
QueueManager()  # type: ignore[call-arg]
queue.create_task(3)  # type: ignore[arg-type]
queue.claim_next_task("video")  # type: ignore[call-arg]
WorkerConfig("video")  # type: ignore[call-arg]
