"""What a storage's limits promise: rules, slots and pauses that all workers share.

They are `storage.limits`; one contract suite checks them for every back end.
Every verb is one transaction. Nothing here changes a task.
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
        """Store a rule, in place of the one with the same key. Other handles use it within a
        second. Slots that are held stay: a smaller concurrency gives out no slot until fewer are
        held.
        """

    def remove_rule(self, key: str) -> bool:
        """Remove the rule with exactly that key; whether there was one."""

    def rules(self) -> list[LimitRule]:
        """All rules, by key."""

    def is_idle(self) -> bool:
        """Whether there is neither a rule nor a pause, as this handle read at most a second ago: a
        worker asks this before every task, and it nearly always costs no statement."""

    # Slots --------------------------------------------------------------------------------------

    def take(self, keys: Sequence[str], holder: Holder, lease_s: float) -> Grant | Refusal:
        """Take a slot for each of the keys that a rule holds for: all of them, or none.

        Answers at once. No more slots of a key are ever held than its rule says, whichever process
        asks, and its rate is kept by the GCRA; a refusal uses up no rate. A slot is held until it
        is released, `free` is called for its dead worker, or `lease_s` has passed without `extend`:
        by the monotonic clock, as the leases of tasks.
        """

    def release(self, grant: Grant) -> None:
        """Give slots back. A slot that is no longer held is not an error; other holders' slots
        stay."""

    def extend(self, holder: Holder, lease_s: float) -> None:
        """A heartbeat: what the holder holds, slots and probes, ends `lease_s` from now."""

    def free(self, worker_id: str) -> int:
        """A worker is dead: end all slots and probes that it held; how many."""

    def slots(self) -> list[Slot]:
        """The slots that are held, by key, oldest first."""

    # Pauses ---------------------------------------------------------------------------------------

    def pause_s(self, key: str) -> float:
        """For how many seconds it is pointless to begin with the key, as this handle read at most a
        second ago; 0 where nothing is paused, or `admit` has to decide."""

    def admit(self, key: str, holder: Holder, lease_s: float) -> Admission:
        """Whether the holder's task may go now. After a pause exactly one may, as the probe, which
        must be followed by `report`; it stays the probe for `lease_s` without a heartbeat."""

    def report(
        self, key: str, holder: Holder, verdict: Verdict, code: str, policy: BreakerPolicy
    ) -> Breaker | None:
        """Report how the holder's task ended: see `breaker.after`. The breaker as it is then; None
        where it is closed."""

    def breakers(self) -> list[Breaker]:
        """The breakers that are not closed, by key."""

    def resume(self, key: str) -> bool:
        """Close the breaker of that key at once; whether there was one to close."""
