"""Cookies and passwords: where they are sent, and that nothing else ever holds them."""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq, environment_of
from tests.e2e.conftest import MakePlugin, Work
from tests.e2e.proxies import Answering
from tubeq.domain.errors import InvalidParameters, PluginError
from tubeq.domain.states import TaskStatus
from tubeq.testing.youtube import SimulatedYouTube, World, faults, problems

COOKIE = "c00kie-hunter2"
PASSWORD = "pa55-hunter2"
SECRETS = (COOKIE, PASSWORD, "pa55%2Dhunter2")
LISTING = {"channel_url": "@lighthouse", "max_results": 5}


@pytest.fixture
def cookies_file(tmp_path: Path) -> Path:
    path = tmp_path / "cookies.txt"
    line = f".youtube.com\tTRUE\t/\tTRUE\t1999999999\tLOGIN_INFO\t{COOKIE}"
    path.write_text(f"# Netscape HTTP Cookie File\n{line}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def lighthouse(world: World) -> None:
    world.channel("@lighthouse", 60)
    world.video("a-b_c0DEF12")


def cookies_of(youtube: SimulatedYouTube, scrape: Any) -> list[str]:
    """The Cookie headers of a scrape's requests."""
    before = len(youtube.cookies)
    scrape()
    return youtube.cookies[before:]


# --- cookies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("from_environment", [False, True])
def test_cookies_are_sent_and_the_file_stays_as_it_is(
    make_plugin: MakePlugin,
    world: World,
    youtube: SimulatedYouTube,
    cookies_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    from_environment: bool,
) -> None:
    """yt-dlp would write what YouTube sets back to the file."""
    world.fail(faults.with_header("Set-Cookie", "NEW=from-youtube; Path=/; Max-Age=9999"))
    settings: dict[str, Any] = {"cookies_file": cookies_file}
    if from_environment:
        monkeypatch.setenv("TUBEQ_COOKIES_FILE", str(cookies_file))
        settings = {}
    before = (cookies_file.read_bytes(), cookies_file.stat().st_mtime_ns)
    plugin = make_plugin("youtube_channel", **settings)
    sent = cookies_of(youtube, lambda: plugin.scrape(**LISTING))
    plugin.close()  # when yt-dlp saves them
    assert all(f"LOGIN_INFO={COOKIE}" in each for each in sent)
    assert sent
    assert (cookies_file.read_bytes(), cookies_file.stat().st_mtime_ns) == before
    assert list(cookies_file.parent.iterdir()) == [cookies_file]


def test_a_value_beyond_latin_1_is_sent_as_a_browser_sends_it(
    make_plugin: MakePlugin, youtube: SimulatedYouTube, cookies_file: Path
) -> None:
    value = "one\u2028two-\u00e9-ไทย"
    text = cookies_file.read_text("utf-8").replace(COOKIE, value)
    cookies_file.write_text(text, encoding="utf-8", newline="")
    plugin = make_plugin("youtube_channel", cookies_file=cookies_file)
    sent = cookies_of(youtube, lambda: plugin.scrape(**LISTING))
    assert all(value in each.encode("latin-1").decode() for each in sent)
    assert sent


def test_a_renewed_file_is_read_after_trouble(
    make_plugin: MakePlugin, world: World, youtube: SimulatedYouTube, cookies_file: Path
) -> None:
    plugin = make_plugin("youtube_channel", cookies_file=cookies_file)
    plugin.scrape(**LISTING)
    text = cookies_file.read_text("utf-8")
    cookies_file.write_text(text.replace(COOKIE, "renewed-cookie"), encoding="utf-8")
    assert COOKIE in cookies_of(youtube, lambda: plugin.scrape(**LISTING))[0]
    world.fail(faults.bot_check())
    with pytest.raises(PluginError):
        plugin.scrape(**LISTING)
    world.faults.clear()
    assert "renewed-cookie" in cookies_of(youtube, lambda: plugin.scrape(**LISTING))[0]


def test_a_file_that_went_away_meanwhile_is_waited_for(
    make_plugin: MakePlugin, cookies_file: Path
) -> None:
    plugin = make_plugin("youtube_channel", cookies_file=cookies_file)
    cookies_file.unlink()
    with pytest.raises(PluginError) as caught:
        plugin.scrape(**LISTING)
    assert caught.value.code == "cookies_unusable"


@pytest.mark.parametrize(
    "fault", [faults.bot_check(), faults.http_error(429)], ids=["bot check", "429"]
)
def test_cookies_that_youtube_set_are_kept_until_it_takes_offence(
    make_plugin: MakePlugin, world: World, youtube: SimulatedYouTube, fault: faults.Fault
) -> None:
    plugin = make_plugin("youtube_channel")

    def sent() -> str:
        return cookies_of(youtube, lambda: plugin.scrape(**LISTING))[0]

    world.fail(faults.with_header("Set-Cookie", "VISITOR=suspect; Path=/; Max-Age=9999"))
    assert "VISITOR" not in sent()
    assert "VISITOR=suspect" in sent()
    world.faults.clear()
    world.fail(fault)
    with pytest.raises(PluginError):
        plugin.scrape(**LISTING)
    world.faults.clear()
    assert "VISITOR" not in sent()


def test_eight_threads_at_once_get_what_each_asked_for(
    make_plugin: MakePlugin, world: World
) -> None:
    plugin = make_plugin("youtube_channel")
    channels = [world.channel(f"@thread{number}", 35) for number in range(16)]
    begin = threading.Barrier(8)

    def scrape(number: int) -> list[str]:
        if number < 8:
            begin.wait(20)
        ideas = plugin.scrape(channel_url=f"@thread{number}", max_results=35)
        return [idea.source_id for idea in ideas]

    with ThreadPoolExecutor(max_workers=8) as executor:
        found = list(executor.map(scrape, range(len(channels))))
    assert found == [[video.video_id for video in each.videos] for each in channels]


# --- secrets -------------------------------------------------------------------------------------


def test_no_parameter_of_a_task_says_how_youtube_is_reached(work: Work) -> None:
    for name in ("proxy", "ca_file", "cookies_file", "cookies", "socket_timeout_s", "deadline_s"):
        task = work("youtube_channel", {**LISTING, name: "1"})
        assert (task.status, task.error_code) == (TaskStatus.FAILED, "invalid_parameters")


def test_a_wrong_cookies_file_is_refused_without_its_contents(
    make_plugin: MakePlugin, cookies_file: Path
) -> None:
    cookies_file.write_text(f"LOGIN_INFO={COOKIE}", encoding="utf-8")
    with pytest.raises(InvalidParameters) as caught:
        make_plugin("youtube_channel", cookies_file=cookies_file)
    assert COOKIE not in str(caught.value)


def left_behind(folder: Path, outputs: list[str]) -> str:
    """Everything that runs left: what they printed, the files as they are, the tables as SQL."""
    files = [path for path in folder.iterdir() if path.name != "cookies.txt"]
    parts = [*outputs, *(path.read_bytes().decode("latin-1") for path in files)]
    with closing(sqlite3.connect(folder / "tubeq.db")) as database:
        parts += database.iterdump()
    return "\n".join(parts)


@pytest.mark.timeout(240)  # a dozen processes
def test_runs_that_succeed_and_fail_leave_no_secret_behind(
    tmp_path: Path, youtube: SimulatedYouTube, world: World, cookies_file: Path
) -> None:
    """The proxy's password and a cookie, in real processes. YouTube even repeats the cookie."""
    echo = f"The cookie {COOKIE} is not good. http://me:{PASSWORD}@proxy"
    world.channel("@echo", alert=echo)
    world.video("a-b_c0DEF12", problem=problems.Problem("ERROR", echo))
    with_password = youtube.proxy_url.replace("//", f"//me:{PASSWORD}@")
    usual = {
        "TUBEQ_PROXY": with_password,
        "TUBEQ_COOKIES_FILE": str(cookies_file),
        "TUBEQ_MAX_RETRIES": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    command_line = Tubeq(tmp_path, {**environment_of(youtube), **usual})
    outputs: list[str] = []

    def tubeq(*arguments: str, code: int, **variables: str) -> str:
        done = command_line(*arguments, code=code, **variables)
        outputs.extend((done.stdout, done.stderr))
        return done.stdout

    before = len(youtube.cookies)
    assert len(json.loads(tubeq("scrape", "@lighthouse", "--json", code=0))) == 50
    assert COOKIE in youtube.cookies[before]
    tubeq("scrape", "@echo", code=1)
    tubeq("video", "a-b_c0DEF12", "--json", code=1)
    with Answering(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as refusing:
        proxy = f"http://me:{PASSWORD}@127.0.0.1:{refusing.port}"
        tubeq("scrape", "@lighthouse", code=1, TUBEQ_PROXY=proxy)
    tubeq("add", "youtube_channel", "-p", "channel_url=@lighthouse", code=0)
    nobody = f"http://me:{PASSWORD}@127.0.0.1:1"
    tubeq("worker", "--until-idle", code=1, TUBEQ_PROXY=nobody)
    tubeq("scrape", "@lighthouse", code=2, TUBEQ_PROXY=nobody.replace("http", "gopher"))
    tubeq("show", json.loads(tubeq("tasks", "--json", code=0))[-2]["task_id"], code=0)
    tubeq("stats", code=0)
    everything = left_behind(tmp_path, outputs)
    for secret in SECRETS:
        assert secret not in everything
    assert "is not good" in everything  # it was all looked at
