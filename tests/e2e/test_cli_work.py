"""The command line in real processes: scraping, and workers that drain a queue."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq
from tests.support import until
from tubeq.domain.models import Task
from tubeq.domain.states import TaskEvent, TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World, faults

pytestmark = pytest.mark.integration
TYPE = "youtube_channel"


@pytest.fixture(scope="module")
def youtube() -> Iterator[SimulatedYouTube]:
    world = World(any_channel=True)
    world.channel("@gone", alert="This channel does not exist.")
    world.channel("@hostile", videos=2, titles=["日本 \x1b[31m[red] =1+1 👩\u200d🚀"])
    # yt-dlp asks a second time by itself before it gives up.
    world.fail(faults.http_error(429, retry_after_s=1), channel="@unsteady", times=2)
    with SimulatedYouTube(world) as server:
        yield server
    assert not server.unexpected_hosts


def test_scrape_prints_json_with_source_ids(tubeq: Tubeq) -> None:
    done = tubeq("scrape", "@unsteady", "--max-results", "7", "--json")
    ideas = json.loads(done.stdout)
    assert len({idea["source_id"] for idea in ideas}) == 7
    with tubeq.queue() as queue:
        (task,) = queue.list_tasks()
        # The throttling that it met said when to come again: that is no failure.
        assert (task.status, task.retry_count) == (TaskStatus.COMPLETED, 0)
        events = [entry.event for entry in queue.get_task_history(task.task_id)]
        assert events.count("deferred") == 1
        stored = queue.get_task_results(task.task_id)
        assert [result.source_id for result in stored] == [idea["source_id"] for idea in ideas]
    assert task.task_id in done.stderr


def test_scrape_does_not_crash_on_a_legacy_console(tubeq: Tubeq) -> None:
    legacy = {**tubeq.env, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    scrape = tubeq.start("scrape", "@hostile", "--db", "hostile.db", env=legacy, encoding=None)
    out, err = scrape.communicate(timeout=40)
    assert scrape.returncode == 0, err
    assert "\\u65e5" in out.decode("cp1252")
    assert b"\x1b" not in out + err
    assert b"--db hostile.db" in err


def test_scrape_of_a_channel_that_is_gone_says_why(tubeq: Tubeq) -> None:
    done = tubeq("scrape", "@gone", "--json", code=1)
    assert done.stdout == "[]\n"
    assert done.stderr.startswith("error: failed: ")
    assert "does not exist" in done.stderr
    (task,) = tubeq.tasks()
    assert (task.status, task.retry_count) == (TaskStatus.FAILED, 0)


def test_a_mistyped_channel_never_becomes_a_task(tubeq: Tubeq) -> None:
    assert "channel_url" in tubeq.refused("scrape", "https://example.org/@x")
    assert list(tubeq.folder.iterdir()) == []


def _start_worker(tubeq: Tubeq, *options: str) -> subprocess.Popen[str]:
    new_group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        new_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return tubeq.start("worker", "--json", *options, **new_group)


def _summary(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err, err
    summary: dict[str, Any] = json.loads(out)
    return summary


def _accounted_for(queue: QueueManager, tasks: list[Task]) -> None:
    """Every task is completed exactly once, with its ideas."""
    for task in tasks:
        events = Counter(entry.event for entry in queue.get_task_history(task.task_id))
        assert task.status is TaskStatus.COMPLETED
        assert events[TaskEvent.COMPLETED] == 1
        assert len(queue.get_task_results(task.task_id)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="CTRL_C needs a console of its own")
def test_two_workers_drain_what_a_third_process_adds_and_ctrl_c_loses_nothing(tubeq: Tubeq) -> None:
    count = 120
    with tubeq.queue() as queue:
        first, second = (_start_worker(tubeq) for _ in range(2))
        until(lambda: len(queue.workers()) == 2)
        lines = "".join(f'{{"channel_url": "@c{n}", "max_results": 2}}\n' for n in range(count))
        added = tubeq("add", TYPE, "--from-file", "-", stdin=lines)
        assert added.stdout == f"{count} tasks added\n"
        until(lambda: queue.stats().by_status["COMPLETED"] >= count // 4)
        first.send_signal(signal.SIGINT)
        one = _summary(first)
        assert first.returncode == 0
        assert 0 < one["succeeded"] < count
        until(lambda: queue.stats().by_status["COMPLETED"] == count, 30.0)
        second.send_signal(signal.SIGINT)
        two = _summary(second)
        assert one["succeeded"] + two["succeeded"] == count
        assert one["stopped"] and two["stopped"]
        assert queue.workers() == []
        _accounted_for(queue, queue.list_tasks(limit=count + 1))


def test_worker_until_idle_and_a_stop_request(tubeq: Tubeq) -> None:
    tubeq.add(TYPE, channel_url="@c1", max_results=2)
    with tubeq.queue() as queue:
        queue.create_task(TYPE, {"wrong": 1})  # programs may, and learn of it from the worker
    drained = _start_worker(tubeq, "--until-idle", "--quiet")
    summary = _summary(drained)
    assert (summary["succeeded"], summary["failed"], summary["tasks_failed"]) == (1, 1, 1)
    assert drained.returncode == 1
    waiting = _start_worker(tubeq, "--processes", "2")
    with tubeq.queue() as queue:
        until(lambda: len(queue.workers()) == 2)
    assert tubeq.json("stop") == {"schema": "tubeq/1", "asked": 2}
    assert _summary(waiting)["crashed"] == 0
    assert waiting.returncode == 0


def test_a_reader_that_leaves_early_is_no_error(tubeq: Tubeq) -> None:
    lines = "".join(f'{{"channel_url": "@c{n}"}}\n' for n in range(3000))
    tubeq("add", TYPE, "--from-file", "-", stdin=lines)
    for words in (["tasks", "--limit", "3000"], ["tasks", "--limit", "3000", "--json"]):
        with tubeq.start(*words) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert process.stderr.read() == ""
