"""A Runner in a process of its own, for tests that signal or kill the supervisor.

usage: python -m tests.e2e.runner_driver DATABASE PLUGIN PROCESSES WORKER_CONFIG_JSON
Prints each event on a line, and the summary as JSON at the end.
"""

from __future__ import annotations

import dataclasses
import json
import sys

from tubeq.workers import runner as runner_module
from tubeq.workers.config import RunnerConfig, WorkerConfig
from tubeq.workers.report import RunnerEvent
from tubeq.workers.runner import Runner


def tell(event: RunnerEvent) -> None:
    print(event.kind, event.pid, flush=True)


def main() -> None:
    db_path, plugin, processes, config = sys.argv[1:]
    runner_module._OVERDUE_S = 0.5  # tests are in a hurry
    runner = Runner(
        db_path,
        RunnerConfig(
            worker=WorkerConfig(**json.loads(config)), processes=int(processes), plugin=plugin
        ),
        on_event=tell,
    )
    print(json.dumps(dataclasses.asdict(runner.run())), flush=True)


if __name__ == "__main__":
    main()
