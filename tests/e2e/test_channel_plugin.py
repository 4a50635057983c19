"""The channel plugin: real yt-dlp, over real sockets and TLS, against the simulated YouTube."""

from __future__ import annotations

import gc
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yt_dlp

from tests.e2e.conftest import MakePlugin
from tubeq.domain.clock import from_timestamp
from tubeq.domain.errors import PermanentError, PluginError, TaskCancelled, TransientError
from tubeq.plugins.base import running
from tubeq.plugins.youtube.channel import YouTubeChannelPlugin
from tubeq.testing.youtube import RequestKind, SimulatedYouTube, World, faults


@pytest.fixture
def youtube() -> Iterator[SimulatedYouTube]:
    """One a test, so that its requests can be counted."""
    world = World()
    world.channel("@lighthouse", 120)
    with SimulatedYouTube(world) as server:
        yield server
    assert server.unexpected_hosts == set()
    assert server.requests(RequestKind.UNKNOWN) == 0


Make = Callable[..., YouTubeChannelPlugin]


@pytest.fixture
def make(make_plugin: MakePlugin) -> Make:
    return partial(make_plugin, "youtube_channel")


@pytest.fixture
def plugin(make: Make) -> YouTubeChannelPlugin:
    return make(socket_timeout_s=10.0)


# --- what comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("max_results", "continuations"),
    [(1, 0), (29, 0), (30, 0), (31, 1), (60, 1), (120, 3), (500, 3)],
)
def test_only_the_pages_that_are_needed(
    plugin: YouTubeChannelPlugin,
    youtube: SimulatedYouTube,
    world: World,
    max_results: int,
    continuations: int,
) -> None:
    ideas = plugin.scrape(channel_url="@lighthouse", max_results=max_results)
    channel = world.find("@lighthouse")
    assert channel is not None
    expected = [video.video_id for video in channel.videos[:max_results]]
    assert [idea.source_id for idea in ideas] == expected
    assert youtube.requests(RequestKind.PAGE) == 1
    assert youtube.requests(RequestKind.CONTINUATION) == continuations
    assert youtube.requests() == 1 + continuations


def test_500_videos(plugin: YouTubeChannelPlugin, youtube: SimulatedYouTube, world: World) -> None:
    world.channel("@archive", 500)
    ideas = plugin.scrape(channel_url="@archive", max_results=500)
    assert len({idea.source_id for idea in ideas}) == 500
    assert youtube.requests() == 17


@pytest.mark.parametrize("old_layout", [False, True])
def test_an_idea_holds_what_the_listing_shows(
    plugin: YouTubeChannelPlugin, world: World, old_layout: bool
) -> None:
    channel = world.channel("@lighthouse", 40, old_layout=old_layout)
    ideas = plugin.scrape(channel_url="@lighthouse", max_results=40)
    for idea, video in zip(ideas, channel.videos, strict=True):
        assert idea.title == video.title
        assert idea.description == (video.description if old_layout else "")
        assert idea.url == f"https://www.youtube.com/watch?v={video.video_id}"
        assert idea.duration_s == video.duration_s
        assert idea.views == pytest.approx(video.views, rel=0.05)
        assert 1.0 <= idea.score <= 100.0
        assert idea.published_at is not None
        age_days = (time.time() - from_timestamp(idea.published_at).timestamp()) / 86_400
        # "3 weeks ago" may be anything up to 4, a month has up to 31 days where the page counted
        # 30, and yt-dlp rounds to the nearest midnight.
        assert video.age_days * 0.4 - 2 <= age_days <= video.age_days * 31 / 30 + 2
        assert re.fullmatch(r"[0-9-]{10} [0-9:]{8}\.\d{6}", idea.published_at)


def test_every_way_to_name_a_channel_leads_to_it(
    plugin: YouTubeChannelPlugin, world: World
) -> None:
    channel = world.channel("@keeper.狐", 2)
    names = [
        "@keeper.狐",
        "@KEEPER.狐",
        channel.channel_id,
        f"https://www.youtube.com/channel/{channel.channel_id}",
        f"youtube.com/channel/{channel.channel_id}/videos",
        "https://m.youtube.com/@keeper.%E7%8B%90/featured",
        "https://music.youtube.com/@keeper.狐",
        "https://www.youtube.com/c/keeper.狐",
        "https://www.youtube.com/user/keeper.狐/videos",
    ]
    listings = [[idea.source_id for idea in plugin.scrape(channel_url=name)] for name in names]
    assert listings == [[video.video_id for video in channel.videos]] * len(names)


def test_a_channel_that_moved_is_followed_once(
    plugin: YouTubeChannelPlugin, youtube: SimulatedYouTube, world: World
) -> None:
    world.channel("@moved", moved_to="@lighthouse")
    world.channel("@twice", moved_to="@moved")
    assert len(plugin.scrape(channel_url="@moved", max_results=3)) == 3
    assert failure_of(plugin, channel_url="@twice").code == "bad_response"
    assert youtube.requests() == 4


def test_hostile_titles_become_harmless(plugin: YouTubeChannelPlugin, world: World) -> None:
    titles = [
        "</script><script>alert(1)</script>",
        "nul\x00 escape\x1b[2J bell\x07",
        "line\nbreak",
        "reversed \u202egpj.exe",
        "half a pair \ud83e",
        "'; DROP TABLE task_queue; --",
        "x" * 10_000,
        "🦊 狐 👩‍🚀",
    ]
    world.channel("@hostile", len(titles), titles=titles)
    found = [idea.title for idea in plugin.scrape(channel_url="@hostile")]
    assert found[0] == titles[0]
    assert found[2] == "line break"
    assert found[5] == titles[5]
    assert found[7] == titles[7]
    for title in found:
        title.encode("utf-8")
        assert len(title) <= 500
        assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in title)
        assert "\u202e" not in title


def test_threads_share_a_plugin(plugin: YouTubeChannelPlugin, youtube: SimulatedYouTube) -> None:
    youtube.world.any_channel = True

    def scrape(index: int) -> int:
        return len(plugin.scrape(channel_url=f"@channel{index}", max_results=5))

    for _ in range(2):  # the second round meets the first one's dead threads
        with ThreadPoolExecutor(max_workers=6) as executor:
            assert list(executor.map(scrape, range(12))) == [5] * 12
    assert youtube.requests() == 24


def test_each_thread_keeps_one_youtubedl_until_there_is_trouble(
    plugin: YouTubeChannelPlugin, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: list[int] = []

    class Counted(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def __init__(self, *args: Any) -> None:
            makers.append(threading.get_ident())
            super().__init__(*args)

    scrape = partial(plugin.scrape, channel_url="@lighthouse", max_results=1)
    monkeypatch.setattr(yt_dlp, "YoutubeDL", Counted)
    scrape()
    scrape()
    assert len(makers) == 1
    with ThreadPoolExecutor(max_workers=1) as executor:
        for _ in range(2):
            executor.submit(scrape).result()
        assert len(set(makers)) == len(makers) == 2
    world.fail(faults.http_error(503), times=1)  # got over within the call, yet trouble
    scrape()
    assert len(makers) == 2
    scrape()
    assert len(makers) == 3


def test_failed_requests_leave_no_connection_open(
    plugin: YouTubeChannelPlugin, world: World
) -> None:
    world.fail(faults.http_error(503))
    failure_of(plugin)
    sockets = [each for each in gc.get_objects() if isinstance(each, ssl.SSLSocket)]
    assert not [each for each in sockets if each.fileno() != -1 and not each.server_side]


def test_a_closed_plugin_can_be_used_again(plugin: YouTubeChannelPlugin) -> None:
    for _ in range(2):
        assert len(plugin.scrape(channel_url="@lighthouse", max_results=1)) == 1
        plugin.close()
        plugin.close()


# --- what goes wrong -----------------------------------------------------------------------------


def failure_of(plugin: YouTubeChannelPlugin, **parameters: Any) -> PluginError:
    with pytest.raises(PluginError) as caught:
        plugin.scrape(**{"channel_url": "@lighthouse", **parameters})
    assert str(caught.value).isprintable()
    return caught.value


@pytest.mark.parametrize(
    "fault",
    [faults.http_error(429), faults.http_error(503), faults.reset(), faults.empty_json()],
    ids=["429", "503", "reset", "empty_json"],
)
def test_one_hiccup_is_got_over_within_the_call(
    plugin: YouTubeChannelPlugin, world: World, fault: faults.Fault
) -> None:
    world.fail(fault, times=1)
    assert len(plugin.scrape(channel_url="@lighthouse", max_results=60)) == 60


@pytest.mark.parametrize(
    "fault",
    [faults.http_error(429), faults.reset(), faults.truncated(), faults.bot_check()],
    ids=["429", "reset", "truncated", "bot_check"],
)
def test_after_a_failure_the_same_plugin_works_again(
    plugin: YouTubeChannelPlugin, world: World, fault: faults.Fault
) -> None:
    world.fail(fault)
    failure_of(plugin)
    world.faults.clear()
    assert len(plugin.scrape(channel_url="@lighthouse", max_results=5)) == 5


# --- stopping ------------------------------------------------------------------------------------


def test_a_cancelled_task_ends_between_pages(
    plugin: YouTubeChannelPlugin, youtube: SimulatedYouTube
) -> None:
    def stop() -> str | None:
        return "cancelled" if youtube.requests(RequestKind.CONTINUATION) else None

    with running(stop), pytest.raises(TaskCancelled):
        plugin.scrape(channel_url="@lighthouse", max_results=120)
    assert youtube.requests(RequestKind.CONTINUATION) == 1


def test_a_cancelled_task_makes_no_request(
    plugin: YouTubeChannelPlugin, youtube: SimulatedYouTube
) -> None:
    with running(lambda: "cancelled"), pytest.raises(TaskCancelled):
        plugin.scrape(channel_url="@lighthouse")
    assert youtube.requests() == 0


@pytest.mark.parametrize("fault", [faults.slow_drip(), faults.hang()], ids=["drip", "hang"])
def test_a_cancelled_task_waits_no_longer_than_one_read(
    make: Make, youtube: SimulatedYouTube, world: World, fault: faults.Fault
) -> None:
    world.fail(fault)
    stop = running(lambda: "cancelled" if youtube.requests() else None)
    with stop, pytest.raises(TaskCancelled):
        make(socket_timeout_s=0.3).scrape(channel_url="@lighthouse")
    assert youtube.requests() == 1


@pytest.mark.parametrize("fault", [faults.slow_drip(), faults.hang()], ids=["drip", "hang"])
def test_a_listing_has_a_deadline(
    make: Make, youtube: SimulatedYouTube, world: World, fault: faults.Fault
) -> None:
    world.fail(fault)
    failure = failure_of(make(deadline_s=0.2, socket_timeout_s=0.5))
    assert (failure.code, type(failure)) == ("timeout", TransientError)
    assert youtube.requests() == 1  # no retry beyond the deadline


# --- the way there -------------------------------------------------------------------------------

FROM_ENVIRONMENT = """
from tubeq.plugins.youtube.channel import YouTubeChannelPlugin
print(len(YouTubeChannelPlugin(socket_timeout_s=5).scrape(channel_url="@lighthouse")))
"""


def clean_environment(**variables: str) -> dict[str, str]:
    names = re.compile(r"(?i).*_proxy|SSL_CERT_.*")
    return {n: v for n, v in os.environ.items() if not names.fullmatch(n)} | variables


@pytest.mark.parametrize("beside_certifi", [False, True])
def test_the_environment_leads_there(
    youtube: SimulatedYouTube, tmp_path: Path, beside_certifi: bool
) -> None:
    """In a process of its own, with whatever HTTP packages are installed here."""
    environment = clean_environment(**youtube.environment)
    if beside_certifi:  # which yt-dlp prefers to SSL_CERT_FILE, wherever it finds it
        bundle = ssl.get_default_verify_paths().cafile or youtube.ca_file
        (tmp_path / "certifi.py").write_text(f"def where():\n    return {bundle!r}\n", "utf-8")
        paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    finished = subprocess.run(
        [sys.executable, "-c", FROM_ENVIRONMENT],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.stdout, finished.stderr) == ("50\n", "")


def test_yt_dlps_own_command_is_led_there_too(youtube: SimulatedYouTube) -> None:
    url = "https://www.youtube.com/@lighthouse/videos"
    options = ["--flat-playlist", "--playlist-items", "1:5", "--print", "id", "--no-cache-dir"]
    finished = subprocess.run(
        [sys.executable, "-m", "yt_dlp", "--compat-options", "no-certifi", *options, url],
        env=clean_environment(**youtube.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert len(finished.stdout.split()) == 5, finished.stderr


def test_settings_win_over_the_environment(
    plugin: YouTubeChannelPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    assert len(plugin.scrape(channel_url="@lighthouse", max_results=1)) == 1


@pytest.mark.parametrize("trusted", [False, True])
def test_proxy_by_setting_and_authority_by_environment(
    make: Make, youtube: SimulatedYouTube, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", youtube.ca_file)
    plugin = make(ca_file=None)
    if trusted:
        assert len(plugin.scrape(channel_url="@lighthouse", max_results=1)) == 1
    else:
        failure = failure_of(plugin)
        assert (failure.code, type(failure)) == ("certificate", PermanentError)
        assert youtube.requests() == 0


def test_a_proxy_that_is_not_there(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failure = failure_of(make(proxy=f"http://me:hunter2@127.0.0.1:{port}"))
    assert (failure.code, type(failure)) == ("connection", TransientError)
    assert "hunter2" not in str(failure)


def test_a_password_in_the_environment_stays_there(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "gopher://me:hunter2@127.0.0.1:1")
    failure = failure_of(make(proxy=None))
    assert (failure.code, type(failure)) == ("proxy_unusable", PermanentError)
    assert "hunter2" not in str(failure)
    assert failure.__context__ is failure.__cause__ is None  # yt-dlp's own error would tell it
