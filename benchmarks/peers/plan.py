"""How much of everything is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.contenders.base import FULL, NORMAL


@dataclass(frozen=True)
class Plan:
    """Sizes of a run; seconds and counts.

    Args:
        depths: how many tasks are queued while one process is timed.
        full_depths: the same at durability FULL, where an fsync hides the depth.
        rounds: how often each candidate has its turn at a depth.
        calls: most calls of each verb in a turn.
        turn_s: a slow candidate's turn has fewer calls, so that it takes about so long.
        batches: most batches of whole lifecycles in a turn.
        batch_turn_s: as `turn_s`, for these.
        fill_budget_s: then a queue counts as not to be filled.
        candidate_budget_s: a candidate slower than that at a depth gets three rounds at least.
        processes: how many claim at once.
        claim_s: how long they claim in a turn.
        contention_rounds: how often each candidate has its turn with them.
        most_filled: tasks that wait for them, at most.
        crash_tasks, crash_workers, kills: of the run with SIGKILL.
        work_s: what a task's work takes in it.
        recovery_wait_s: how long a recovery that is known to be due is waited for.
    """

    depths: Sequence[int] = (1_000, 100_000, 1_000_000)
    full_depths: Sequence[int] = (1_000, 100_000)
    rounds: int = 9
    calls: int = 200
    turn_s: float = 0.4
    batches: int = 15
    batch_turn_s: float = 0.15
    fill_budget_s: float = 180.0
    candidate_budget_s: float = 40.0
    processes: Sequence[int] = (1, 4, 8)
    claim_s: float = 1.0
    contention_rounds: int = 3
    most_filled: int = 90_000
    crash_tasks: int = 2_000
    crash_workers: int = 4
    kills: int = 10
    work_s: float = 0.002
    recovery_wait_s: float = 75.0
    durabilities: Sequence[str] = (NORMAL, FULL)

    def depths_at(self, durability: str) -> Sequence[int]:
        """The depths that are measured at a durability."""
        return self.full_depths if durability == FULL else self.depths

    def at_depths(self, depths: Sequence[int]) -> Plan:
        """The same with these depths."""
        return replace(self, depths=tuple(depths), full_depths=tuple(depths))


REGULAR = Plan()
QUICK = Plan(
    depths=(1_000,), full_depths=(1_000,), rounds=2, calls=50, turn_s=0.1, batch_turn_s=0.05,
    fill_budget_s=10.0, candidate_budget_s=5.0, processes=(1, 4), claim_s=0.2, contention_rounds=1,
    most_filled=12_000, crash_tasks=400, kills=3, work_s=0.001, recovery_wait_s=2.0,
    durabilities=(NORMAL,),
)  # fmt: skip
"""A check that all of it works; its figures say little."""
