"""What a Runner reports of its run: events while it goes on, a summary at its end."""

from __future__ import annotations

from dataclasses import dataclass

from tubeq.workers.outlook import LeftTasks


@dataclass(frozen=True)
class RunSummary:
    """The results of a run, final or so far. Attempts are counted, not tasks: a retry counts again.

    Args:
        processed: attempts that ended.
        succeeded: those whose task is COMPLETED.
        failed: the others: to be retried, failed for good, cancelled or handed back.
        crashed: workers that died or had to be killed.
        dead: tasks that became dead letters because their workers died.
        stopped: the run was asked to end.
        left: tasks that a run until idle did not wait for.
    """

    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    crashed: int = 0
    dead: int = 0
    stopped: bool = False
    left: tuple[LeftTasks, ...] = ()


@dataclass(frozen=True)
class RunnerEvent:
    """An event of interest to a person who watches the run.

    Args:
        kind: "started", "ended" (a worker, normally), "died" (a worker), "killed" (a worker
            that hung), "rescued" (tasks of a dead worker), "stopping" (the detail says what else
            than a second `stop` makes it faster), "progress"; and until idle "waiting" (for what
            falls due soon) and "left" (what is not waited for).
        worker_id: which worker, where it is about one.
        pid: its process.
        detail: more, for people.
        summary: the run so far.
    """

    kind: str
    summary: RunSummary
    worker_id: str | None = None
    pid: int | None = None
    detail: str = ""
