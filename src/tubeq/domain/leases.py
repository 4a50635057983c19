"""When a lease, or a delay, has ended, even if clocks were wrong.

A deadline is stored with the time at which it was set. Where that is later than now, the clock was
wrong, then or now: the deadline was meant relative to the time at which it was set, and its
seconds begin now. A date that a user gave is not such a deadline and stays.

A lease also stores when it ends by the monotonic clock, and in which boot. A process of the same
boot uses that alone: no jump of the wall clock ends a lease that is renewed, or lengthens one that
is not. Processes of another boot of the same host no longer run.
"""

from __future__ import annotations

from typing import NamedTuple

from tubeq.domain.boot import BOOT_BITS, BOOT_MASK
from tubeq.domain.clock import Moment

SLACK_S = 1e-5
"""The precision of epoch seconds in a float: smaller differences are ignored."""


class Lease(NamedTuple):
    """How long something is held without a heartbeat.

    Args:
        set_at: when it was set, or renewed, epoch seconds; None for one that has run out.
        expires_at: when it ends, epoch seconds.
        boot: the id of its holder's boot, or None where that is not known.
        ends_uptime_s: when it ends by the monotonic clock of that boot.
    """

    set_at: float | None
    expires_at: float
    boot: int | None = None
    ends_uptime_s: float = 0.0

    @classmethod
    def of(cls, moment: Moment, lease_s: float) -> Lease:
        """A lease that begins now."""
        return cls(moment.now, moment.now + lease_s, moment.boot, moment.uptime_s + lease_s)

    def has_ended(self, moment: Moment) -> bool:
        """Whether its holder counts as dead."""
        if self._is_of_boot(moment):
            return self.ends_uptime_s <= moment.uptime_s
        if self._is_of_host(moment):
            return True
        return self.restarted(moment).expires_at <= moment.now

    def wall_end(self, moment: Moment) -> float:
        """When it ends, by the wall clock as it is now, not as it was when the lease was set."""
        if self._is_of_boot(moment):
            expires_at = moment.now + (self.ends_uptime_s - moment.uptime_s)
            # Where the clock was not set, the only difference is rounding.
            return self.expires_at if abs(expires_at - self.expires_at) < SLACK_S else expires_at
        return min(self.expires_at, moment.now) if self._is_of_host(moment) else self.expires_at

    def restarted(self, moment: Moment) -> Lease:
        """The lease, begun now where it was set later than now and only the wall clock tells when
        it ends. To be stored, or it would begin again for ever."""
        if self.set_at is None or self.set_at <= moment.now or self._is_of_host(moment):
            return self
        expires_at = restarted(self.expires_at, self.set_at, moment.now)
        return self._replace(set_at=moment.now, expires_at=expires_at)

    def _is_of_boot(self, moment: Moment) -> bool:
        """Compared without the host's name: containers have names of their own."""
        if self.boot is None or moment.boot is None:
            return False
        return self.boot & BOOT_MASK == moment.boot & BOOT_MASK

    def _is_of_host(self, moment: Moment) -> bool:
        if self.boot is None or moment.boot is None:
            return False
        return self._is_of_boot(moment) or self.boot >> BOOT_BITS == moment.boot >> BOOT_BITS


def restarted(until: float, set_at: float, now: float) -> float:
    """When a delay ends that was set to end at `until`: where it was set later than now, its length
    counted from now. All epoch seconds."""
    return now + (until - set_at) if set_at > now else until
