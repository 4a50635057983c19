"""Every cause that is known to fail a scrape, through a worker: the code that is stored with the
task, whether it is tried again, and when.

It runs on yt-dlp as it is installed here; test_both_installs.py runs it on the two others.
"""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.e2e.conftest import MakePlugin, Work
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.plugins.youtube.access import Access
from tubeq.plugins.youtube.client import YouTube
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import RequestKind, SimulatedYouTube, World, faults, problems
from tubeq.workers.base_worker import BaseWorker, WorkerConfig

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


@pytest.fixture
def queue(clock: FakeClock) -> Iterator[QueueManager]:
    with QueueManager(":memory:", clock=clock) as queue:
        yield queue


Attempt = Callable[..., Task]


@pytest.fixture
def attempt(queue: QueueManager, make_plugin: MakePlugin, world: World) -> Iterator[Attempt]:
    """Has a worker do a task of TASKS once: the task as it is then."""
    world.channel("@lighthouse", shorts=40)
    world.playlist("PL0123456789", 150)
    world.query("tea", 60)
    world.query("trending tea", 60)
    world.video("a-b_c0DEF12")
    workers: list[BaseWorker] = []

    def attempt(name: str, **settings: Any) -> Task:
        task_type, parameters = TASKS[name]
        if not workers:
            queue.create_task(task_type, parameters)
            plugin = make_plugin(task_type, **settings)
            config = WorkerConfig(worker_id="worker", task_type=task_type, max_retries=3)
            workers.append(BaseWorker(config, ":memory:", plugin, queue=queue))
        (worker,) = workers
        task = worker.claim_task()
        assert task is not None
        worker.process_task(task)
        return queue.get_task(task.task_id)

    yield attempt
    for worker in workers:
        worker.close()


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
    attempt: Attempt,
    world: World,
    clock: FakeClock,
    problem: problems.Problem,
    code: str,
    wait_s: float | None,
) -> None:
    world.video("a-b_c0DEF12", problem=problem)
    check(attempt("video"), code, wait_s, clock)


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
@pytest.mark.parametrize("name", ["playlist", "search"])
def test_listings(
    attempt: Attempt, world: World, clock: FakeClock, name: str, cause: str, page: str
) -> None:
    fault, code, wait_s = ON_LISTINGS[cause]
    world.fail(fault, request="continuation" if page == "page 2" else None)
    settings = {"socket_timeout_s": 0.1} if code == "timeout" else {}
    check(attempt(name, **settings), code, wait_s, clock)


@pytest.mark.parametrize("cause", ["429", "404", "hang"])
@pytest.mark.parametrize("name", ["channel", "trending"])
def test_what_is_listed_in_the_same_way(
    attempt: Attempt, world: World, clock: FakeClock, name: str, cause: str
) -> None:
    fault, code, wait_s = FAULTS[cause]
    world.fail(fault)
    settings = {"socket_timeout_s": 0.1} if code == "timeout" else {}
    check(attempt(name, **settings), code, wait_s, clock)


@pytest.mark.parametrize("where", ["every request", "the player alone"])
@pytest.mark.parametrize("cause", [*FAULTS, "empty"])
def test_the_pages_of_a_video(
    attempt: Attempt, world: World, clock: FakeClock, cause: str, where: str
) -> None:
    """yt-dlp tells the cause in its warnings only."""
    fault, code, wait_s = {**FAULTS, "empty": (faults.empty_json(), "incomplete", 0.0)}[cause]
    if where == "every request":
        world.fail(fault)
    else:
        world.fail(faults.no_player_response(), request="watch")
        world.fail(fault, request="player")
    settings = {"socket_timeout_s": 0.1} if code == "timeout" else {}
    check(attempt("video", **settings), code, wait_s, clock)


@pytest.mark.parametrize("name", ["playlist", "search"])
def test_an_unknown_layout_is_suspect(
    attempt: Attempt, world: World, clock: FakeClock, name: str
) -> None:
    world.fail(faults.unknown_layout())
    check(attempt(name), "suspect_empty", 0.0, clock)


@pytest.mark.parametrize("name", ["playlist", "search", "video"])
def test_an_authority_that_is_not_trusted(
    attempt: Attempt, clock: FakeClock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    check(attempt(name, ca_file=None), "certificate", FINAL, clock)


@pytest.fixture
def refusing_proxy() -> Iterator[str]:
    """The URL of a proxy that answers every tunnel with 502."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                with listener.accept()[0] as connection:
                    if not connection.recv(65_536):
                        return
                    connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://me:hunter2@127.0.0.1:{listener.getsockname()[1]}"
        socket.create_connection(listener.getsockname()).close()
        thread.join()


# Python 3.10's http.client leaves it to the garbage collector to close a refused tunnel.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["playlist", "search", "video"])
def test_a_proxy_that_refuses(
    attempt: Attempt, clock: FakeClock, name: str, refusing_proxy: str
) -> None:
    task = attempt(name, proxy=refusing_proxy)
    check(task, "proxy", 0.0, clock)
    assert "hunter2" not in str(task.error_message)
    gc.collect()


@pytest.mark.parametrize("name", ["playlist", "search", "video"])
def test_a_slow_drip_ends_at_the_deadline(
    attempt: Attempt, world: World, clock: FakeClock, name: str
) -> None:
    world.fail(faults.slow_drip())
    check(attempt(name, deadline_s=0.2, socket_timeout_s=0.5), "timeout", 0.0, clock)


@pytest.mark.parametrize("name", TASKS)
def test_fail_once_then_succeed(
    attempt: Attempt, world: World, clock: FakeClock, queue: QueueManager, name: str
) -> None:
    world.fail(faults.http_error(429))
    task = attempt(name)
    assert task.status is TaskStatus.QUEUED
    assert queue.claim_next_task(task.task_type, "too soon") is None
    world.faults.clear()
    clock.advance(300.0)
    task = attempt(name)
    assert (task.status, task.retry_count) == (TaskStatus.COMPLETED, 1)
    stored = queue.get_task_results(task.task_id)
    assert len({idea.source_id for idea in stored}) == len(stored) > 0


def test_the_third_failure_is_final(attempt: Attempt, world: World, clock: FakeClock) -> None:
    world.fail(faults.http_error(503))
    counts = [(attempt("video").status, clock.advance(1.0)) for _ in range(3)]
    assert [status for status, _ in counts] == [
        TaskStatus.QUEUED, TaskStatus.QUEUED, TaskStatus.FAILED,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task_type", "parameters", "named"),
    [
        (
            "youtube_playlist",
            {"playlist": "https://evil.example/?list=PL0123456789"},
            "youtube",
        ),
        ("youtube_search", {"query": "tea", "max_result": 5}, "max_results"),
        ("youtube_video", {}, "video"),
        ("youtube_trending", {"substitute": "yes"}, "substitute"),
        ("youtube_channel", {"channel_url": "@a", "tab": "shorts", "since": "2027-01-31"}, "since"),
    ],
)
def test_parameters_that_nobody_checked_fail_for_good(
    queue: QueueManager,
    make_plugin: MakePlugin,
    task_type: str,
    parameters: dict[str, Any],
    named: str,
) -> None:
    task_id = queue.create_task(task_type, parameters)
    config = WorkerConfig(worker_id="worker", task_type=task_type)
    with BaseWorker(config, ":memory:", make_plugin(task_type), queue=queue) as worker:
        task = worker.claim_task()
        assert task is not None
        worker.process_task(task)
    task = queue.get_task(task_id)
    assert (task.status, task.error_code) == (TaskStatus.FAILED, "invalid_parameters")
    assert named in str(task.error_message)


CHANNELS: list[tuple[str, dict[str, Any], str, float | None]] = [
    ("@nobody", {}, "not_found", FINAL),
    ("@gone", {"alert": "This channel does not exist."}, "channel_unavailable", FINAL),
    ("@banned", {"alert": TERMINATED}, "channel_unavailable", FINAL),
    ("@bare", {"videos": 0, "shorts": 3}, "tab_missing", FINAL),
    ("@ring", {"moved_to": "@ring"}, "bad_response", 0.0),
]


@pytest.mark.parametrize(("handle", "channel", "code", "wait_s"), CHANNELS)
def test_channels_that_cannot_be_listed(
    work: Work,
    world: World,
    clock: FakeClock,
    handle: str,
    channel: dict[str, Any],
    code: str,
    wait_s: float | None,
) -> None:
    if channel:
        world.channel(handle, **channel)
    check(work("youtube_channel", {"channel_url": handle}), code, wait_s, clock)


@pytest.mark.parametrize("cause", ON_LISTINGS)
def test_a_channels_pages(work: Work, world: World, clock: FakeClock, cause: str) -> None:
    fault, code, wait_s = ON_LISTINGS[cause]
    world.channel("@lighthouse", 60)
    world.fail(fault)
    settings = {"socket_timeout_s": 0.1} if code == "timeout" else {}
    check(work("youtube_channel", {"channel_url": "@lighthouse"}, **settings), code, wait_s, clock)


def test_a_video_without_a_title_is_no_success(
    attempt: Attempt, world: World, clock: FakeClock
) -> None:
    """Where yt-dlp makes one up, "youtube video #" and the id."""
    world.fail(faults.no_title())
    check(attempt("video"), "bad_response", 0.0, clock)


@pytest.mark.parametrize("fault", [faults.http_error(429), faults.reset()], ids=["429", "reset"])
def test_an_age_gate_asks_for_no_other_page(
    attempt: Attempt, world: World, clock: FakeClock, fault: faults.Fault
) -> None:
    """The player that is embedded elsewhere would be next: when that fails, yt-dlp breaks."""
    world.video("a-b_c0DEF12", problem=problems.AGE_RESTRICTED)
    for request in RequestKind:
        if request is not RequestKind.WATCH:
            world.fail(fault, request=request)
    check(attempt("video"), "age_restricted", FINAL, clock)


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
    task_id = queue.create_task("straight", {"url": url})
    plugin = Straight(Access(proxy=youtube.proxy_url, ca_file=youtube.ca_file))
    config = WorkerConfig(worker_id="worker", task_type="straight")
    with BaseWorker(config, ":memory:", plugin, queue=queue) as worker:
        task = worker.claim_task()
        assert task is not None
        worker.process_task(task)
    plugin.youtube.close()
    check(queue.get_task(task_id), code, wait_s, clock)


def test_trending_fails_for_good(queue: QueueManager, make_plugin: MakePlugin) -> None:
    task_id = queue.create_task("youtube_trending", {})
    config = WorkerConfig(worker_id="worker", task_type="youtube_trending")
    plugin = make_plugin("youtube_trending")
    with BaseWorker(config, ":memory:", plugin, queue=queue) as worker:
        task = worker.claim_task()
        assert task is not None
        worker.process_task(task)
    task = queue.get_task(task_id)
    assert (task.status, task.error_code) == (TaskStatus.FAILED, "trending_removed")
    assert "substitute=true" in str(task.error_message)
