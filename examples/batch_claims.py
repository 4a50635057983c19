"""Many small tasks: created, claimed and completed with one transaction for each hundred."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tubeq import Completion, NewTask, QueueManager


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, QueueManager(Path(folder, "queue.db")) as queue:
        queue.create_tasks(NewTask("square", {"number": number}) for number in range(1_000))
        batches = 0
        while claims := queue.claim_tasks("square", "worker-1", limit=100):
            lost = queue.complete_tasks(
                Completion(claim, result={"square": claim.parameters["number"] ** 2})
                for claim in claims
            )
            assert not lost  # claims that another worker has by now; nothing is written for them
            batches += 1
        print(batches, "batches")
        print(queue.stats().by_status["COMPLETED"], "completed")


if __name__ == "__main__":
    main()
