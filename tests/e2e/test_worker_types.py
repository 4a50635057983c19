"""`tubeq worker` without --type: every type that a plugin can do has its turn."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Tubeq, environment_of
from tests.e2e.installed_plugins import install
from tests.support import raising, until
from tests.unit.workers.support import worker_on
from tubeq.domain.errors import TransientError
from tubeq.domain.models import NewTask
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World, faults

pytestmark = pytest.mark.integration

SOURCE = """
    import atexit, ctypes, os, subprocess, sys, threading, time
    from tubeq.plugins.saving import ChildTask, save

    print("imported")
    atexit.register(print, "the end")

    class Quick:
        def __init__(self):
            print("made")

        def scrape(self, name="", rest_s=0.0, makes=None):
            with open(os.environ["TEST_REPORT"], "a") as file:
                file.write(name + "\\n")
            time.sleep(rest_s)
            if makes:
                save([], [ChildTask(makes, makes, {"name": makes})])
            return []

    class Unmade:
        def __init__(self):
            raise OSError("no licence")

    class Loud:
        def scrape(self, number):
            print("one", number)
            print("half a line", end="")
            print(" and its end")
            os.write(1, b"from C\\\\n".replace(b"\\\\n", b"\\n"))
            program = "print('from a program')"
            subprocess.run([sys.executable, "-c", program], check=True)
            thread = threading.Thread(target=print, args=("from a thread", number))
            thread.start()
            thread.join()
            print("no end", end="")
            return []
"""
GROUPS = {
    "tubeq.plugins": {
        "first": "test_plugins:Quick",
        "second": "test_plugins:Quick",
        "later": "test_plugins:Quick",
        "loud": "test_plugins:Loud",
        "broken": "no_such_module:Plugin",
        "unmade": "test_plugins:Unmade",
    }
}


@pytest.fixture(scope="module")
def youtube() -> Iterator[SimulatedYouTube]:
    with SimulatedYouTube(World(any_channel=True)) as server:
        yield server


@pytest.fixture
def tubeq(tmp_path: Path, youtube: SimulatedYouTube) -> Tubeq:
    (tmp_path / "report").touch()
    variables = {**environment_of(youtube), "TEST_REPORT": str(tmp_path / "report")}
    return Tubeq(tmp_path, install(tmp_path, variables, SOURCE, GROUPS))


@pytest.fixture
def queue(tubeq: Tubeq) -> Iterator[QueueManager]:
    with tubeq.queue() as queue:
        yield queue


def worked(tubeq: Tubeq) -> list[str]:
    return (tubeq.folder / "report").read_text().split()


@pytest.mark.parametrize("options", [(), ("--threads", "2")])
def test_all_types_are_worked_in_turn_and_a_broken_plugin_is_passed_over(
    tubeq: Tubeq, queue: QueueManager, options: tuple[str, ...]
) -> None:
    queue.create_tasks([NewTask("first", {"name": "first"}) for _ in range(30)])
    queue.create_tasks([NewTask("second", {"name": "second", "makes": "later"}) for _ in range(2)])
    channel = queue.create_task("youtube_channel", {"channel_url": "@a", "max_results": 1})
    queue.create_tasks([NewTask("broken"), NewTask("foreign", run_after=time.time() + 9000)])
    done = tubeq("worker", "--until-idle", "--json", *options)
    told = json.loads(done.stdout)
    assert (told["succeeded"], told["failed"]) == (35, 0)
    assert queue.get_task(channel).status == "COMPLETED"
    # 30 tasks of one type wait, and none of another waits for all of them.
    assert set(worked(tubeq)[:12]) == {"first", "second", "later"}
    assert "broken" in done.stderr
    assert "no_such_module" in done.stderr
    assert "no live worker takes broken, foreign" in done.stderr
    assert told["types_without_worker"] == ["broken", "foreign"]


def test_a_type_that_appears_later_is_worked_by_the_same_process(
    tubeq: Tubeq, queue: QueueManager
) -> None:
    worker = tubeq.start("worker", "--json")
    until(lambda: queue.workers())
    (info,) = queue.workers()
    assert {"first", "later", "youtube_video"} <= set(info.task_types)
    assert "first, later" in tubeq("workers").stdout
    queue.create_task("later", {"name": "later"})
    until(lambda: worked(tubeq) == ["later"])
    assert tubeq.json("stats")["types_without_worker"] == []
    if sys.platform == "win32":  # where no signal asks a process to end
        queue.request_stop()
    else:
        worker.terminate()
    out, err = worker.communicate(timeout=30)
    assert worker.returncode == 0, err
    assert json.loads(out)["succeeded"] == 1
    assert "Ctrl-C" not in err
    assert ("a second signal hands them back now" in err) == (sys.platform != "win32")


def test_add_stats_and_doctor_name_what_no_worker_takes(tubeq: Tubeq, queue: QueueManager) -> None:
    added = tubeq("add", "youtube_video", "-p", "video=abcdefghi01")
    assert added.stderr == "no live worker takes youtube_video: start `tubeq worker`\n"
    queue.create_task("foreign", run_after=time.time() + 9000)
    assert tubeq.json("stats")["types_without_worker"] == ["foreign", "youtube_video"]
    stats = tubeq("stats").stdout
    assert "no live worker takes foreign, youtube_video" in stats
    assert "no plugin is installed for foreign" in stats
    assert "none takes the queued tasks of foreign, youtube_video" in tubeq("doctor").stdout
    only = tubeq("worker", "--type", "youtube_channel", "--until-idle")
    assert "no live worker takes foreign, youtube_video" in only.stderr


def test_what_plugins_print_is_no_part_of_the_output(tubeq: Tubeq, queue: QueueManager) -> None:
    first, second = queue.create_tasks([NewTask("loud", {"number": n}) for n in (1, 2)])
    done = tubeq("worker", "--until-idle", "--json")
    assert json.loads(done.stdout)["succeeded"] == 2
    for task_id, number in ((first, 1), (second, 2)):
        for text in (
            f"one {number}",
            "half a line and its end",
            f"from a thread {number}",
            "no end",
        ):
            assert done.stderr.count(f"[task {task_id}] {text}\n") == 1, done.stderr
    assert done.stderr.count("from C\n") == done.stderr.count("from a program\n") == 2
    assert "[worker] made\n" in done.stderr


def test_a_plugin_that_cannot_be_made_keeps_no_run_from_its_end(
    tubeq: Tubeq, queue: QueueManager
) -> None:
    queue.create_tasks([NewTask("unmade"), NewTask("first", {"name": "first"})])
    done = tubeq("worker", "--until-idle", "--json")
    assert worked(tubeq) == ["first"], done.stderr
    (left,) = json.loads(done.stdout)["left"]
    assert (left["task_type"], left["due"]) == ("unmade", 1)
    assert "skipped: unmade: no licence" in done.stderr


@pytest.mark.parametrize(
    "words", ["types", "add first", "doctor", "results", "scrape @a --max-results 1"]
)
def test_a_plugin_that_prints_as_it_is_imported_spoils_no_output(
    tubeq: Tubeq, queue: QueueManager, words: str
) -> None:
    tubeq.json(*words.split())


def _scheduled(queue: QueueManager, *delays_s: float, **parameters: Any) -> None:
    now = time.time()
    queue.create_tasks([NewTask("first", parameters, run_after=now + each) for each in delays_s])


def test_until_idle_waits_for_what_is_due_soon_and_names_what_it_leaves(
    tubeq: Tubeq, queue: QueueManager
) -> None:
    _scheduled(queue, 10.0, 5_700_000.0, 5_800_000.0, name="first")
    done = tubeq("worker", "--until-idle", "--json")
    told = json.loads(done.stdout)
    assert told["succeeded"] == 1
    (left,) = told["left"]
    assert (left["task_type"], left["due"], left["scheduled"]) == ("first", 0, 2)
    assert left["next_due_at"].endswith("Z")
    (waiting,) = (line for line in done.stderr.splitlines() if line.startswith("waiting: "))
    assert waiting.startswith("waiting: first: the next task is due at 20")
    assert "left: first: 2 tasks are scheduled later than that, the next at 20" in done.stderr


@pytest.mark.parametrize(
    ("span", "delay_s", "done_"), [("0", 60.0, 0), ("1s", 60.0, 0), ("1h", 3.0, 1)]
)
def test_how_long_it_waits_can_be_said(
    tubeq: Tubeq, queue: QueueManager, span: str, delay_s: float, done_: int
) -> None:
    _scheduled(queue, delay_s, name="first")
    told = tubeq.json("worker", "--until-idle", "--wait-scheduled", span)
    assert told["processed"] == done_


def test_a_scrape_in_the_foreground_says_what_it_waits_for(
    tmp_path: Path, youtube: SimulatedYouTube
) -> None:
    youtube.world.channel("@unsteady", videos=1)
    youtube.world.fail(faults.http_error(429, retry_after_s=5), channel="@unsteady", times=2)
    done = Tubeq(tmp_path, environment_of(youtube))("scrape", "@unsteady", "--json")
    assert done.stderr.startswith("@unsteady: waits until 20")
    assert "429" in done.stderr


def test_a_pause_beyond_that_is_left_as_well(tubeq: Tubeq, queue: QueueManager) -> None:
    queue.create_tasks([NewTask("first", {"name": "first"}) for _ in range(3)])
    blocked = worker_on(
        queue,
        raising(TransientError("too much", code="bot_check", retry_after_s=4000.0)),
        task_type="first",
        breaker_pause_s=3600.0,
    )
    claim = blocked.claim_task()
    assert claim is not None
    blocked.process_task(claim)
    done = tubeq("worker", "--until-idle", "--json")
    (left,) = json.loads(done.stdout)["left"]
    assert (left["due"], left["scheduled"]) == (2, 1)
    assert left["paused_until"].endswith("Z")
    assert "2 tasks are due, but paused until 20" in done.stderr
