"""The queue from coroutines: its calls block briefly, so each is made in a thread."""

from __future__ import annotations

import asyncio

from tubeq import NewTask, QueueManager


async def worker(queue: QueueManager, name: str, done: list[str]) -> None:
    while task := await asyncio.to_thread(queue.claim_next_task, "fetch", name):
        await asyncio.sleep(0.01)  # here: the request
        await asyncio.to_thread(queue.complete_task, task)
        done.append(task.parameters["url"])


async def main() -> None:
    done: list[str] = []
    with QueueManager(":memory:") as queue:
        tasks = [NewTask("fetch", {"url": f"https://example.org/{each}"}) for each in range(10)]
        await asyncio.to_thread(queue.create_tasks, tasks)
        await asyncio.gather(*(worker(queue, f"worker-{each}", done) for each in range(3)))
        print(len(done), "fetched, each once:", len(set(done)) == len(done))


if __name__ == "__main__":
    asyncio.run(main())
