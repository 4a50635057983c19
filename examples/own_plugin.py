"""A plugin that pages through an API: it saves each page, and resumes where a failure left it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tubeq import BaseWorker, QueueManager, TransientError, WorkerConfig
from tubeq.plugins.base import check_stop
from tubeq.plugins.saving import cursor, save

PAGES = [["ant", "bee"], ["cat", "dog"], ["elk"]]


class Animals:
    """Lists animals, page by page.

    Args:
        fetch: returns the page with that number.
    """

    def __init__(self, fetch: Callable[[int], list[str]]) -> None:
        self._fetch = fetch

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        reached = (cursor() or {"page": 0})["page"]
        for number in range(reached, len(PAGES)):
            check_stop()  # ends here when the task is cancelled
            ideas = [{"source_id": name, "title": name.title()} for name in self._fetch(number)]
            save(ideas, cursor={"page": number + 1})
        return []  # everything is saved


def main() -> None:
    asked: list[int] = []

    def fetch(number: int) -> list[str]:
        asked.append(number)
        if asked == [0, 1]:
            raise TransientError("the server is busy")
        return PAGES[number]

    with QueueManager(":memory:") as queue:
        task_id = queue.create_task("animals")
        worker = BaseWorker(WorkerConfig(task_type="animals"), queue, Animals(fetch))
        while (task := worker.claim_task()) is not None:
            result = worker.process_task(task)
            print(result.error_message or "done")
        print("pages asked for:", asked)
        print(*sorted(str(result.title) for result in queue.get_task_results(task_id)))


if __name__ == "__main__":
    main()
