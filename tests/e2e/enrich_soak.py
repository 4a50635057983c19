"""A large channel enriched while its workers are killed: every video ends stored once, or failed
with its reason.

usage: python -m tests.e2e.enrich_soak [VIDEOS] [SECONDS_BETWEEN_KILLS]

Of the videos 2 % are private and 1 % meet one "429 Too Many Requests". Processes of workers are
killed with SIGKILL, the one that lists among them.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support import kill
from tubeq import QueueManager, Runner, RunnerConfig, WorkerConfig
from tubeq.domain.states import FINISHED
from tubeq.testing.youtube import RequestKind, SimulatedYouTube, World, faults, problems
from tubeq.testing.youtube.problems import Problem

PRIVATE_EVERY, THROTTLED_EVERY = 50, 100
LATENCY_S = 0.02


def worker(task_type: str, **config: Any) -> WorkerConfig:
    return WorkerConfig(task_type=task_type, backoff_s=0.2, poll_interval=0.5, **config)


class Soak:
    """One run of it.

    Args:
        folder: for the database.
        videos: how many the channel has.
        kill_every_s: seconds between two kills.
        most_kills: after that many there are no more.
    """

    def __init__(
        self, folder: Path, videos: int, kill_every_s: float = 3.0, most_kills: int = 10**9
    ) -> None:
        self.db_path = folder / "queue.db"
        self.videos = videos
        self.kills = 0
        self.took_s = 0.0
        self._kill_every_s = kill_every_s
        self._most_kills = most_kills
        self._over = threading.Event()
        self._chance = random.Random(1)
        self.world = World()
        self.channel = self.world.big_channel("@large", videos, problem=_problem)
        self._throttle()

    def _throttle(self) -> None:
        for place in range(7, self.videos, THROTTLED_EVERY):
            video_id = self.channel.videos[place].video_id
            fault = faults.http_error(429, retry_after_s=1)
            self.world.fail(fault, subject=video_id, request=RequestKind.WATCH, times=1)

    def run(self, processes: int = 2, threads: int = 4) -> str:
        """List and enrich; the listing's task id."""
        with SimulatedYouTube(self.world, latency_s=LATENCY_S) as server:
            os.environ.update(server.environment)
            with QueueManager(self.db_path) as queue:
                task_id = queue.create_task(
                    "youtube_channel",
                    {"channel_url": "@large", "max_results": 200_000, "enrich": True},
                )
                enriching = RunnerConfig(
                    worker=worker("youtube_video", crash_limit=1000),
                    processes=processes,
                    threads=threads,
                )
                config = RunnerConfig(
                    worker=worker("youtube_channel", crash_limit=1000), also=(enriching,)
                )
                runner = Runner(self.db_path, config)
                watcher = threading.Thread(target=self._watch, args=(queue, task_id, runner))
                watcher.start()
                began = time.monotonic()
                try:
                    runner.run()
                finally:
                    self._over.set()
                    watcher.join()
                self.took_s = time.monotonic() - began
            self.requests = Counter({str(kind): server.requests(kind) for kind in RequestKind})
            assert not server.unexpected_hosts
        return task_id

    def _watch(self, queue: QueueManager, task_id: str, runner: Runner) -> None:
        next_kill = time.monotonic() + self._kill_every_s
        try:
            while not self._over.wait(0.2):
                is_listed = queue.get_task(task_id).status in FINISHED
                progress = queue.progress(task_id)
                if is_listed and not progress.open:
                    break
                if time.monotonic() >= next_kill and self.kills < self._most_kills:
                    next_kill = time.monotonic() + self._kill_every_s
                    self._kill_one(queue, "youtube_channel" if self.kills % 2 else None)
        finally:
            runner.stop()

    def _kill_one(self, queue: QueueManager, task_type: str | None) -> None:
        """Kill a process that is at a task: one of this type, if it can be."""
        running = queue.list_tasks("RUNNING")
        chosen = [task for task in running if task["task_type"] == task_type] or running
        pids = {each.worker_id: each.pid for each in queue.workers()}
        for task in self._chance.sample(chosen, len(chosen)):
            pid = pids.get(task["worker_id"])
            if pid is not None:
                with suppress(OSError):  # it has ended; the error is another one on Windows
                    kill(pid)
                    self.kills += 1
                return

    def check(self, task_id: str) -> None:
        """
        Raises:
            AssertionError: a video is missing, stored twice, or failed for another reason.
        """
        with QueueManager(self.db_path) as queue:
            wanted = [video.video_id for video in self.channel.videos[: self.videos]]
            private = {wanted[place] for place in range(self.videos) if _is_private(place)}
            assert queue.get_task(task_id)["status"] == "COMPLETED"
            assert queue.get_task(task_id).result["ideas_count"] == self.videos
            flat = Counter(idea["source_id"] for idea in queue.get_task_results(task_id))
            assert flat == Counter(wanted), "a video was missed in the listing, or stored twice"
            children = queue.children(task_id, limit=self.videos + 1)
            assert Counter(child.parameters["video"] for child in children) == Counter(wanted)
            failed = {
                child.parameters["video"]: child["error_code"]
                for child in children
                if child["status"] != "COMPLETED"
            }
            assert failed == dict.fromkeys(private, "private")
            enriched = queue.get_task_results(task_id, of_children=True)
            found = Counter(idea["source_id"] for idea in enriched)
            assert found == Counter(set(wanted) - private), "a video was enriched twice, or not"
            assert all("likes" in idea.extra for idea in enriched)
            assert queue.maintenance.check() == []


def _problem(place: int) -> Problem | None:
    return problems.PRIVATE if _is_private(place) else None


def _is_private(place: int) -> bool:
    return place % PRIVATE_EVERY == 20


def main(videos: str = "5000", kill_every_s: str = "3") -> None:
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), int(videos), float(kill_every_s))
        task_id = soak.run()
        soak.check(task_id)
        print(
            f"{soak.videos:,} videos in {soak.took_s:.0f} s, {soak.kills} processes killed: "
            f"each stored once, or failed with its reason; requests: {dict(+soak.requests)}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
