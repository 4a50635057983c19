"""A supervisor with four worker processes. Kill one of them: its task is done by another."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from tubeq import NewTask, QueueManager, Runner, RunnerConfig, WorkerConfig


class Plugin:
    """Reports in which process it ran."""

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        return [{"source_id": str(parameters["number"]), "title": f"process {os.getpid()}"}]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "queue.db")
        with QueueManager(path) as queue:
            ids = queue.create_tasks(NewTask("report", {"number": each}) for each in range(20))
            config = RunnerConfig(
                worker=WorkerConfig(task_type="report"),
                processes=4,
                until_idle=True,
                plugin="several_processes:Plugin",
            )
            summary = Runner(path, config).run()
            print(summary.succeeded, "completed,", summary.failed, "failed")
            assert all(len(queue.get_task_results(task_id)) == 1 for task_id in ids)


if __name__ == "__main__":  # the processes are spawned: they import this file
    main()
