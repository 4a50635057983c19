"""Create a task, claim it, complete it with a result, and read that."""

from __future__ import annotations

from tubeq import QueueManager


def main() -> None:
    with QueueManager(":memory:") as queue:  # a path for a queue that outlives the program
        task_id = queue.create_task("greet", {"name": "Ada"})

        task = queue.claim_next_task("greet", "worker-1")
        assert task is not None
        name = task.parameters["name"]
        queue.complete_task(task, [{"source_id": name, "title": f"Hello, {name}!"}])

        print(queue.get_task(task_id).status)
        for result in queue.get_task_results(task_id):
            print(result.title)


if __name__ == "__main__":
    main()
