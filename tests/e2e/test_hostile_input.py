"""Bad input, row by row, through a worker on a real database: the code that is stored, whether the
task is tried again and when; that results hold each video once; that nothing hangs or fills memory.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import FakeClock
from tests.e2e.command_line import Tubeq, environment_of
from tests.e2e.conftest import MakePlugin, process_one
from tests.support import until
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World, faults
from tubeq.testing.youtube.faults import Fault, Response

FINAL = None
LISTING: dict[str, Any] = {"channel_url": "@lighthouse", "max_results": 60}
DO_NOT_HANG_S = 20.0


@pytest.fixture
def queue(tmp_path: Path, clock: FakeClock) -> Iterator[QueueManager]:
    with QueueManager(tmp_path / "queue.db", clock=clock) as queue:
        yield queue


# --- what a task asks for ------------------------------------------------------------------------

_CHANNEL, _VIDEO, _PLAYLIST, _SEARCH = (
    "youtube_channel", "youtube_video", "youtube_playlist", "youtube_search",
)  # fmt: skip
WISHES: dict[str, tuple[str, Any]] = {
    "nothing": (_CHANNEL, {}),
    "no object": (_CHANNEL, ["@lighthouse"]),
    "no number": (_CHANNEL, {**LISTING, "max_results": "5"}),
    "a fraction": (_CHANNEL, {**LISTING, "max_results": 1.5}),
    "a truth": (_CHANNEL, {**LISTING, "max_results": True}),
    "null": (_CHANNEL, {**LISTING, "max_results": None}),
    "none": (_CHANNEL, {**LISTING, "max_results": 0}),
    "fewer than none": (_CHANNEL, {**LISTING, "max_results": -1}),
    "too many": (_CHANNEL, {**LISTING, "max_results": 200_001}),
    "far too many": (_CHANNEL, {**LISTING, "max_results": 10**30}),
    "an unknown key": (_CHANNEL, {**LISTING, "max_result": 5}),
    "an option of yt-dlp": (_CHANNEL, {**LISTING, "exec": "touch /tmp/owned"}),
    "a private key": (_CHANNEL, {**LISTING, "__class__": 1}),
    "a file": (_CHANNEL, {"channel_url": "file:///etc/passwd"}),
    "a script": (_CHANNEL, {"channel_url": "javascript:alert(1)"}),
    "loopback": (_CHANNEL, {"channel_url": "http://127.0.0.1:8080/@lighthouse"}),
    "loopback of IPv6": (_CHANNEL, {"channel_url": "http://[::1]/@lighthouse"}),
    "cloud metadata": (_CHANNEL, {"channel_url": "http://169.254.169.254/latest/meta-data/"}),
    "a private network": (_VIDEO, {"video": "https://10.0.0.1/watch?v=a-b_c0DEF12"}),
    "another site": (_VIDEO, {"video": "https://vimeo.com/watch?v=a-b_c0DEF12"}),
    "alike": (_VIDEO, {"video": "https://youtube.com.evil.example/watch?v=a-b_c0DEF12"}),
    "alike in front": (_VIDEO, {"video": "https://evilyoutube.com/watch?v=a-b_c0DEF12"}),
    "a user name": (_VIDEO, {"video": "https://youtube.com@evil.example/watch?v=a-b_c0DEF12"}),
    "a backslash": (_VIDEO, {"video": "https://youtube.com\\@evil.example/watch?v=a-b_c0DEF12"}),
    "punycode": (_VIDEO, {"video": "https://xn--yutube-2ce.com/watch?v=a-b_c0DEF12"}),
    "other letters": (_VIDEO, {"video": "https://y\u043eutube.com/watch?v=a-b_c0DEF12"}),
    "another port": (_VIDEO, {"video": "https://www.youtube.com:8443/watch?v=a-b_c0DEF12"}),
    "two videos": (_VIDEO, {"video": "https://youtube.com/watch?v=a-b_c0DEF12&v=XXXXXXXXXXX"}),
    "a path": (_PLAYLIST, {"playlist": "PL/../../etc/passwd"}),
    "a search prefix": (_CHANNEL, {"channel_url": "ytsearch10:tea"}),
    "NUL": (_SEARCH, {"query": "tea\x00"}),
    "an escape": (_SEARCH, {"query": "tea\x1b[2J"}),
    "a bidi override": (_SEARCH, {"query": "\u202etea"}),
    "half a pair": (_SEARCH, {"query": "tea\ud83e"}),
    "emptiness": (_SEARCH, {"query": " \t"}),
    "a long text": (_SEARCH, {"query": "x" * 50_000}),
    "a long address": (_CHANNEL, {"channel_url": "https://youtube.com/@a?" + "x" * 50_000}),
}


@pytest.mark.parametrize("row", WISHES)
def test_what_is_asked_for(
    queue: QueueManager, make_plugin: MakePlugin, youtube: SimulatedYouTube, row: str
) -> None:
    """It fails for good, and nobody is asked. Some of it only another program can write."""
    task_type, parameters = WISHES[row]
    task_id = queue.create_task(task_type, {})
    with closing(sqlite3.connect(queue.db_path)) as database, database:
        database.execute(
            "UPDATE task_queue SET parameters = ? WHERE task_id = ?",
            (json.dumps(parameters), task_id),
        )
    before = youtube.requests()
    process_one(queue, task_type, make_plugin(task_type))
    task = queue.get_task(task_id)
    assert (task.status, task.error_code) == (TaskStatus.FAILED, "invalid_parameters")
    assert task.retry_count == 0
    assert str(task.error_message).isprintable()
    assert len(str(task.error_message)) < 1000
    assert youtube.requests() == before
    assert queue.get_task_results(task_id) == []


# --- what comes back -----------------------------------------------------------------------------


def instead(body: bytes) -> Fault:
    """This body, wherever the good one is from."""
    return lambda response: replace(response, body=body)


def holding(data: str) -> Fault:
    """These data, in the shape in which the good answer carries its own."""

    def fault(good: Response) -> Response:
        in_page = good.content_type.startswith("text/html")
        text = f"<script>var ytInitialData = {data};</script>" if in_page else data
        return replace(good, body=text.encode())

    return fault


def promised(response: Response) -> Response:
    return faults.with_header("Content-Length", "99999999999")(faults.endless()(response))


class Row(NamedTuple):
    """What is answered, and what becomes of the task: the code, and the wait before the retry."""

    fault: Fault
    code: str
    wait_s: float | None = 0.0
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed


_SHORT = {"socket_timeout_s": 0.3, "deadline_s": 5.0}
_DEADLINE = {"socket_timeout_s": 5.0, "deadline_s": 0.3}
ANSWERS = {
    "truncated": Row(faults.truncated(), "incomplete"),
    "nothing": Row(instead(b""), "bad_response"),
    "silence": Row(faults.hang(), "timeout", settings=_SHORT),
    "silence until the deadline": Row(faults.hang(), "timeout", settings=_DEADLINE),
    "drops until the deadline": Row(faults.slow_drip(), "timeout", settings=_DEADLINE),
    "an endless answer": Row(faults.endless(), "too_large"),
    "an endless promise": Row(promised, "too_large"),
    "a small answer that unpacks to a gigabyte": Row(faults.gzip_bomb(), "too_large"),
    "half of a packed answer": Row(
        lambda good: instead(faults.gzipped()(good).body[:-9])(faults.gzipped()(good)), "incomplete"
    ),
    "an unknown packing": Row(faults.with_header("Content-Encoding", "br"), "bad_response"),
    "NUL": Row(instead(b"\x00" * 1000), "bad_response"),
    "no UTF-8": Row(instead(b"\xff\xfe" * 1000), "bad_response"),
    "half JSON": Row(faults.half_json(), "bad_response"),
    "a number of 5,000 digits": Row(holding('{"n": ' + "9" * 5000 + "}"), "bad_response"),
    "a deep nest": Row(holding('{"a":' * 50_000 + "1" + "}" * 50_000), "unexpected"),
    "texts for objects": Row(holding('{"contents": "x", "metadata": "y"}'), "bad_response"),
    "another layout": Row(faults.unknown_layout(), "suspect_empty"),
    "a hostile message": Row(
        faults.alert("\x00\x1b[2J\u202e<script>alert(1)</script>" + "x" * 100_000), "unexpected"
    ),
    "elsewhere": Row(faults.redirect("file:///etc/passwd"), "unsafe_redirect", FINAL),
}


@pytest.mark.parametrize(
    ("row", "page"),
    [
        *((row, "the first page") for row in ANSWERS),
        # Of a second page in an unknown layout yt-dlp says nothing at all: it ends the listing.
        *((row, "page 2") for row in ANSWERS if row != "another layout"),
    ],
)
def test_what_is_answered(
    queue: QueueManager,
    make_plugin: MakePlugin,
    world: World,
    clock: FakeClock,
    row: str,
    page: str,
) -> None:
    """Then it is answered well, and the next attempt completes."""
    fault, code, wait_s, settings = ANSWERS[row]
    if page == "page 2":
        code = {"texts for objects": "incomplete"}.get(row, code)
    world.channel("@lighthouse", 60)
    world.fail(fault, request="continuation" if page == "page 2" else None)
    task_id = queue.create_task(_CHANNEL, LISTING)
    plugin = make_plugin(_CHANNEL, **settings)
    began = time.monotonic()
    process_one(queue, _CHANNEL, plugin)
    assert time.monotonic() - began < DO_NOT_HANG_S
    task = queue.get_task(task_id)
    assert task.error_code == code, task.error_message
    assert str(task.error_message).isprintable()
    assert len(str(task.error_message)) < 1000
    assert queue.get_task_results(task_id) == []
    if wait_s is FINAL:
        assert (task.status, task.retry_count) == (TaskStatus.FAILED, 0)
        return
    assert (task.status, task.retry_count) == (TaskStatus.QUEUED, 1)
    assert task.run_after in (None, clock.now() + wait_s)
    world.faults.clear()
    clock.advance(wait_s)
    process_one(queue, _CHANNEL, make_plugin(_CHANNEL))
    assert queue.get_task(task_id).status is TaskStatus.COMPLETED
    stored = [idea.source_id for idea in queue.get_task_results(task_id)]
    assert len(stored) == len(set(stored)) == 60


TITLES = {
    "control characters": "nul\x00 escape\x1b[2J bell\x07 \x9b31m",
    "line ends": "one\r\ntwo\u2028three",
    "markup": "</script><img src=x onerror=alert(1)>",
    "bidi marks": "\u202egpj.exe \u2066x\u2069 \u200fy",
    "half a pair": "half \ud83e",
    "SQL": "'; DROP TABLE task_queue; --",
    "a formula": '=HYPERLINK("http://evil.example")',
    "a megabyte": "x" * 2**20,
    "a megabyte of zalgo": "a" + "\u0301" * 2**18,
}


@pytest.mark.parametrize("row", TITLES)
def test_hostile_titles_are_stored_harmless(
    queue: QueueManager, make_plugin: MakePlugin, world: World, row: str
) -> None:
    world.channel("@hostile", 2, titles=[TITLES[row], "two"])
    task_id = queue.create_task(_CHANNEL, {"channel_url": "@hostile"})
    process_one(queue, _CHANNEL, make_plugin(_CHANNEL))
    assert queue.get_task(task_id).status is TaskStatus.COMPLETED
    title, other = (idea.title for idea in queue.get_task_results(task_id))
    assert other == "two"
    assert 0 < len(title) <= 500
    assert not any(unicodedata.category(each) in ("Cc", "Cs") for each in title)
    assert not {"\u202e", "\u2066", "\u2069", "\u2028"} & set(title)


def test_a_video_that_is_listed_twice_is_stored_once(
    queue: QueueManager, make_plugin: MakePlugin, world: World
) -> None:
    """As when a new one moved the others down between two pages."""
    channel = world.channel("@moving", 40)
    world._add(replace(channel, videos=(*channel.videos[:31], *channel.videos[29:])))
    task_id = queue.create_task(_CHANNEL, {"channel_url": "@moving"})
    process_one(queue, _CHANNEL, make_plugin(_CHANNEL))
    stored = [idea.source_id for idea in queue.get_task_results(task_id)]
    assert stored == [video.video_id for video in channel.videos]


# --- memory and time -----------------------------------------------------------------------------

MEASURED = """
import re
from tubeq.domain.errors import PluginError
from tubeq.plugins.youtube.channel import YouTubeChannelPlugin
try:
    print(len(YouTubeChannelPlugin().scrape(channel_url="@lighthouse", max_results=60)))
except PluginError as error:
    print(error.code)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""
BOMBS: dict[str, Callable[[World], None]] = {
    "an endless answer": lambda world: world.fail(faults.endless()),
    "an endless page 2": lambda world: world.fail(faults.endless(), request="continuation"),
    "an endless redirect": lambda world: (
        world.fail(faults.redirect("https://www.youtube.com/")),
        world.fail(faults.endless()),
    )[0],
    "an endless error": lambda world: (
        world.fail(faults.http_error(503)),
        world.fail(faults.endless()),
    )[0],
    "a bomb": lambda world: world.fail(faults.gzip_bomb()),
    "a bomb on page 2": lambda world: world.fail(faults.gzip_bomb(), request="continuation"),
}


@pytest.mark.timeout(240)  # eight processes
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one process")
def test_no_answer_fills_memory(world: World, youtube: SimulatedYouTube) -> None:
    """In processes of their own, as memory once used is hard to tell from memory in use."""
    world.channel("@lighthouse", 60)

    def measured() -> tuple[str, int]:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED], env=environment_of(youtube), capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        outcome, mebibytes = done.stdout.split()
        return outcome, int(mebibytes)

    outcome, usual = measured()
    assert outcome == "60"
    world.fail(faults.gzipped())
    assert measured()[0] == "60"
    for row, plant in BOMBS.items():
        world.faults.clear()
        plant(world)
        outcome, most = measured()
        print(f"{row}: {outcome}, {most} MiB, usually {usual} MiB")
        assert outcome in ("too_large", "server_error"), row
        assert most < usual + 150, row


@pytest.mark.parametrize("request_kind", ["page", "continuation"])
@pytest.mark.parametrize("fault", [faults.hang(), faults.slow_drip()], ids=["silence", "drops"])
def test_a_cancelled_task_ends_in_the_middle_of_a_request(
    tubeq: Tubeq, world: World, youtube: SimulatedYouTube, fault: faults.Fault, request_kind: str
) -> None:
    """Long before the server is given up, or the claim's next heartbeat is due."""
    world.channel("@lighthouse", 60)
    world.fail(fault, request=request_kind)
    patient = {**tubeq.env, "TUBEQ_SOCKET_TIMEOUT_S": "50", "TUBEQ_LEASE_S": "600"}
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tubeq.queue() as queue:
        task_id = queue.create_task(_CHANNEL, LISTING)
        before = youtube.requests()
        wanted = before + (1 if request_kind == "page" else 2)
        with tubeq.start("worker", "--until-idle", env=patient, **nowhere) as worker:
            try:
                until(lambda: youtube.requests() == wanted)
                queue.cancel_task(task_id)
                began = time.monotonic()
                until(lambda: queue.get_task(task_id).status is TaskStatus.CANCELLED)
                took_s = time.monotonic() - began
                print(f"cancelled after {took_s:.2f} s")
                assert worker.wait(DO_NOT_HANG_S) == 0
            finally:
                worker.kill()
        assert queue.get_task_results(task_id) == []
    assert youtube.requests() == wanted
    assert took_s < 8  # after 10 s the worker's process is ended by force
