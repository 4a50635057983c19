"""A task type with declared parameters, and a worker that does its tasks.

In a package, an entry point makes it known to the command line:

    [project.entry-points."tubeq.plugins"]
    count_words = "own_task_type:CountWords"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tubeq import BaseWorker, InvalidParameters, QueueManager, WorkerConfig
from tubeq.plugins.parameter_types import Text, Whole
from tubeq.plugins.parameters import Parameters, parameter


@dataclass(frozen=True)
class CountParameters(Parameters):
    """What a task takes."""

    text: str = parameter(Text(1000), "The text to count words in.")
    at_least: int = parameter(Whole(1, 100), "Ignore shorter words.", default=1)


class CountWords:
    """Counts words: one idea a word."""

    parameters = CountParameters

    def scrape(self, **parameters: Any) -> list[dict[str, Any]]:
        wanted = CountParameters.of(parameters)
        words = [word for word in wanted.text.split() if len(word) >= wanted.at_least]
        return [
            {"source_id": word, "title": word, "score": float(words.count(word))}
            for word in sorted(set(words))
        ]


def main() -> None:
    try:
        CountParameters.of({"text": "x", "at_leest": 3})
    except InvalidParameters as error:
        print(error)

    with QueueManager(":memory:") as queue:
        task_id = queue.create_task("count_words", {"text": "to be or not to be", "at_least": 2})
        worker = BaseWorker(WorkerConfig(task_type="count_words"), queue, CountWords())
        task = worker.claim_task()
        assert task is not None
        worker.process_task(task)
        for result in queue.get_task_results(task_id):
            print(result.title, int(result.score or 0))


if __name__ == "__main__":
    main()
