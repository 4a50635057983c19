"""The command line in real processes: scraping, and workers that drain a queue."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import command, environment_of, run
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


@pytest.fixture
def environment(youtube: SimulatedYouTube) -> dict[str, str]:
    return environment_of(youtube)


def test_scrape_prints_json_with_source_ids(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run("scrape", "@unsteady", "--max-results", "7", "--json", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    ideas = json.loads(done.stdout)
    assert len({idea["source_id"] for idea in ideas}) == 7
    with QueueManager(tmp_path / "tubeq.db") as queue:
        (task,) = queue.list_tasks()
        # The throttling that it met said when to come again: that is no failure.
        assert (task.status, task.retry_count) == (TaskStatus.COMPLETED, 0)
        events = [entry.event for entry in queue.get_task_history(task.task_id)]
        assert events.count("deferred") == 1
        stored = queue.get_task_results(task.task_id)
        assert [result.source_id for result in stored] == [idea["source_id"] for idea in ideas]
    assert task.task_id in done.stderr


def test_scrape_does_not_crash_on_a_legacy_console(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    legacy = {**environment, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = subprocess.run(
        command("scrape", "@hostile", "--db", "hostile.db"),
        cwd=tmp_path, env=legacy, capture_output=True, timeout=40, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\\u65e5" in done.stdout.decode("cp1252")
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"--db hostile.db" in done.stderr


def test_scrape_of_a_channel_that_is_gone_says_why(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run("scrape", "@gone", "--json", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout) == (1, "[]\n")
    assert done.stderr.startswith("error: failed: ")
    assert "does not exist" in done.stderr
    with QueueManager(tmp_path / "tubeq.db") as queue:
        (task,) = queue.list_tasks()
        assert (task.status, task.retry_count) == (TaskStatus.FAILED, 0)


def test_a_mistyped_channel_never_becomes_a_task(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run("scrape", "https://example.org/@x", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "channel_url" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _start_worker(cwd: Path, env: dict[str, str], *options: str) -> subprocess.Popen[str]:
    new_group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        new_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        command("worker", "--json", *options),
        cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        **new_group,
    )  # fmt: skip


def _summary(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err, err
    summary: dict[str, Any] = json.loads(out)
    return summary


def _wait_until(condition: Any, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def _accounted_for(queue: QueueManager, tasks: list[Task]) -> None:
    """Every task is completed exactly once, with its ideas."""
    for task in tasks:
        events = Counter(entry.event for entry in queue.get_task_history(task.task_id))
        assert task.status is TaskStatus.COMPLETED
        assert events[TaskEvent.COMPLETED] == 1
        assert len(queue.get_task_results(task.task_id)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="CTRL_C needs a console of its own")
def test_two_workers_drain_what_a_third_process_adds_and_ctrl_c_loses_nothing(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    count = 120
    with QueueManager(tmp_path / "tubeq.db") as queue:
        first, second = (_start_worker(tmp_path, environment) for _ in range(2))
        _wait_until(lambda: len(queue.workers()) == 2)
        lines = "".join(f'{{"channel_url": "@c{n}", "max_results": 2}}\n' for n in range(count))
        added = run("add", TYPE, "--from-file", "-", cwd=tmp_path, env=environment, stdin=lines)
        assert added.stdout == f"{count} tasks added\n"
        _wait_until(lambda: queue.stats().by_status["COMPLETED"] >= count // 4)
        first.send_signal(signal.SIGINT)
        one = _summary(first)
        assert first.returncode == 0
        assert 0 < one["succeeded"] < count
        _wait_until(lambda: queue.stats().by_status["COMPLETED"] == count)
        second.send_signal(signal.SIGINT)
        two = _summary(second)
        assert one["succeeded"] + two["succeeded"] == count
        assert one["stopped"] and two["stopped"]
        assert queue.workers() == []
        _accounted_for(queue, queue.list_tasks(limit=count + 1))


def test_worker_until_idle_and_a_stop_request(tmp_path: Path, environment: dict[str, str]) -> None:
    parameters = ["-p", "channel_url=@c1", "-p", "max_results=2"]
    assert run("add", TYPE, *parameters, cwd=tmp_path, env=environment).returncode == 0
    with QueueManager(tmp_path / "tubeq.db") as queue:
        queue.create_task(TYPE, {"wrong": 1})  # programs may, and learn of it from the worker
    drained = _start_worker(tmp_path, environment, "--until-idle", "--quiet")
    summary = _summary(drained)
    assert (summary["succeeded"], summary["failed"], summary["tasks_failed"]) == (1, 1, 1)
    assert drained.returncode == 1
    waiting = _start_worker(tmp_path, environment, "--processes", "2")
    with QueueManager(tmp_path / "tubeq.db") as queue:
        _wait_until(lambda: len(queue.workers()) == 2)
    stopped = run("stop", "--json", cwd=tmp_path, env=environment)
    assert json.loads(stopped.stdout) == {"schema": "tubeq/1", "asked": 2}
    assert _summary(waiting)["crashed"] == 0
    assert waiting.returncode == 0


def test_a_reader_that_leaves_early_is_no_error(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    lines = "".join(f'{{"channel_url": "@c{n}"}}\n' for n in range(3000))
    run("add", TYPE, "--from-file", "-", cwd=tmp_path, env=environment, stdin=lines)
    for words in (["tasks", "--limit", "3000"], ["tasks", "--limit", "3000", "--json"]):
        process = subprocess.Popen(
            command(*words),
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        process.wait(timeout=20)
