"""Commands that start workers, called in this process; the workers are real ones."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.unit.cli.conftest import Command
from tubeq.cli import progress
from tubeq.domain.errors import StorageBusy
from tubeq.domain.states import TaskStatus
from tubeq.queue.queue_manager import QueueManager
from tubeq.testing.youtube import SimulatedYouTube, World
from tubeq.workers.config import WorkerConfig
from tubeq.workers.runner import Runner, RunnerConfig, RunnerEvent, RunSummary

TYPE = "youtube_channel"


@pytest.fixture
def youtube(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedYouTube]:
    """Where TUBEQ_PROXY and TUBEQ_CA_FILE lead."""
    world = World(any_channel=True)
    world.channel("@gone", alert="This channel does not exist.")
    with SimulatedYouTube(world) as server:
        monkeypatch.setenv("TUBEQ_PROXY", server.proxy_url)
        monkeypatch.setenv("TUBEQ_CA_FILE", server.ca_file)
        yield server


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is drawn on stderr, as if it were a terminal."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=100, markup=False, emoji=False)
    monkeypatch.setattr("tubeq.cli.live.is_watched", lambda: True)
    monkeypatch.setattr("tubeq.cli.live.moving_console", lambda: console)
    return drawn


def test_scrape_uses_the_settings_and_leaves_the_environment_alone(
    tubeq: Command, youtube: SimulatedYouTube, terminal: io.StringIO
) -> None:
    before = dict(os.environ)
    outcome = tubeq("scrape", "@anything", "--max-results", "3")
    assert outcome.exit_code == 0, outcome
    assert "@anything: 3 ideas" in outcome.out
    assert "stored in tubeq.db" in outcome.err
    assert "@anything: scraping" in terminal.getvalue()
    assert youtube.requests() >= 1
    assert dict(os.environ) == before


def test_scrape_that_fails_says_why_and_what_to_do(
    tubeq: Command, youtube: SimulatedYouTube
) -> None:
    outcome = tubeq("scrape", "@gone", "--db", "other.db")
    assert (outcome.exit_code, outcome.out) == (1, "")
    error, advice = outcome.err.splitlines()
    assert error.startswith("error: failed: ")
    assert "--db other.db" in advice


def test_scrape_that_is_interrupted_leaves_the_task_to_a_worker(
    tubeq: Command, queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, "run", lambda self: RunSummary(stopped=True))
    outcome = tubeq("scrape", "@later")
    assert outcome.exit_code == 130
    assert "tubeq worker" in outcome.err
    assert [task.status for task in queue.list_tasks()] == [TaskStatus.QUEUED]


def test_worker_reports_in_a_terminal(
    tubeq: Command, queue: QueueManager, youtube: SimulatedYouTube, terminal: io.StringIO
) -> None:
    queue.create_task(TYPE, {"channel_url": "@a", "max_results": 2})
    outcome = tubeq("worker", "--until-idle", "--backoff", "1s", "--timeout", "30s")
    assert outcome.exit_code == 0, outcome
    assert outcome.out == "1 attempt, 1 succeeded; 0 tasks failed permanently\n"
    assert "started" in terminal.getvalue()


def test_worker_refuses_what_cannot_be(tubeq: Command, tmp_path: Path) -> None:
    for arguments in (["--type", "nothing"], ["--lease", "0s"], ["--timeout", "later"]):
        tubeq.refused("worker", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_demo_draws_a_table_and_a_picture(
    tubeq: Command, terminal: io.StringIO, tmp_path: Path
) -> None:
    outcome = tubeq(
        "demo", "--workers", "2", "--channels", "2", "--max-results", "3",
        "--db", "demo.db", "--svg", "demo.svg",
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome
    assert "2 tasks = 2 completed" in outcome.out
    assert "1 failure retried" in outcome.out
    assert "2 of 2 channels" in terminal.getvalue()
    picture = (tmp_path / "demo.svg").read_text("utf-8")
    assert "@lighthouse" in picture
    assert "HTTP&#160;429" in picture
    assert "@font-face" not in picture
    assert str(tmp_path) not in picture
    assert "tubeq tasks" in outcome.out


def test_demo_that_is_interrupted_says_what_is_left(
    tubeq: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, "run", lambda self: RunSummary(stopped=True))
    outcome = tubeq("demo", "--channels", "2", "--db", "demo.db", "--json")
    assert outcome.exit_code == 130
    assert outcome.json["by_status"] == {"QUEUED": 2}
    outcome = tubeq("demo", "--channels", "2", "--db", "again.db")
    assert outcome.exit_code == 130
    assert "2 tasks = 2 queued + 0 completed" in outcome.out


def test_demo_that_fails_ends_with_1(tubeq: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_all(runner: Runner) -> RunSummary:
        with QueueManager("demo.db") as queue:
            for claim in queue.claim_tasks(TYPE, "worker", 9):
                queue.fail_task(claim, "no such thing", permanent=True)
        return RunSummary()

    monkeypatch.setattr(Runner, "run", fail_all)
    outcome = tubeq("demo", "--channels", "2", "--db", "demo.db")
    assert outcome.exit_code == 1
    assert "2 tasks = 0 completed + 2 failed" in outcome.out
    assert "FAILED (no such thing)" in outcome.err


def test_demo_never_touches_a_database_that_is_there(tubeq: Command, queue: QueueManager) -> None:
    task_id = queue.create_task(TYPE, {"channel_url": "@real"})
    assert "of its own" in tubeq.refused("demo", "--db", "tubeq.db")
    assert queue.get_task(task_id).status is TaskStatus.QUEUED


def test_workers_and_stop(tubeq: Command, queue: QueueManager) -> None:
    from tubeq.storage.ports.tasks import WorkerInfo

    assert tubeq("workers").err == "no workers are running\n"
    assert tubeq("stop").err == "no workers are running\n"
    created = "2027-01-15 08:00:00.000000"
    info = WorkerInfo("worker-1", TYPE, "host", 4711, created, 1_800_000_000.0, False)
    queue.register.add(info)
    assert "4711" in tubeq("workers").out
    assert "worker-2" in tubeq.refused("stop", "worker-2")
    assert "1 worker was asked" in tubeq("stop", "worker-1").err
    assert "stopping" in tubeq("workers").out
    (told,) = json.loads(tubeq("workers", "--json").out)
    assert (told["worker_id"], told["stop_requested"]) == ("worker-1", True)


def test_events_that_matter_are_told_even_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    summary = RunSummary(processed=3, succeeded=1, failed=2, crashed=1)
    with progress.report_of_run(quiet=True) as report:
        for kind in ("started", "died", "rescued", "stopping", "progress"):
            report(RunnerEvent(kind, summary, "worker-1", 4711, "exit code -9"))
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told[:2]] == [
        "worker worker-1 (pid 4711) died", "worker worker-1 (pid 4711) rescued",
    ]  # fmt: skip
    assert told[2].startswith("stopping")
    assert len(told) == 3


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 0.0)
    summary = RunSummary(processed=3, succeeded=1, failed=2, crashed=2)
    with progress.report_of_run(quiet=False) as report:
        report(RunnerEvent("progress", summary))
    words = "3 attempts, 1 succeeded, 2 failed, 2 workers crashed and were replaced"
    assert capsys.readouterr().err == f"{words}\n"


def test_a_queue_that_cannot_be_read_any_more_ends_the_run(
    queue: QueueManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(queue.db_path, RunnerConfig(worker=WorkerConfig(task_type=TYPE)))
    stopped: list[bool] = []

    def run(self: Runner) -> RunSummary:
        while not self._stops_asked:
            pass
        stopped.append(True)
        return RunSummary(stopped=True)

    def is_over() -> bool:
        raise StorageBusy("no")

    monkeypatch.setattr(Runner, "run", run)
    with pytest.raises(StorageBusy):
        progress.run_until(runner, is_over)
    assert stopped == [True]


def test_the_help_says_what_is_worked_without_a_type(tubeq: Command) -> None:
    assert "every type that an installed plugin has" in _flat(tubeq("worker", "--help").out)


def _flat(shown: str) -> str:
    return " ".join(shown.replace("\u2502", " ").split())
