"""What YouTube says is to come is waited for: no failure is counted, whatever the wait."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import FakeClock
from tests.e2e.command_line import Tubeq
from tests.e2e.conftest import MakePlugin, process_one
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World, faults, problems

DAY_S = 86_400.0
VIDEO = "premiere-00"


class Scene:
    """A worker that does a task whenever it is due, by a clock that is moved."""

    def __init__(self, queue: QueueManager, clock: FakeClock, task_type: str, plugin: Any) -> None:
        self.clock = clock
        self.queue = queue
        self._doing = (task_type, plugin)
        of_video = task_type == "youtube_video"
        self.task_id = queue.create_task(
            task_type, {"video": VIDEO} if of_video else {"channel_url": "@notyet"}
        )

    def attempt(self) -> Task:
        return process_one(self.queue, *self._doing)

    def waits(self, task: Task) -> float:
        """How long it waits; the clock is moved to the end of it."""
        assert (task.status, task.retry_count) == (TaskStatus.QUEUED, 0), task.error_message
        assert task.run_after is not None
        wait_s = task.run_after - self.clock.now()
        self.clock.advance(wait_s + 0.1)
        return wait_s


@pytest.fixture(params=["youtube_video"])
def scene(request: pytest.FixtureRequest, world: World, make_plugin: MakePlugin) -> Iterator[Scene]:
    clock = FakeClock(time.time())
    world.channel("@notyet", 2)
    with QueueManager(":memory:", clock=clock) as queue:
        yield Scene(queue, clock, request.param, make_plugin(request.param))


def test_a_premiere_is_waited_for_until_it_airs(
    scene: Scene, world: World, youtube: SimulatedYouTube
) -> None:
    world.video(VIDEO, problem=problems.premiere(time.time() + 3 * DAY_S, "Premieres in 2 days"))
    before = youtube.requests()
    assert scene.waits(scene.attempt()) == pytest.approx(3 * DAY_S, abs=60)
    assert youtube.requests() - before == 2  # the second one for the date
    world.video(VIDEO)
    task = scene.attempt()
    assert task.status is TaskStatus.COMPLETED
    events = [entry.event.value for entry in scene.queue.get_task_history(task.task_id)]
    assert "deferred" in events
    assert "retried" not in events


def test_a_premiere_without_a_date_is_looked_for_ever_less_often(
    scene: Scene, world: World
) -> None:
    world.video(VIDEO, problem=problems.PREMIERE)  # in 5 hours
    assert scene.waits(scene.attempt()) == pytest.approx(5 * 3600)
    assert scene.waits(scene.attempt()) == pytest.approx(10 * 3600)
    assert scene.waits(scene.attempt()) == pytest.approx(20 * 3600)
    assert scene.waits(scene.attempt()) == pytest.approx(24 * 3600)


def test_a_late_premiere_is_looked_for_soon(scene: Scene, world: World) -> None:
    world.video(VIDEO, problem=problems.premiere(time.time() + 30.0))
    assert scene.waits(scene.attempt()) < 60
    # Its date passed, and it is upcoming nevertheless.
    world.video(VIDEO, problem=problems.premiere(time.time() - 1.0, late_s=60))
    assert scene.waits(scene.attempt()) == pytest.approx(120)


def test_what_never_comes_fails_in_the_end(scene: Scene, world: World) -> None:
    """Postponed again and again."""
    world.video(VIDEO, problem=problems.premiere(time.time() + 400 * DAY_S))
    for _ in range(30):
        scene.waits(scene.attempt())
    task = scene.attempt()
    assert (task.status, task.error_code, task.retry_count) == (TaskStatus.FAILED, "never_came", 0)
    assert "Premieres" in str(task.error_message)
    scene.queue.requeue_task(task.task_id)
    scene.waits(scene.attempt())


@pytest.mark.parametrize(
    ("fault", "code", "waits_s"),
    [
        (faults.http_error(429, retry_after_s=17), "http_429", [17, 34, 68, 136]),
        (faults.http_error(503, retry_after_s=9), "server_error", [9, 18, 36, 72]),
        (faults.bot_check(), "bot_check", [3600] * 4),  # whose pauses, for all, grow already
    ],
)
@pytest.mark.parametrize("scene", ["youtube_channel"], indirect=True)
def test_a_wait_that_is_asked_for_is_no_failure(
    scene: Scene, world: World, fault: Any, code: str, waits_s: list[float]
) -> None:
    world.fail(fault)
    for wait_s in waits_s:
        task = scene.attempt()
        assert task.error_code == code
        assert scene.waits(task) == pytest.approx(wait_s, abs=1)
        scene.queue.limits.resume("type:youtube_channel")
    world.faults.clear()
    assert scene.attempt().status is TaskStatus.COMPLETED


@pytest.mark.parametrize("scene", ["youtube_channel"], indirect=True)
def test_failures_are_counted_all_the_same(scene: Scene, world: World) -> None:
    world.fail(faults.http_error(500))
    assert [scene.attempt().retry_count for _ in range(3)] == [1, 2, 3]
    assert scene.queue.get_task(scene.task_id).status is TaskStatus.FAILED


# --- in a terminal -------------------------------------------------------------------------------


def stored(tubeq: Tubeq) -> Task:
    (task,) = tubeq.tasks(task_type="youtube_video")
    return task


def test_a_command_does_not_sit_for_days(tubeq: Tubeq, world: World) -> None:
    begins_at = time.time() + 3 * DAY_S
    world.video(VIDEO, problem=problems.premiere(begins_at, "Premieres in 3 days"))
    done = tubeq("video", VIDEO, code=1)
    until = time.strftime("%Y-%m-%d %H:%M", time.gmtime(begins_at + 5))
    for words in ("Premieres in 3 days", until, "in 3d", "worker --type youtube_video"):
        assert words in done.stderr
    task = stored(tubeq)
    assert (task.status, task.retry_count) == (TaskStatus.QUEUED, 0)


def test_a_command_waits_for_what_comes_soon(tubeq: Tubeq, world: World) -> None:
    world.video(VIDEO, problem=problems.premiere(time.time() + 12, "Premieres in 12 seconds"))
    done = tubeq("video", VIDEO, "--json")
    assert "waits until" in done.stderr
    assert "Premieres in 12 seconds" in done.stderr
    assert [idea["source_id"] for idea in json.loads(done.stdout)] == [VIDEO]
    assert stored(tubeq).retry_count == 0


def test_a_command_that_is_blocked_says_until_when(tubeq: Tubeq, world: World) -> None:
    world.channel("@blocked", 2)
    world.fail(faults.bot_check(), channel="@blocked")
    done = tubeq("scrape", "@blocked", code=1)
    assert "waits until" in done.stderr
    assert "not a bot" in done.stderr


def test_one_premiere_does_not_keep_a_whole_channel_waiting(tubeq: Tubeq, world: World) -> None:
    (first, *_) = world.channel("@announcing", 3).videos
    world.video(first.video_id, problem=problems.premiere(time.time() + 3 * DAY_S))
    done = tubeq("scrape", "@announcing", "--enrich", "--json")
    told = json.loads(done.stdout)
    assert (told["children"]["open"], told["children"]["by_status"]["COMPLETED"]) == (1, 2)
    assert "1 to go" in done.stderr
    assert "worker --type youtube_channel --type youtube_video" in done.stderr
