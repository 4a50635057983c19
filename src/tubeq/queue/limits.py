"""`queue.limits`: what workers may do at once, how often, and what is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tubeq.domain.numbers import checked_span
from tubeq.queue import instrument

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    from tubeq.domain.breaker import Admission, Breaker, BreakerPolicy, Verdict
    from tubeq.domain.limits import Grant, Holder, LimitRule, Refusal, Slot
    from tubeq.storage.ports.limits import Limits


@instrument.verbs("limits.")
class QueueLimits:
    """Limits and pauses, which the workers of all processes share."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    # Rules --------------------------------------------------------------------------------------

    def set(
        self, key: str, concurrency: int | None = None, per_s: float | None = None, burst: int = 1
    ) -> LimitRule:
        """Limit what workers do at once, and how often; replaces an earlier limit of the key.

        Args:
            key: "host:NAME", "channel:@HANDLE" or "type:TASK_TYPE", or a prefix that ends in `*`.
            concurrency, per_s, burst: see LimitRule.

        Raises:
            InvalidParameters: a value is wrong; the message says what would be right.
        """
        from tubeq.domain.limits import LimitRule  # a program without limits never needs it

        rule = LimitRule(key, concurrency, per_s, burst)
        self._limits.set_rule(rule)
        return rule

    def delete(self, key: str) -> bool:
        """Remove the limit of the key; whether exactly that key had one.

        Raises:
            InvalidParameters: it is not a key.
        """
        from tubeq.domain.limits import checked_key

        return self._limits.remove_rule(checked_key(key, prefix=True))

    def list(self) -> builtins.list[LimitRule]:
        """The limits, by key."""
        return self._limits.rules()

    def is_idle(self) -> bool:
        """See Limits.is_idle."""
        return self._limits.is_idle()

    # Slots --------------------------------------------------------------------------------------

    def take(self, keys: Sequence[str], holder: Holder, lease_s: float) -> Grant | Refusal:
        """Take a slot for each of the keys, or none at all. See Limits.take."""
        return self._limits.take(keys, holder, _checked_lease(lease_s))

    def release(self, grant: Grant) -> None:
        """Give slots back. See Limits.release."""
        self._limits.release(grant)

    def extend(self, holder: Holder, lease_s: float) -> None:
        """Keep what the holder has. See Limits.extend."""
        self._limits.extend(holder, _checked_lease(lease_s))

    def slots(self) -> builtins.list[Slot]:
        """Which worker holds which slots now."""
        return self._limits.slots()

    # Pauses -------------------------------------------------------------------------------------

    def pauses(self) -> builtins.list[Breaker]:
        """Breakers that are open or probing: see domain.breaker."""
        return self._limits.breakers()

    def pause_s(self, key: str) -> float:
        """For how many seconds it is pointless to begin with the key. See Limits.pause_s."""
        return self._limits.pause_s(key)

    def admit(self, key: str, holder: Holder, lease_s: float) -> Admission:
        """Whether the holder's task may begin now. See Limits.admit."""
        return self._limits.admit(key, holder, _checked_lease(lease_s))

    def report(
        self, key: str, holder: Holder, verdict: Verdict, code: str, policy: BreakerPolicy
    ) -> Breaker | None:
        """Report how the holder's task ended. See Limits.report."""
        return self._limits.report(key, holder, verdict, code, policy)

    def resume(self, key: str) -> bool:
        """End the pause of that key at once; whether there was one.

        Raises:
            InvalidParameters: it is not a key.
        """
        from tubeq.domain.limits import checked_key

        return self._limits.resume(checked_key(key))


def _checked_lease(lease_s: float) -> float:
    return checked_span("lease_s", lease_s, above_zero=True)
