"""What a storage's limits promise: rules, slots and pauses that all workers share.

They hang off the storage as `storage.limits`; the back ends keep them under one contract suite.
Every verb is one transaction. Nothing here touches a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tubeq.domain.breaker import Admission, Breaker, BreakerPolicy, Verdict
from tubeq.domain.limits import Grant, Holder, LimitRule, Refusal, Slot


class Limits(Protocol):
    """The verbs."""

    # Rules ----------------------------------------------------------------------------------------

    def set_rule(self, rule: LimitRule) -> None:
        """Store a rule, in place of the one with the same key. Other handles go by it within a
        second. Slots that are held stay: a smaller concurrency lets nobody in until it is kept.
        """
        ...

    def remove_rule(self, key: str) -> bool:
        """Remove the rule with that very key; whether there was one."""
        ...

    def rules(self) -> list[LimitRule]:
        """All rules, by key."""
        ...

    def is_idle(self) -> bool:
        """Whether there is neither a rule nor a pause, as this handle learned at most a second
        ago: what a worker asks before every task, and what nearly always costs no statement."""
        ...

    # Slots --------------------------------------------------------------------------------------

    def take(self, keys: Sequence[str], holder: Holder, lease_s: float) -> Grant | Refusal:
        """Take a slot for each of the keys that a rule holds for: all of them, or none.

        Answers at once. No more slots of a key are ever alive than its rule says, whoever asks,
        and its rate is kept by the GCRA; a refusal uses up no rate. A slot is alive until it is
        released, `free` is told that its worker died, or `lease_s` has passed without `extend`:
        by the monotonic clock, as the leases of tasks.
        """
        ...

    def release(self, grant: Grant) -> None:
        """Give slots back. What is no longer held is no error, and nobody else's is touched."""
        ...

    def extend(self, holder: Holder, lease_s: float) -> None:
        """A sign of life: what the holder holds, slots and probes, ends `lease_s` from now."""
        ...

    def free(self, worker_id: str) -> int:
        """A worker is dead: end all slots and probes that it held; how many."""
        ...

    def slots(self) -> list[Slot]:
        """The slots that are alive, by key, oldest first."""
        ...

    # Pauses ---------------------------------------------------------------------------------------

    def pause_s(self, key: str) -> float:
        """For how many seconds it is pointless to begin with the key, as this handle learned at
        most a second ago; 0 where nothing speaks against it, or `admit` has to decide."""
        ...

    def admit(self, key: str, holder: Holder, lease_s: float) -> Admission:
        """Whether the holder's task may go now. After a pause exactly one may, as the probe, which
        must be followed by `report`; it is the probe for `lease_s` without a sign of life."""
        ...

    def report(
        self, key: str, holder: Holder, verdict: Verdict, code: str, policy: BreakerPolicy
    ) -> Breaker | None:
        """Say how the holder's task ended: see `breaker.after`. The breaker as it is then; None
        where it is closed."""
        ...

    def breakers(self) -> list[Breaker]:
        """The breakers that are not closed, by key."""
        ...

    def resume(self, key: str) -> bool:
        """Close the breaker of that key at once; whether there was one to close."""
        ...
