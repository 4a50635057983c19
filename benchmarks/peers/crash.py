"""The run with SIGKILL: workers are killed in the midst of tasks; what is lost, what done twice.

Some workers work one queue; at random moments one of them is killed and another started in its
place. Then one worker alone drains what is left, with whatever the queue offers to bring back what
a dead worker held. Work is a line in a log, so that it is known who did what.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import DEFAULT, NORMAL
from benchmarks.contenders.environments import CannotRun
from benchmarks.peers.candidates import Candidate, Session
from benchmarks.peers.figures import Crash, crash_counts
from benchmarks.peers.latency import crew, open_queue
from benchmarks.peers.process import DriverFailed, DriverProcess

_LEASE_S = 1.0
_IDLE_S = 0.3
_LIMIT_S = 120.0
_LAST_KILL = 0.85
_POLL_S = 0.002
_SHORTER = 10
"""A worker of batches has so many times more tasks that are so many times shorter: so a kill falls
as often into the completion of a batch as beside it, and no lease runs out in the midst of one."""


def measure_crash(session: Session, rows: list[dict[str, Any]]) -> None:
    """Add a row for every candidate."""
    for candidate in session.ready:
        session.tell(f"killing workers of {candidate.name}")
        row: dict[str, Any] = {
            "candidate": candidate.name,
            "recovery": candidate.adapter.recovery,
            "figures": {},
            "note": "",
        }
        try:
            crash = crash_run(session, candidate)
        except (CannotRun, DriverFailed) as error:
            row["note"] = str(error)
        else:
            figures = asdict(crash)
            row["note"] = figures.pop("error")
            row["figures"] = figures
        rows.append(row)


def crash_run(session: Session, candidate: Candidate) -> Crash:
    """Kill workers of one candidate while they work, drain the queue, and count.

    Raises:
        CannotRun: its server is not to be had.
        DriverFailed: its driver failed by itself.
    """
    if candidate.adapter.crash_only:
        plan = session.plan
        session = replace(
            session,
            plan=replace(
                plan, crash_tasks=_SHORTER * plan.crash_tasks, work_s=plan.work_s / _SHORTER
            ),
        )
    plan = session.plan
    assert candidate.launch is not None
    durability = candidate.durability(NORMAL) or DEFAULT
    with ExitStack() as stack:
        place = stack.enter_context(session.place(candidate))
        logs = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="logs-", dir=session.folder))
        )
        spares = stack.enter_context(crew(candidate, plan.crash_workers + plan.kills + 1))
        _warm_up(session, candidate, durability, spares)
        last = spares.pop()
        open_queue(last, candidate, durability, place, create=True, lease_s=_LEASE_S)
        last.ask("fill", first=0, count=plan.crash_tasks, budget_s=plan.fill_budget_s)
        last.ask("close")
        kills = _Gang(session, candidate, durability, place, logs, spares).work_under_fire()
        open_queue(last, candidate, durability, place, create=False, lease_s=_LEASE_S)
        drained = last.ask(
            "work", log=str(logs / "last.log"), work_s=0.0, limit_s=_LIMIT_S, alone=True,
            idle_s=candidate.adapter.patience_s, wait_s=plan.recovery_wait_s,
        )  # fmt: skip
        completed = last.ask("completed")["completed"]
        lines = [line for log in logs.glob("*.log") for line in log.read_text().splitlines()]
    crash = crash_counts(lines, plan.crash_tasks, kills, completed)
    if drained.get("waiting"):
        crash.error = f"its recovery takes longer than the {plan.recovery_wait_s:.0f} s waited"
    return crash


def _warm_up(
    session: Session, candidate: Candidate, durability: str, spares: list[DriverProcess]
) -> None:
    """Let them load their packages on another queue: a killed worker's place is taken at once."""
    with session.place(candidate) as elsewhere:
        first, *others = spares
        open_queue(first, candidate, durability, elsewhere, create=True)
        for spare in others:
            spare.tell(
                "open", place=elsewhere, durability=durability, create=False, lease_s=_LEASE_S
            )
        for spare in others:
            spare.answer()
        for spare in spares:
            spare.ask("close")


class _Gang:
    """Workers of one queue, of whom one dies now and then; spares take their places."""

    def __init__(
        self,
        session: Session,
        candidate: Candidate,
        durability: str,
        place: str,
        logs: Path,
        spares: list[DriverProcess],
    ) -> None:
        self._session = session
        self._candidate = candidate
        self._durability = durability
        self._place = place
        self._logs = logs
        self._spares = spares
        self._log_of: dict[DriverProcess, Path] = {}
        tasks = range(session.plan.crash_tasks)
        self._expected = sum(2 * len(f"W {number}\n") for number in tasks)

    def work_under_fire(self) -> int:
        """Until the queue is empty; how many were killed while there was work.

        The moments are drawn in progress, not in seconds, so that a quick queue is hit as often as
        a slow one.
        """
        plan, chance = self._session.plan, self._session.chance
        workers = [self._opened() for _ in range(plan.crash_workers)]
        for worker in workers:
            self._set_to_work(worker)
        moments = sorted(chance.uniform(0.02, _LAST_KILL) for _ in range(plan.kills))
        kills = 0
        for moment in moments:
            while self._progress() < moment and not _any_answered(workers):
                time.sleep(_POLL_S)
            time.sleep(chance.uniform(0, 2 * plan.work_s))  # anywhere between claim and completion
            at_work = [index for index, each in enumerate(workers) if self._has_begun(each)]
            if _any_answered(workers) or not at_work:
                continue
            victim = chance.choice(at_work)
            workers[victim].kill()
            workers[victim] = self._opened()
            self._set_to_work(workers[victim])
            kills += 1
        for worker in workers:
            worker.answer(_LIMIT_S + 30)
            worker.ask("close")
        return kills

    def _progress(self) -> float:
        """The share of the work that is done, as the logs tell."""
        written = sum(log.stat().st_size for log in self._logs.glob("*.log"))
        return written / self._expected

    def _has_begun(self, worker: DriverProcess) -> bool:
        log = self._log_of[worker]
        return log.exists() and log.stat().st_size > 0

    def _opened(self) -> DriverProcess:
        worker = self._spares.pop()
        open_queue(
            worker, self._candidate, self._durability, self._place, create=False, lease_s=_LEASE_S
        )
        return worker

    def _set_to_work(self, worker: DriverProcess) -> None:
        log = self._log_of[worker] = self._logs / f"{len(self._log_of)}.log"
        worker.tell(
            "work", log=str(log), work_s=self._session.plan.work_s, idle_s=_IDLE_S,
            limit_s=_LIMIT_S, wait_s=0.0, alone=False,
        )  # fmt: skip


def _any_answered(workers: list[DriverProcess]) -> bool:
    """Whether one found nothing more to do, or is gone."""
    return any(worker.has_answered for worker in workers)
