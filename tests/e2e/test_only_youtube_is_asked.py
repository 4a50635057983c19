"""Redirects that lead away from YouTube, through a worker and real sockets: not a byte is sent to
where they lead, and the task has failed for good."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import FakeClock
from tests.e2e.conftest import Work
from tests.e2e.proxies import Answering
from tubeq.domain.states import TaskStatus
from tubeq.testing.youtube import SimulatedYouTube, World, faults


@pytest.fixture
def trap() -> Iterator[Answering]:
    """A server that must get no connection."""
    with Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as trap:
        yield trap


@pytest.fixture
def reachable(youtube: SimulatedYouTube, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every host but YouTube is asked directly, without the proxy that would refuse it."""
    for name, value in youtube.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost,::1")


ELSEWHERE = {
    "another scheme": "http://127.0.0.1:{port}/",
    "loopback": "https://127.0.0.1:{port}/",
    "loopback by name": "https://localhost:{port}/",
    "loopback of IPv6": "https://[::1]:{port}/",
    "loopback as a number": "https://2130706433:{port}/",
    "loopback in octal": "https://0177.0.0.1:{port}/",
    "no scheme": "//127.0.0.1:{port}/",
    "a user name": "https://www.youtube.com@127.0.0.1:{port}/",
    "a user name with a port": "https://www.youtube.com:443@127.0.0.1:{port}/",
    "a backslash": "https://www.youtube.com\\@127.0.0.1:{port}/",
    "a file": "file:///etc/passwd",
    "data": "data:text/html,<script>var ytInitialData = {{}};</script>",
    "FTP": "ftp://127.0.0.1:{port}/",
    "cloud metadata": "http://169.254.169.254/latest/meta-data/",
    "a private network": "https://10.0.0.1/",
    "another host": "https://evil.example/",
    "alike": "https://www.youtube.com.evil.example/",
    "punycode": "https://xn--yutube-2ce.com/",
    "YouTube without TLS": "http://www.youtube.com/@lighthouse/videos",
    "YouTube at another port": "https://www.youtube.com:8443/",
    "no address at all": "https://[half",
    "no text": "https://\u00ff\u00fe/",
}


@pytest.mark.parametrize("where", ELSEWHERE)
@pytest.mark.usefixtures("reachable")
def test_a_first_request_that_is_redirected(
    work: Work, world: World, youtube: SimulatedYouTube, trap: Answering, where: str
) -> None:
    world.channel("@lighthouse", 60)
    world.fail(faults.redirect(ELSEWHERE[where].format(port=trap.port)))
    task = work("youtube_channel", {"channel_url": "@lighthouse"}, proxy=None)
    assert trap.connections == 0
    assert (task.status, task.error_code) == (TaskStatus.FAILED, "unsafe_redirect")
    assert str(task.error_message).isprintable()
    assert youtube.unexpected_hosts == set()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("request_kind", ["continuation", "search", "player", "page"])
@pytest.mark.usefixtures("reachable")
def test_any_request_and_any_redirect(
    work: Work, world: World, trap: Answering, request_kind: str, status: int
) -> None:
    world.channel("@lighthouse", 60)
    world.query("tea", 60)
    world.video("a-b_c0DEF12")
    if request_kind == "player":
        world.fail(faults.no_player_response(), request="watch")
    location = f"http://127.0.0.1:{trap.port}/"
    world.fail(faults.redirect(location, status), request=request_kind)
    tasks = {
        "search": ("youtube_search", {"query": "tea"}),
        "player": ("youtube_video", {"video": "a-b_c0DEF12"}),
    }
    channel = "youtube_channel", {"channel_url": "@lighthouse"}
    task = work(*tasks.get(request_kind, channel), proxy=None)
    assert trap.connections == 0
    assert (task.status, task.error_code) == (TaskStatus.FAILED, "unsafe_redirect")


def test_redirects_within_youtube_are_followed(
    work: Work, world: World, youtube: SimulatedYouTube
) -> None:
    world.channel("@lighthouse", 60)
    there = "https://youtube.com/@lighthouse/videos"
    world.fail(faults.redirect(there), request="page", times=1)
    before = youtube.requests()
    task = work("youtube_channel", {"channel_url": "@lighthouse", "max_results": 30})
    assert (task.status, youtube.requests() - before) == (TaskStatus.COMPLETED, 2)


def test_redirects_in_a_ring_come_to_an_end(work: Work, world: World) -> None:
    world.channel("@lighthouse", 60)
    world.fail(faults.redirect("https://www.youtube.com/@lighthouse/videos"))
    task = work("youtube_channel", {"channel_url": "@lighthouse"})
    assert (task.status, task.error_code) == (TaskStatus.QUEUED, "bad_response")


def test_googles_test_for_people_is_a_bot_check(
    work: Work, world: World, youtube: SimulatedYouTube, clock: FakeClock
) -> None:
    world.channel("@lighthouse", 60)
    world.fail(faults.redirect("https://www.google.com/sorry/index?continue=x"))
    task = work("youtube_channel", {"channel_url": "@lighthouse"})
    assert (task.status, task.error_code) == (TaskStatus.QUEUED, "bot_check")
    assert task.run_after == clock.now() + 3600
    assert youtube.unexpected_hosts == set()
