"""The run with SIGKILL: workers are killed in the midst of tasks; what is lost, what done twice.

Some workers work one queue; at random moments one of them is killed and another started in its
place. Then one worker alone drains what is left, with whatever the queue offers to bring back what
a dead worker held. Work is a line in a log, so that it is known which worker did what.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contenders.base import NORMAL
from benchmarks.contenders.environments import CannotRun, gist_of
from benchmarks.measuring.process import Process, ProcessFailed
from benchmarks.measuring.queues import Peer, Session

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
        figures: dict[str, Any] = {}
        note = "not judged: it completes later, and keeps no record"
        if not peer.queue.completes_later:
            try:
                figures, note = _crash_run(session, peer)
            except (CannotRun, ProcessFailed) as error:
                note = gist_of(str(error))
        recovery = peer.queue.recovery
        rows.append({"queue": peer.name, "recovery": recovery, "figures": figures, "note": note})


def _crash_run(session: Session, peer: Peer) -> tuple[dict[str, Any], str]:
    """Kill workers of one queue while they work, drain the queue, and count; what went wrong."""
    plan = session.plan
    if peer.queue.crash_only:
        tasks, task_s = _SHORTER * plan.crash_tasks, plan.task_s / _SHORTER
        plan = replace(plan, crash_tasks=tasks, task_s=task_s)
        session = replace(session, plan=plan)
    with ExitStack() as stack:
        place = stack.enter_context(session.place(peer))
        folder = tempfile.TemporaryDirectory(prefix="logs-", dir=session.folder)
        logs = Path(stack.enter_context(folder))
        count = plan.crash_workers + plan.kills + 1
        spares = [stack.enter_context(peer.start()) for _ in range(count)]
        _warm_up(session, peer, spares)
        last = spares.pop()
        peer.open(last, NORMAL, place, create=True, lease_s=_LEASE_S)
        last.ask("fill", first=0, count=plan.crash_tasks, budget_s=plan.fill_budget_s)
        last.ask("close")
        kills = _kill_workers(session, peer, place, logs, spares)
        peer.open(last, NORMAL, place, create=False, lease_s=_LEASE_S)
        is_waiting = last.ask(
            "work", log=str(logs / "last.log"), work_s=0.0, limit_s=_LIMIT_S, alone=True,
            idle_s=peer.queue.patience_s, wait_s=plan.recovery_wait_s,
        )  # fmt: skip
        completed = last.ask("completed")
        lines = [line for log in logs.glob("*.log") for line in log.read_text().splitlines()]
    figures, error = crash_counts(lines, plan.crash_tasks, kills, completed)
    if is_waiting:
        error = f"its recovery takes longer than the {plan.recovery_wait_s:.0f} s waited"
    return figures, error


def _warm_up(session: Session, peer: Peer, spares: list[Process]) -> None:
    """Let them load their packages on another queue: a killed worker's place is taken at once."""
    order = {"durability": peer.durability(NORMAL) or "", "create": False, "lease_s": _LEASE_S}
    with session.place(peer) as elsewhere:
        peer.open(spares[0], NORMAL, elsewhere, create=True)
        for spare in spares[1:]:
            spare.tell("open", place=elsewhere, **order)
        for spare in spares[1:]:
            spare.answer()
        for spare in spares:
            spare.ask("close")


def _kill_workers(
    session: Session, peer: Peer, place: str, logs: Path, spares: list[Process]
) -> int:
    """Have the queue worked until it is empty; how many were killed while there was work. Moments
    are drawn in progress, not in seconds, so that a quick queue is hit as often as a slow one."""
    plan, chance = session.plan, session.chance
    expected = sum(2 * len(f"W {number}\n") for number in range(plan.crash_tasks))

    def started() -> Process:
        worker = spares.pop()
        peer.open(worker, NORMAL, place, create=False, lease_s=_LEASE_S)
        worker.tell(
            "work", log=str(logs / f"{worker.pid}.log"), work_s=plan.task_s, idle_s=_IDLE_S,
            limit_s=_LIMIT_S, wait_s=0.0, alone=False,
        )  # fmt: skip
        return worker

    def written(log: str) -> int:
        return sum(each.stat().st_size for each in logs.glob(log))

    def is_ending() -> bool:
        """Whether a worker found nothing more to do, or is gone."""
        return any(each.has_answered for each in workers)

    workers = [started() for _ in range(plan.crash_workers)]
    kills = 0
    for moment in sorted(chance.uniform(0.02, _LAST_KILL) for _ in range(plan.kills)):
        while written("*.log") / expected < moment and not is_ending():
            time.sleep(_POLL_S)
        time.sleep(chance.uniform(0, 2 * plan.task_s))  # anywhere between claim and completion
        at_work = [index for index, each in enumerate(workers) if written(f"{each.pid}.log")]
        if at_work and not is_ending():
            victim = chance.choice(at_work)
            workers[victim].kill()
            workers[victim] = started()
            kills += 1
    for worker in workers:
        worker.answer(_LIMIT_S + 30)
        worker.ask("close")
    return kills


def crash_counts(
    lines: Iterable[str], tasks: int, kills: int, completed: Collection[int] | None
) -> tuple[dict[str, Any], str]:
    """Count from the workers' logs ("W 17", "C 17", "E why") and the queue's own record.

    A worker killed between a completion and its line of the log completed the task all the same:
    so the queue's record counts too, where it keeps one.

    Returns:
        The last error, "" where there was none; and before it

        tasks, kills      how many there were
        lost              tasks that were never completed; examples: some of them
        doubly_completed  tasks whose completion the queue accepted more than once
        worked_twice      tasks that were begun more than once: legitimate after a kill
        errors            calls that ended with an error
        from_record       whether the queue's own record was asked too, not the logs alone
    """
    said = [line.strip().partition(" ") for line in lines]
    begun, done = (Counter(int(rest) for tag, _, rest in said if tag == each) for each in "WC")
    errors = [rest for tag, _, rest in said if tag == "E"]
    lost = sorted({*range(tasks)} - {*done} - {*(completed or ())})
    figures = {
        "tasks": tasks, "kills": kills, "lost": len(lost),
        "doubly_completed": sum(count > 1 for count in done.values()),
        "worked_twice": sum(count > 1 for count in begun.values()),
        "errors": len(errors), "from_record": completed is not None, "examples": lost[:10],
    }  # fmt: skip
    return figures, errors[-1] if errors else ""
