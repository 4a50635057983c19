"""One channel of fifty thousand videos, listed by a worker: memory, rate, and the first idea.

Each idea is stored at balanced durability, with a task that will enrich it. The simulated YouTube
is a process of its own, so that its memory is no part of the worker's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.speed.listing_worker import FIRST_VIDEOS
from benchmarks.speed.rows import Row
from benchmarks.speed.timing import steps
from benchmarks.workloads.base import run_python
from benchmarks.workloads.processes import Crew

VIDEOS, QUICK_VIDEOS = 50_000, 600
_HANDLE = "@archive"


def measure(quick: bool, folder: Path) -> Iterator[Row]:
    """Two rows, as `listing`."""
    yield from listing(folder, QUICK_VIDEOS if quick else VIDEOS)


def listing(folder: Path, videos: int) -> Iterator[Row]:
    """A row for the whole listing, and one for its first idea."""
    with simulated({_HANDLE: videos, f"{_HANDLE}-first": FIRST_VIDEOS}) as (proxy, ca_file):
        arguments = (str(folder / "listing.db"), _HANDLE, str(videos), proxy, ca_file)
        for _ in steps(range(1), f"listing {videos:,} videos"):
            said = run_python("-m", "benchmarks.speed.listing_worker", *arguments)
    told = json.loads(said)
    if told["stored"] != videos:
        raise RuntimeError(f"{told['stored']} of {videos} videos were stored")
    yield Row(
        "listing",
        f"{videos:,} videos of a channel, a task for each",
        {
            "peak MB": told["peak_mb"],
            "videos/s": videos / told["elapsed_s"],
            "s": told["elapsed_s"],
        },
        {"peak MB": 200},
    )
    yield Row(
        "listing",
        "first idea stored, from the claim",
        {
            "ms, importing yt_dlp": told["cold_first_idea_s"] * 1e3,
            "ms, yt_dlp imported": told["first_idea_s"] * 1e3,
        },
        {"ms, importing yt_dlp": 1000, "ms, yt_dlp imported": 1000},
    )


@contextmanager
def simulated(channels: dict[str, int]) -> Iterator[tuple[str, str]]:
    """The proxy's URL and the CA file of a simulated YouTube in another process.

    Args:
        channels: by handle, how many videos.
    """
    crew = Crew(1, _simulate, channels)
    try:
        proxy, ca_file = crew.answers()[0]
        yield proxy, ca_file
        crew.tell("end")
        if hosts := crew.answers()[0]:
            raise RuntimeError(f"somebody else was called: {', '.join(hosts)}")
    finally:
        crew.dismiss()


def _simulate(pipe: Connection, channels: dict[str, int]) -> None:
    from tubeq.testing.youtube import SimulatedYouTube, World

    world = World()
    for handle, videos in channels.items():
        world.big_channel(handle, videos)
    with SimulatedYouTube(world) as server:
        pipe.send("ready")
        pipe.send((server.proxy_url, server.ca_file))
        pipe.recv()
        pipe.send(sorted(server.unexpected_hosts))
