"""At most two tasks of a type at once, over all workers; the same works for hosts and channels."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tubeq import BaseWorker, NewTask, QueueManager, WorkerConfig


class Plugin:
    """Counts how many tasks run at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = self.most = 0

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        time.sleep(0.05)
        with self._lock:
            self._running -= 1
        return []


def work(path: Path, plugin: Plugin) -> None:
    with QueueManager(path) as queue:
        worker = BaseWorker(WorkerConfig(task_type="fetch"), queue, plugin)
        while queue.stats().by_status["COMPLETED"] < 8:
            task = worker.claim_task()
            if task is None:
                time.sleep(0.01)
            else:
                worker.process_task(task)  # or released for later, where no slot is free


def main() -> None:
    plugin = Plugin()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "queue.db")
        with QueueManager(path) as queue:
            queue.limits.set("type:fetch", concurrency=2)
            queue.create_tasks(NewTask("fetch") for _ in range(8))
        threads = [threading.Thread(target=work, args=(path, plugin)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("at most", plugin.most, "at once")


if __name__ == "__main__":
    main()
