"""Workers as processes: everything is done once, whatever dies."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.runner_support import Running, Scene
from tests.support import is_gone, kill, until
from tubeq.domain.errors import ClaimLost, PluginError, PluginNotFound, StorageError, StorageFull
from tubeq.domain.models import Task
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.storage.ports.tasks import Rescue
from tubeq.workers.config import RunnerConfig, WorkerConfig
from tubeq.workers.report import RunnerEvent
from tubeq.workers.runner import Runner

pytestmark = pytest.mark.timeout(40)


def test_workers_drain_a_queue_and_end(scene: Scene) -> None:
    scene.add(60, rest_s=0.05)  # so long that the second worker is there before the end
    summary = scene.runner("Quick", processes=2).run()
    assert (summary.processed, summary.succeeded, summary.failed, summary.crashed) == (60, 60, 0, 0)
    assert scene.counts() == {"COMPLETED": 60}
    assert set(scene.calls().values()) == {1}
    assert len(scene.pids()) == 2  # both had a share
    assert scene.kinds().count("started") == scene.kinds().count("ended") == 2
    assert "progress" in scene.kinds()
    assert scene.queue.workers() == []


@pytest.mark.timeout(120)
def test_killed_workers_cost_no_task_and_double_none(scene: Scene) -> None:
    """Nor could they, if they came back: what they held is no longer theirs."""
    task_ids = scene.add(1000, rest_s=0.02)
    runner = scene.runner("Quick", processes=4, lease_s=60.0, crash_limit=100)

    def busy() -> list[tuple[Task, int]]:
        pids = {each.worker_id: each.pid for each in scene.queue.workers()}
        tasks = [(task, pids.get(task.worker_id)) for task in scene.queue.list_tasks("RUNNING")]
        return [(task, pid) for task, pid in tasks if pid in runner.worker_pids()]

    held = []
    with Running(runner) as running:
        for killed in range(6):
            completed = 50 + 150 * killed
            until(lambda least=completed: scene.counts().get("COMPLETED", 0) >= least, 60.0)
            task, pid = random.choice(until(busy))
            kill(pid)
            held.append(task)
        summary = running.wait(60.0)
    assert scene.counts() == {"COMPLETED": 1000}
    assert scene.completions() == dict.fromkeys(task_ids, 1)
    assert summary.crashed == 6
    assert scene.kinds().count("died") == 6
    for claim in held:
        with pytest.raises(ClaimLost):
            scene.queue.complete_task(claim)


def test_the_task_of_a_killed_worker_goes_on_at_once(scene: Scene) -> None:
    """Its lease would hold for another minute."""
    (task_id,) = scene.add(1, times=1)
    started = time.monotonic()
    summary = scene.runner("Poison", lease_s=60.0).run()
    assert time.monotonic() - started < 10.0
    task = scene.queue.get_task(task_id)
    assert (task.status, task.crash_count) == (TaskStatus.COMPLETED, 1)
    assert (summary.crashed, summary.succeeded) == (1, 1)
    (rescued,) = [event for event in scene.events if event.kind == "rescued"]
    assert rescued.detail == task_id


def test_a_task_that_kills_its_workers_is_a_dead_letter(scene: Scene) -> None:
    (task_id,) = scene.add()
    summary = scene.runner("Poison").run()
    task = scene.queue.get_task(task_id)
    assert (task.status, task.error_code) == (TaskStatus.FAILED, "dead_letter")
    assert scene.calls() == {"0": 3}
    assert (summary.crashed, summary.dead) == (3, 1)


def test_several_such_tasks_do_not_end_the_run(scene: Scene) -> None:
    """More deaths in a row than are allowed at the start; but these workers had worked."""
    scene.add(3)
    summary = scene.runner("Poison", crash_limit=2).run()
    assert (summary.crashed, summary.dead) == (6, 3)


def test_a_full_disk_does_not_end_the_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    (task_id,) = scene.add(1, times=1)
    real, refused = QueueManager.rescue, []

    def rescue(queue: QueueManager, worker_id: str | None = None, crash_limit: int = 3) -> Rescue:
        if len(refused) < 2:
            refused.append(worker_id)
            raise StorageFull("no space left")
        return real(queue, worker_id, crash_limit)

    monkeypatch.setattr(QueueManager, "rescue", rescue)
    summary = scene.runner("Poison").run()
    assert len(refused) == 2
    assert (summary.crashed, summary.succeeded) == (1, 1)
    assert scene.queue.get_task(task_id).crash_count == 1


@pytest.mark.parametrize(
    ("plugin", "named"),
    [("nowhere:Plugin", "nowhere"), ("tests.e2e.runner_plugins:Absent", "Absent")],
)
def test_a_plugin_that_is_none_ends_the_run_at_once(scene: Scene, plugin: str, named: str) -> None:
    scene.add()
    with pytest.raises(PluginNotFound, match=named):
        scene.runner(plugin, processes=2).run()
    assert scene.counts() == {"QUEUED": 1}
    assert scene.queue.workers() == []


def test_a_task_type_without_a_plugin_ends_the_run(scene: Scene) -> None:
    config = RunnerConfig(worker=WorkerConfig(task_type="unheard_of"), until_idle=True)
    with pytest.raises(PluginNotFound, match="unheard_of"):
        Runner(scene.db_path, config).run()


@pytest.mark.parametrize(("plugin", "named"), [("Broken", "no such luck"), ("Dying", "5 workers")])
def test_workers_that_die_at_their_start_are_not_started_for_ever(
    scene: Scene, plugin: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tubeq.workers.runner._FAILED_START_REST_S", 0.01)
    scene.add()
    with pytest.raises(PluginError, match=named) as caught:
        scene.runner(plugin).run()
    assert caught.value.code == "workers_failed"
    assert scene.kinds().count("started") == 5
    assert scene.counts() == {"QUEUED": 1}


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    config = RunnerConfig(worker=WorkerConfig(task_type="video"))
    with pytest.raises(StorageError):
        Runner(tmp_path, config).run()


def test_an_error_of_the_listener_leaves_no_process(scene: Scene) -> None:
    pids: list[int] = []

    def listen(event: RunnerEvent) -> None:
        if event.kind == "started":
            pids.append(event.pid or 0)
        else:
            raise ZeroDivisionError

    scene.add(30, rest_s=0.02)
    runner = scene.runner("Quick", processes=2)
    runner._on_event = listen
    with pytest.raises(ZeroDivisionError):
        runner.run()
    assert len(pids) == 2
    until(lambda: all(is_gone(pid) for pid in pids))
    assert set(scene.counts()) <= {"COMPLETED", "QUEUED"}


def test_a_new_task_wakes_a_worker_in_another_process(scene: Scene) -> None:
    runner = scene.runner("Quick", processes=2, until_idle=False, poll_interval=30.0)
    with Running(runner):
        (first,) = scene.add()
        until(lambda: scene.queue.get_task(first).status is TaskStatus.COMPLETED)
        time.sleep(0.3)  # idle again
        for _ in range(3):
            started = time.monotonic()
            (task_id,) = scene.add()
            until(lambda task_id=task_id: scene.queue.get_task(task_id).status == "COMPLETED")
            assert time.monotonic() - started < 5.0


def test_the_last_task_lets_the_idle_workers_go(scene: Scene) -> None:
    scene.add(1, rest_s=0.5)
    started = time.monotonic()
    scene.runner("Quick", processes=3, poll_interval=30.0).run()
    assert time.monotonic() - started < 10.0


def test_workers_load_neither_the_command_line_nor_the_program(
    scene: Scene, tmp_path: Path
) -> None:
    """They would cost memory, and a script without a guard would start workers without end."""
    module = tmp_path / "telling.py"
    module.write_text(
        "import sys\n"
        "class Plugin:\n"
        "    def scrape(self, number):\n"
        "        names = ('rich', 'argparse', 'tubeq.cli.main', 'pytest', 'yt_dlp')\n"
        "        return [{'source_id': name} for name in names if name in sys.modules]\n"
    )
    (task_id,) = scene.add()
    script = tmp_path / "program.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "print('the program begins')\n"
        "from tubeq.workers.config import RunnerConfig, WorkerConfig\n"
        "from tubeq.workers.runner import Runner\n"
        "config = RunnerConfig(worker=WorkerConfig(task_type='video'), until_idle=True,\n"
        "                      plugin='telling:Plugin')\n"
        "print(Runner(sys.argv[1], config).run().succeeded)\n"
    )
    printed = subprocess.run(
        [sys.executable, str(script), scene.db_path, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert printed.stdout.split("\n")[:2] == ["the program begins", "1"]
    assert scene.queue.get_task_results(task_id) == []
