"""A queue, a log that plugins write, and a Runner in a thread or in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.runner_plugins import noted
from tests.support import PATIENCE_S
from tubeq.domain.models import NewTask
from tubeq.queue.queue_manager import QueueManager
from tubeq.workers.config import RunnerConfig, WorkerConfig
from tubeq.workers.report import RunnerEvent, RunSummary
from tubeq.workers.runner import Runner

TASK_TYPE = "video"
PLUGINS = "tests.e2e.runner_plugins"
FOLDER = Path(__file__).parents[2]


class Scene:
    """One test's queue and what happens on it."""

    def __init__(self, folder: Path) -> None:
        self.db_path = str(folder / "queue.db")
        self.log_path = folder / "log"
        self.log_path.mkdir()
        self.queue = QueueManager(self.db_path)
        self.events: list[RunnerEvent] = []
        self._processes: list[subprocess.Popen[str]] = []

    def add(self, count: int = 1, **parameters: Any) -> list[str]:
        tasks = [NewTask(TASK_TYPE, {**parameters, "number": number}) for number in range(count)]
        return self.queue.create_tasks(tasks)

    def worker_config(self, **config: Any) -> dict[str, Any]:
        return {"task_type": TASK_TYPE, "poll_interval": 0.2, "stop_grace_s": 0.5, **config}

    def runner(
        self,
        plugin: str,
        processes: int = 1,
        threads: int = 1,
        until_idle: bool = True,
        also: tuple[RunnerConfig, ...] = (),
        **config: Any,
    ) -> Runner:
        worker = WorkerConfig(**self.worker_config(**config))
        runner_config = RunnerConfig(
            worker=worker, processes=processes, threads=threads, until_idle=until_idle,
            plugin=plugin if ":" in plugin else f"{PLUGINS}:{plugin}", also=also,
        )  # fmt: skip
        return Runner(self.db_path, runner_config, on_event=self.events.append)

    def process(self, plugin: str, processes: int = 1, **config: Any) -> subprocess.Popen[str]:
        """A Runner that can be killed."""
        command = [
            sys.executable, "-m", "tests.e2e.runner_driver", self.db_path, f"{PLUGINS}:{plugin}",
            str(processes), json.dumps(self.worker_config(**config)),
        ]  # fmt: skip
        process = subprocess.Popen(
            command, cwd=FOLDER, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._processes.append(process)
        return process

    def worker_pids(self, process: subprocess.Popen[str], count: int) -> list[int]:
        """The workers that a Runner's process says to have started."""
        assert process.stdout is not None
        pids: list[int] = []
        while len(pids) < count:
            kind, pid = process.stdout.readline().split()
            if kind == "started":
                pids.append(int(pid))
        return pids

    def log(self) -> list[str]:
        return noted(self.log_path)

    def calls(self) -> Counter[str]:
        """How often a plugin was called for each task's number."""
        return Counter(line.split()[1] for line in self.log() if line.startswith("begin "))

    def counts(self) -> dict[str, int]:
        return {status: n for status, n in self.queue.stats().by_status.items() if n}

    def completions(self) -> Counter[str]:
        """How often each task was completed, by its history."""
        return Counter(
            task.task_id
            for task in self.queue.list_tasks(limit=100_000)
            for entry in self.queue.get_task_history(task.task_id)
            if entry.event == "completed"
        )

    def pids(self) -> set[str]:
        """The processes in which a plugin was called."""
        return {line.split()[2] for line in self.log() if line.startswith("begin ")}

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        self.queue.close()


class Running:
    """A Runner in a thread: the block's end asks it to stop, and waits for it."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.summary = RunSummary()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.summary = self.runner.run()
        except BaseException as error:
            self._error = error

    def wait(self, patience_s: float = PATIENCE_S) -> RunSummary:
        self._thread.join(patience_s)
        assert not self._thread.is_alive(), "the runner never ended"
        if self._error is not None:
            raise self._error
        return self.summary

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._thread.is_alive():
            self.runner.stop()
            self.runner.stop()
        self._thread.join(PATIENCE_S)
        if error == (None, None, None):
            self.wait()
