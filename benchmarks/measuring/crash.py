"""The run with SIGKILL: workers are killed in the midst of tasks; what is lost, what done twice.

Some workers work one queue; at random moments one of them is killed and another started in its
place. Then one worker alone drains what is left, with whatever the queue offers to bring back what
a dead worker held. Work is a line in a log, so that it is known which worker did what.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import NORMAL
from benchmarks.contenders.environments import CannotRun
from benchmarks.measuring.process import Process, ProcessFailed
from benchmarks.measuring.queues import Peer, Session
from benchmarks.measuring.verbs import short

_LEASE_S = 1.0
_IDLE_S = 0.3
_LIMIT_S = 120.0
_LAST_KILL = 0.85
_POLL_S = 0.002
_SHORTER = 10
"""A worker of batches has so many times more tasks that are so many times shorter: so a kill falls
as often into the completion of a batch as outside it, and no lease expires in the midst of one."""


def measure_crash(session: Session, rows: list[dict[str, Any]]) -> None:
    """Add a row for every queue."""
    for peer in session.ready:
        session.say(f"killing workers of {peer.name}")
        row: dict[str, Any] = {
            "queue": peer.name,
            "recovery": peer.queue.recovery,
            "figures": {},
            "note": "",
        }
        if peer.queue.completes_later:
            rows.append(row | {"note": "not judged: it completes later, and keeps no record"})
            continue
        try:
            crash = crash_run(session, peer)
        except (CannotRun, ProcessFailed) as error:
            row["note"] = short(error)
        else:
            figures = asdict(crash)
            row["note"] = figures.pop("error")
            row["figures"] = figures
        rows.append(row)


def crash_run(session: Session, peer: Peer) -> Crash:
    """Kill workers of one queue while they work, drain the queue, and count.

    Raises:
        CannotRun: its server is not to be had.
        ProcessFailed: its driver failed by itself.
    """
    if peer.queue.crash_only:
        session = session.with_plan(
            crash_tasks=_SHORTER * session.plan.crash_tasks, task_s=session.plan.task_s / _SHORTER
        )
    plan = session.plan
    durability = peer.durability(NORMAL) or ""
    with ExitStack() as stack:
        place = stack.enter_context(session.place(peer))
        logs = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="logs-", dir=session.folder))
        )
        spares = stack.enter_context(peer.started(plan.crash_workers + plan.kills + 1))
        _warm_up(session, peer, durability, spares)
        last = spares.pop()
        peer.open(last, durability, place, create=True, lease_s=_LEASE_S)
        last.ask("fill", first=0, count=plan.crash_tasks, budget_s=plan.fill_budget_s)
        last.ask("close")
        kills = _Workers(session, peer, durability, place, logs, spares).work_under_fire()
        peer.open(last, durability, place, create=False, lease_s=_LEASE_S)
        is_waiting = last.ask(
            "work", log=str(logs / "last.log"), work_s=0.0, limit_s=_LIMIT_S, alone=True,
            idle_s=peer.queue.patience_s, wait_s=plan.recovery_wait_s,
        )  # fmt: skip
        completed = last.ask("completed")
        lines = [line for log in logs.glob("*.log") for line in log.read_text().splitlines()]
    crash = crash_counts(lines, plan.crash_tasks, kills, completed)
    if is_waiting:
        crash.error = f"its recovery takes longer than the {plan.recovery_wait_s:.0f} s waited"
    return crash


def _warm_up(session: Session, peer: Peer, durability: str, spares: list[Process]) -> None:
    """Let them load their packages on another queue: a killed worker's place is taken at once."""
    with session.place(peer) as elsewhere:
        first, *others = spares
        peer.open(first, durability, elsewhere, create=True)
        for spare in others:
            spare.tell(
                "open", place=elsewhere, durability=durability, create=False, lease_s=_LEASE_S
            )
        for spare in others:
            spare.answer()
        for spare in spares:
            spare.ask("close")


class _Workers:
    """Workers of one queue, of whom one dies now and then; spares take their places."""

    def __init__(
        self,
        session: Session,
        peer: Peer,
        durability: str,
        place: str,
        logs: Path,
        spares: list[Process],
    ) -> None:
        self._session = session
        self._peer = peer
        self._durability = durability
        self._place = place
        self._logs = logs
        self._spares = spares
        self._log_of: dict[Process, Path] = {}
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
            time.sleep(chance.uniform(0, 2 * plan.task_s))  # anywhere between claim and completion
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
        """The share of the work that is done, as the logs say."""
        written = sum(log.stat().st_size for log in self._logs.glob("*.log"))
        return written / self._expected

    def _has_begun(self, worker: Process) -> bool:
        log = self._log_of[worker]
        return log.exists() and log.stat().st_size > 0

    def _opened(self) -> Process:
        worker = self._spares.pop()
        self._peer.open(worker, self._durability, self._place, create=False, lease_s=_LEASE_S)
        return worker

    def _set_to_work(self, worker: Process) -> None:
        log = self._log_of[worker] = self._logs / f"{len(self._log_of)}.log"
        worker.tell(
            "work", log=str(log), work_s=self._session.plan.task_s, idle_s=_IDLE_S,
            limit_s=_LIMIT_S, wait_s=0.0, alone=False,
        )  # fmt: skip


def _any_answered(workers: list[Process]) -> bool:
    """Whether one found nothing more to do, or is gone."""
    return any(worker.has_answered for worker in workers)


@dataclass
class Crash:
    """What became of the tasks of a run in which workers were killed.

    Args:
        tasks, kills: how many there were.
        lost: tasks that were never completed.
        doubly_completed: tasks whose completion the queue accepted more than once.
        worked_twice: tasks that were begun more than once: legitimate after a kill.
        errors: calls that ended with an error; error: one of them.
        from_record: whether the queue's own record was asked too, not the workers' logs alone.
    """

    tasks: int
    kills: int
    lost: int
    doubly_completed: int
    worked_twice: int
    errors: int = 0
    error: str = ""
    from_record: bool = False
    examples: list[int] = field(default_factory=list)


def crash_counts(
    lines: Iterable[str], tasks: int, kills: int, completed: Collection[int] | None
) -> Crash:
    """Count from the workers' logs ("W 17", "C 17", "E why") and the queue's own record.

    A worker killed between a completion and its line of the log completed the task all the same:
    so the queue's record counts too, where it keeps one.
    """
    begun: dict[int, int] = {}
    done: dict[int, int] = {}
    errors: list[str] = []
    for line in lines:
        kind, _, rest = line.strip().partition(" ")
        if kind == "E":
            errors.append(rest)
        elif kind in ("W", "C"):
            counted = begun if kind == "W" else done
            counted[int(rest)] = counted.get(int(rest), 0) + 1
    known = set(done) | set(completed or ())
    lost = sorted(set(range(tasks)) - known)
    return Crash(
        tasks=tasks,
        kills=kills,
        lost=len(lost),
        doubly_completed=sum(count > 1 for count in done.values()),
        worked_twice=sum(count > 1 for count in begun.values()),
        errors=len(errors),
        error=errors[-1] if errors else "",
        from_record=completed is not None,
        examples=lost[:10],
    )
