"""Later, first, and not twice."""

from __future__ import annotations

import time

from tubeq import ClaimStrategy, QueueManager


def main() -> None:
    with QueueManager(":memory:") as queue:
        queue.create_task("report", {"of": "routine"})
        queue.create_task("report", {"of": "urgent"}, priority=10)
        queue.create_task("report", {"of": "tomorrow"}, run_after=time.time() + 86_400)

        # The same key creates no second task, however often it is asked for.
        first = queue.create_task("report", {"of": "month"}, idempotency_key="month-2026-11")
        again = queue.create_task("report", {"of": "month"}, idempotency_key="month-2026-11")
        print("the same task:", first == again)

        while task := queue.claim_next_task("report", "worker-1", ClaimStrategy.PRIORITY):
            print(task.parameters["of"])
            queue.complete_task(task)
        for task in queue.list_tasks(status="QUEUED"):
            print("waits:", task.parameters["of"])


if __name__ == "__main__":
    main()
