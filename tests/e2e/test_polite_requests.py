"""Every request of the real yt-dlp takes a slot for its host, and gives it back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import MakePlugin, Scrape, process_one, worker_of
from tubeq.domain.errors import PluginError, TaskCancelled
from tubeq.plugins.base import running
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import RequestKind, SimulatedYouTube, World, faults

HOST = "host:www.youtube.com"


class Limits:
    """Grants at once, and notes it."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.held = 0
        self.most_held = 0

    @contextmanager
    def slot(self, keys: Sequence[str], check: Callable[[], None]) -> Iterator[None]:
        check()
        self.taken += keys
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        try:
            yield
        finally:
            self.held -= 1


@pytest.mark.parametrize(
    ("task_type", "parameters"),
    [
        ("youtube_channel", {"channel_url": "@polite", "max_results": 90}),
        ("youtube_search", {"query": "polite", "max_results": 30}),
        ("youtube_playlist", {"playlist": "PLpolite0000000", "max_results": 150}),
        ("youtube_video", {"video": "politevideo"}),
    ],
)
def test_each_request_takes_one_slot_and_gives_it_back(
    scrape: Scrape, world: World, task_type: str, parameters: dict[str, Any]
) -> None:
    world.channel("@polite", videos=90)
    world.playlist("PLpolite0000000", videos=150)
    world.query("polite", videos=30)
    world.video("politevideo")
    limits = Limits()
    with running(limiter=limits):
        assert scrape(task_type, **parameters)
    assert limits.taken == [HOST] * sum(scrape.requests.values())
    assert (limits.held, limits.most_held) == (0, 1)


@pytest.mark.parametrize(
    "fault",
    [
        faults.http_error(429),
        faults.http_error(503),
        faults.reset(),
        faults.truncated(),
        faults.bot_check(),
        faults.half_json(),
    ],
)
def test_requests_that_fail_give_it_back_too(
    scrape: Scrape, world: World, fault: faults.Fault
) -> None:
    world.channel("@failing", videos=60)
    world.fail(fault, channel="@failing")
    limits = Limits()
    with running(limiter=limits):
        scrape.failure("youtube_channel", channel_url="@failing")
    assert len(limits.taken) == sum(scrape.requests.values())
    assert (limits.held, limits.most_held) == (0, 1)


def test_the_slot_is_held_until_the_answer_came(make_plugin: MakePlugin, world: World) -> None:
    world.channel("@hanging", videos=5)
    world.fail(faults.hang(), channel="@hanging")
    plugin = make_plugin("youtube_channel", socket_timeout_s=0.5)
    limits = Limits()
    seen: list[int] = []

    def look() -> None:
        while not limits.taken:
            time.sleep(0.01)
        time.sleep(0.2)
        seen.append(limits.held)

    looking = threading.Thread(target=look)
    looking.start()
    with running(limiter=limits), pytest.raises(PluginError):
        plugin.scrape(channel_url="@hanging")
    looking.join()
    assert seen == [1]
    assert limits.held == 0


def test_the_slot_is_given_back_before_the_answer_is_worked_on(
    scrape: Scrape, world: World
) -> None:
    world.channel("@quick", videos=60)
    limits = Limits()
    held: list[int] = []

    def stop() -> None:  # is asked between any two of the videos
        held.append(limits.held)

    with running(stop, limiter=limits):
        assert len(scrape("youtube_channel", channel_url="@quick", max_results=60)) == 60
    assert held.count(0) >= 60
    assert set(held) == {0, 1}


class Full(Limits):
    """Grants nothing."""

    @contextmanager
    def slot(self, keys: Sequence[str], check: Callable[[], None]) -> Iterator[None]:
        while True:
            check()
            time.sleep(0.01)
        yield


class Slow(Limits):
    """Grants the first slot after so many seconds, the others at once."""

    def __init__(self, first_s: float) -> None:
        super().__init__()
        self._first_s = first_s

    @contextmanager
    def slot(self, keys: Sequence[str], check: Callable[[], None]) -> Iterator[None]:
        wait_s, self._first_s = self._first_s, 0.0
        time.sleep(wait_s)
        check()
        yield


def test_a_wait_for_a_slot_is_no_time_that_youtube_takes(
    make_plugin: MakePlugin, world: World
) -> None:
    world.channel("@late", videos=5)
    plugin = make_plugin("youtube_channel", deadline_s=1.0)
    with running(limiter=Slow(1.5)):
        assert len(plugin.scrape(channel_url="@late")) == 5


def test_who_waits_for_a_slot_stops_when_told(make_plugin: MakePlugin, world: World) -> None:
    world.channel("@told", videos=5)
    plugin = make_plugin("youtube_channel")
    ends = time.monotonic() + 0.2

    def stop() -> str | None:
        return "stopped" if time.monotonic() > ends else None

    with running(stop, limiter=Full()), pytest.raises(TaskCancelled):
        plugin.scrape(channel_url="@told")


def test_a_channel_is_one_however_it_is_written(make_plugin: MakePlugin) -> None:
    plugin = make_plugin("youtube_channel")

    def key(name: str) -> list[str]:
        keys: list[str] = plugin.limit_keys({"channel_url": name})
        return keys

    handles = ("@Handle", "https://www.youtube.com/@handle/videos", "m.youtube.com/@HANDLE")
    assert {str(key(each)) for each in handles} == {"['channel:@handle']"}
    assert key("UC" + "x" * 22) == ["channel:UC" + "x" * 22]
    assert key("youtube.com/c/OldName") == ["channel:c/OldName"]
    assert key("@\u00e9t\u00e9") == ["channel:@\u00e9t\u00e9"]


def test_a_worker_spaces_its_requests(
    make_plugin: MakePlugin, world: World, youtube: SimulatedYouTube
) -> None:
    """From end to end: a rule in the database, a worker, yt-dlp, a server."""
    world.channel("@spaced", videos=120)
    with QueueManager(":memory:") as queue:
        queue.limits.set("host:*", per_s=4.0)
        queue.create_task("youtube_channel", {"channel_url": "@spaced", "max_results": 120})
        requests, began = youtube.requests(), time.monotonic()
        task = process_one(queue, "youtube_channel", make_plugin("youtube_channel"))
        took_s = time.monotonic() - began
        requests = youtube.requests() - requests
    assert (task.status, requests) == ("COMPLETED", 4)
    assert took_s >= (requests - 1) / 4.0


def test_a_bot_check_from_the_site_pauses_the_type(make_plugin: MakePlugin, world: World) -> None:
    world.channel("@suspect", videos=5)
    world.fail(faults.bot_check(), request=RequestKind.PAGE)
    plugin = make_plugin("youtube_channel")
    with QueueManager(":memory:") as queue:
        for name in ("@suspect", "@other"):
            queue.create_task("youtube_channel", {"channel_url": name})
        assert process_one(queue, "youtube_channel", plugin).error_code == "bot_check"
        with worker_of(queue, "youtube_channel", plugin) as worker:
            assert worker.claim_task() is None
        assert [pause.key for pause in queue.limits.pauses()] == ["type:youtube_channel"]
