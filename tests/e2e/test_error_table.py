"""Every cause that is known to fail a scrape, through a worker: the code that is stored with the
task, whether it is tried again, and when.

It runs on yt-dlp as it is installed here; test_both_installs.py runs it on the two others.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.e2e.conftest import Work, process_one
from tests.e2e.proxies import Answering
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.plugins.youtube.access import Access
from tubeq.plugins.youtube.client import YouTube
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import RequestKind, SimulatedYouTube, World, faults, problems

HOUR_S = 3600.0
FINAL = None
NO_FAILURES = {"bot_check", "rate_limited", "upcoming", "not_live", "processing"}
ASKED_FOR = {9.0, 17.0}  # by the server
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "channel": ("youtube_channel", {"channel_url": "@lighthouse", "tab": "shorts"}),
    "playlist": ("youtube_playlist", {"playlist": "PL0123456789", "max_results": 120}),
    "search": ("youtube_search", {"query": "tea", "max_results": 30}),
    "trending": (
        "youtube_trending",
        {"substitute": True, "query": "trending tea", "max_results": 30},
    ),
    "video": ("youtube_video", {"video": "a-b_c0DEF12"}),
}


Fails = Callable[..., Task]


@pytest.fixture
def fails(work: Work, world: World, clock: FakeClock) -> Fails:
    """Has a worker attempt a task of TASKS, or to list the channel of that handle. What is stored
    is this code, and a next attempt after this wait, or none: the task."""
    world.channel("@lighthouse", 60, shorts=40)
    world.playlist("PL0123456789", 150)
    world.query("tea", 60)
    world.query("trending tea", 60)
    world.video("a-b_c0DEF12")

    def attempt(name: str, code: str, wait_s: float | None, **settings: Any) -> Task:
        haste = {"socket_timeout_s": 0.1} if code == "timeout" else {}
        listing = "youtube_channel", {"channel_url": name}
        task = work(*TASKS.get(name, listing), **{**haste, **settings})
        check(task, code, wait_s, clock)
        return task

    return attempt


def check(task: Task, code: str, wait_s: float | None, clock: FakeClock) -> None:
    """What is stored is this code, and a next attempt after this wait, or none."""
    if wait_s is FINAL:
        expected = (TaskStatus.FAILED, code, 0, None)
    else:
        counted = 0 if code in NO_FAILURES or wait_s in ASKED_FOR else 1
        expected = (TaskStatus.QUEUED, code, counted, clock.now() + wait_s)
    due = None if task.status is TaskStatus.FAILED else task.run_after
    assert (task.status, task.error_code, task.retry_count, due) == expected, task.error_message
    assert task.error_message
    assert task.error_message.isprintable()


VIDEOS = [
    (problems.REMOVED, "video_unavailable", FINAL),
    (problems.UNKNOWN, "video_unavailable", FINAL),
    (problems.COPYRIGHT, "video_unavailable", FINAL),
    (problems.PRIVATE, "private", FINAL),
    (problems.AGE_RESTRICTED, "age_restricted", FINAL),
    (problems.GEO_BLOCKED, "geo_blocked", FINAL),
    (problems.MEMBERS_ONLY, "members_only", FINAL),
    (problems.PAYMENT, "members_only", FINAL),
    (problems.BOT_CHECK, "bot_check", HOUR_S),
    (problems.RATE_LIMITED, "rate_limited", HOUR_S),
    (problems.UPCOMING, "upcoming", 3 * HOUR_S),
    (problems.PREMIERE, "upcoming", 5 * HOUR_S),
    (problems.PROCESSING, "processing", HOUR_S),
    (problems.ENDED, "processing", HOUR_S),
    (problems.NO_RECORDING, "video_unavailable", FINAL),
    (problems.SPEECHLESS, "bad_response", 0.0),
]


@pytest.mark.parametrize(
    ("problem", "code", "wait_s"), VIDEOS, ids=[each[0].reason or "speechless" for each in VIDEOS]
)
def test_videos_that_cannot_be_seen(
    fails: Fails, world: World, problem: problems.Problem, code: str, wait_s: float | None
) -> None:
    world.video("a-b_c0DEF12", problem=problem)
    fails("video", code, wait_s)


TERMINATED = "This account has been terminated for violating the guidelines."
FAULTS: dict[str, tuple[faults.Fault, str, float | None]] = {
    "429": (faults.http_error(429), "http_429", 300.0),
    "403": (faults.http_error(403), "http_403", 60.0),
    "404": (faults.http_error(404), "not_found", FINAL),
    "500": (faults.http_error(500), "server_error", 0.0),
    "503": (faults.http_error(503), "server_error", 0.0),
    "reset": (faults.reset(), "connection", 0.0),
    "hang": (faults.hang(), "timeout", 0.0),
    "truncated": (faults.truncated(), "incomplete", 0.0),
    "half JSON": (faults.half_json(), "bad_response", 0.0),
    "HTML": (faults.html_page(), "bad_response", 0.0),
}
ON_LISTINGS: dict[str, tuple[faults.Fault, str, float | None]] = {
    **FAULTS,
    "429 with a wait": (faults.http_error(429, retry_after_s=17), "http_429", 17.0),
    "503 with a wait": (faults.http_error(503, retry_after_s=9), "server_error", 9.0),
    "empty": (faults.empty_json(), "incomplete", 0.0),
    "bot check": (faults.bot_check(), "bot_check", HOUR_S),
    "terminated": (faults.alert(TERMINATED), "channel_unavailable", FINAL),
    "strange": (faults.alert("The moon is full."), "unexpected", 0.0),
}


@pytest.mark.parametrize("page", ["every page", "page 2"])
@pytest.mark.parametrize("cause", ON_LISTINGS)
@pytest.mark.parametrize("name", ["@lighthouse", "playlist", "search"])
def test_listings(fails: Fails, world: World, name: str, cause: str, page: str) -> None:
    fault, code, wait_s = ON_LISTINGS[cause]
    world.fail(fault, request="continuation" if page == "page 2" else None)
    fails(name, code, wait_s)


@pytest.mark.parametrize("cause", ["429", "404", "hang"])
@pytest.mark.parametrize("name", ["channel", "trending"])
def test_what_is_listed_in_the_same_way(fails: Fails, world: World, name: str, cause: str) -> None:
    fault, code, wait_s = FAULTS[cause]
    world.fail(fault)
    fails(name, code, wait_s)


@pytest.mark.parametrize("where", ["every request", "the player alone"])
@pytest.mark.parametrize("cause", [*FAULTS, "empty"])
def test_the_pages_of_a_video(fails: Fails, world: World, cause: str, where: str) -> None:
    """yt-dlp tells the cause in its warnings only."""
    fault, code, wait_s = ON_LISTINGS[cause]
    if where == "every request":
        world.fail(fault)
    else:
        world.fail(faults.no_player_response(), request="watch")
        world.fail(fault, request="player")
    fails("video", code, wait_s)


@pytest.mark.parametrize("name", ["@lighthouse", "playlist", "search"])
def test_an_unknown_layout_is_suspect(fails: Fails, world: World, name: str) -> None:
    world.fail(faults.unknown_layout())
    fails(name, "suspect_empty", 0.0)


@pytest.mark.parametrize("name", ["playlist", "search", "video"])
def test_an_authority_that_is_not_trusted(
    fails: Fails, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    fails(name, "certificate", FINAL, ca_file=None)


# Python 3.10's http.client leaves it to the garbage collector to close a refused tunnel.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("status", [b"407 Proxy Authentication Required", b"502 Bad Gateway"])
@pytest.mark.parametrize("name", ["@lighthouse", "playlist", "search", "video"])
def test_a_proxy_that_refuses(fails: Fails, name: str, status: bytes) -> None:
    with Answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as it:
        task = fails(name, "proxy", 0.0, proxy=f"http://me:hunter%202@127.0.0.1:{it.port}")
    assert "hunter" not in str(task.error_message)
    gc.collect()


@pytest.mark.parametrize("name", ["playlist", "search", "video"])
def test_a_slow_drip_ends_at_the_deadline(fails: Fails, world: World, name: str) -> None:
    world.fail(faults.slow_drip())
    fails(name, "timeout", 0.0, deadline_s=0.2, socket_timeout_s=0.5)


@pytest.mark.parametrize("name", TASKS)
def test_fail_once_then_succeed(
    fails: Fails, work: Work, world: World, clock: FakeClock, name: str
) -> None:
    world.fail(faults.http_error(429))
    task = fails(name, "http_429", 300.0)
    assert work.queue.claim_next_task(task.task_type, "too soon") is None
    world.faults.clear()
    clock.advance(300.0)
    task = work.again()
    assert (task.status, task.retry_count) == (TaskStatus.COMPLETED, 1)
    stored = work.queue.get_task_results(task.task_id)
    assert len({idea.source_id for idea in stored}) == len(stored) > 0


def test_the_third_failure_is_final(
    fails: Fails, work: Work, world: World, clock: FakeClock
) -> None:
    world.fail(faults.http_error(503))
    fails("video", "server_error", 0.0)
    clock.advance(1.0)
    assert work.again().status is TaskStatus.QUEUED
    clock.advance(1.0)
    assert work.again().status is TaskStatus.FAILED


ELSEWHERE = "https://evil.example/?list=PL0123456789"
SINCE = {"channel_url": "@a", "tab": "shorts", "since": "2027-01-31"}


@pytest.mark.parametrize(
    ("task_type", "parameters", "code", "named"),
    [
        ("youtube_playlist", {"playlist": ELSEWHERE}, "invalid_parameters", "youtube"),
        ("youtube_search", {"query": "tea", "max_result": 5}, "invalid_parameters", "max_results"),
        ("youtube_video", {}, "invalid_parameters", "video"),
        ("youtube_trending", {"substitute": "yes"}, "invalid_parameters", "substitute"),
        ("youtube_channel", SINCE, "invalid_parameters", "since"),
        ("youtube_trending", {}, "trending_removed", "substitute=true"),
    ],
)
def test_what_nobody_checked_or_nobody_can_have_fails_for_good(
    work: Work, task_type: str, parameters: dict[str, Any], code: str, named: str
) -> None:
    task = work(task_type, parameters)
    assert (task.status, task.error_code) == (TaskStatus.FAILED, code)
    assert named in str(task.error_message)


CHANNELS: list[tuple[str, dict[str, Any], str, float | None]] = [
    ("@nobody", {}, "not_found", FINAL),
    ("@gone", {"alert": "This channel does not exist."}, "channel_unavailable", FINAL),
    ("@banned", {"alert": TERMINATED}, "channel_unavailable", FINAL),
    ("@bare", {"videos": 0, "shorts": 3}, "tab_missing", FINAL),
    ("@barer", {"videos": 0}, "tab_missing", FINAL),
    ("@ring", {"moved_to": "@ring"}, "bad_response", 0.0),
]


@pytest.mark.parametrize(("handle", "channel", "code", "wait_s"), CHANNELS)
def test_channels_that_cannot_be_listed(
    fails: Fails,
    world: World,
    handle: str,
    channel: dict[str, Any],
    code: str,
    wait_s: float | None,
) -> None:
    if channel:
        world.channel(handle, **channel)
    fails(handle, code, wait_s)


def test_a_video_without_a_title_is_no_success(fails: Fails, world: World) -> None:
    """Where yt-dlp makes one up, "youtube video #" and the id."""
    world.fail(faults.no_title())
    fails("video", "bad_response", 0.0)


@pytest.mark.parametrize("fault", [faults.http_error(429), faults.reset()], ids=["429", "reset"])
def test_an_age_gate_asks_for_no_other_page(
    fails: Fails, world: World, fault: faults.Fault
) -> None:
    """The player that is embedded elsewhere would be next: when that fails, yt-dlp breaks."""
    world.video("a-b_c0DEF12", problem=problems.AGE_RESTRICTED)
    for request in RequestKind:
        if request is not RequestKind.WATCH:
            world.fail(fault, request=request)
    fails("video", "age_restricted", FINAL)


class Straight:
    """A plugin that asks yt-dlp for what no task can: how it fails is to be known all the same."""

    def __init__(self, access: Access) -> None:
        self.youtube = YouTube(access)

    def scrape(self, url: str) -> Any:
        if url.startswith("KeyError"):

            def broken(_client: Any) -> Any:
                raise KeyError(url.partition(" ")[2])  # as yt-dlp does out of its extractors

            return self.youtube._ask(broken)
        return self.youtube.listing(url, 5)


@pytest.mark.parametrize(
    ("url", "code", "wait_s"),
    [
        ("https://www.youtube.com/@lighthouse/live", "not_live", HOUR_S),
        ("https://vimeo.com/1", "unsupported_url", FINAL),
        ("http://169.254.169.254/latest/", "unsupported_url", FINAL),
        ("file:///etc/passwd", "unsupported_url", FINAL),
        ("KeyError INNERTUBE_CONTEXT", "unexpected", 0.0),
    ],
)
def test_what_no_task_can_ask_for(
    queue: QueueManager,
    youtube: SimulatedYouTube,
    world: World,
    clock: FakeClock,
    url: str,
    code: str,
    wait_s: float | None,
) -> None:
    world.channel("@lighthouse", 60)
    queue.create_task("straight", {"url": url})
    plugin = Straight(Access(proxy=youtube.proxy_url, ca_file=youtube.ca_file))
    task = process_one(queue, "straight", plugin)
    plugin.youtube.close()
    check(task, code, wait_s, clock)
