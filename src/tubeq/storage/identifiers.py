"""Ids that sort by the time they were made, so that a unique index on them only ever appends."""

from __future__ import annotations

import os
import random

_RANDOM_BITS = 28
# An id identifies, it does not protect: it need not be secret, and `random` makes no system call.
_chance = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_chance.seed)


def new_ids(count: int, now: float) -> list[str]:
    """Distinct ids of 20 hexadecimal digits: 13 of microseconds since 1970, 7 random.

    The ids of one call count upwards from one random start, so they cannot collide with each
    other; two calls in the same microsecond collide with a chance of `count` in 2**28, and the
    unique index then refuses the second.
    """
    first = (int(now * 1e6) << _RANDOM_BITS) + _chance.getrandbits(_RANDOM_BITS)
    if count == 1:  # as a rule
        return [f"{first:020x}"]
    return [f"{number:020x}" for number in range(first, first + count)]
