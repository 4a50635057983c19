"""A process that lists one channel as a worker does, and says as JSON how that went.

Run as: python -m benchmarks.speed.listing_worker DATABASE HANDLE VIDEOS PROXY CA_FILE. A small
channel, HANDLE-first, is listed before it by a task of its own: the first idea of that one waits
for everything that is imported and opened, the first idea of the second for nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.workloads.listing import FirstIdea
from tubeq import BaseWorker, QueueManager, WorkerConfig
from tubeq.plugins.channel_plugin import YouTubeChannelPlugin

TASK_TYPE = "youtube_channel"
FIRST_VIDEOS = 30


class _Listed(NamedTuple):
    first_idea_s: float
    elapsed_s: float


def peak_mb() -> float:
    """The most memory that this process ever had; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return 0.0
    # Not where there is another way: on Linux that begins with what the parent process had.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main(arguments: list[str]) -> None:
    """List, and print."""
    path, handle, videos, proxy, ca_file = arguments
    if "yt_dlp" in sys.modules:
        raise RuntimeError("yt_dlp was imported before the claim: its import would not be counted")
    plugin = YouTubeChannelPlugin(proxy=proxy, ca_file=ca_file)
    config = WorkerConfig(worker_id="listing", task_type=TASK_TYPE)
    with QueueManager(path) as queue, BaseWorker(config, path, plugin, queue=queue) as worker:
        cold = _listed(worker, f"{handle}-first", FIRST_VIDEOS)
        warm = _listed(worker, handle, int(videos))
        stored = queue.stats().results
    plugin.close()
    told = {
        "cold_first_idea_s": cold.first_idea_s,
        "first_idea_s": warm.first_idea_s,
        "elapsed_s": warm.elapsed_s,
        "stored": stored - FIRST_VIDEOS,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(told))


def _listed(worker: BaseWorker, handle: str, videos: int) -> _Listed:
    parameters = {"channel_url": handle, "max_results": videos, "enrich": True}
    task_id = worker.queue.create_task(TASK_TYPE, parameters)
    first = FirstIdea(worker.queue, task_id)
    began = perf_counter()
    task = worker.claim_task()
    result = worker.process_task(task) if task else None
    elapsed_s = perf_counter() - began
    if result is None or not result.success:
        raise RuntimeError(f"{handle} was not listed: {result}")
    return _Listed(first.seen_at() - began, elapsed_s)


if __name__ == "__main__":
    main(sys.argv[1:])
