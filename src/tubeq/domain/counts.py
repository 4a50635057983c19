"""Counts over time, and how exact each is: growth is taken between comparable ones only.

YouTube's listings round: 1,234 to 1.2K, 12,345 to 12K, 1,234,567 to 1.2M. A video's own page gives
every digit. So "17M", and "17,506,283" a minute later, may be the same count, given more exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_STEPS = (
    (10**3, (1,)),
    (10**4, (10**2, 10)),
    (10**5, (10**3, 10**2)),
    (10**6, (10**3,)),
    (10**7, (10**5, 10**4)),
    (10**8, (10**6, 10**5)),
    (10**9, (10**6,)),
    (10**10, (10**8, 10**7)),
    (2**63, (10**9, 10**8)),
)
"""Below the first number, counts are rounded to multiples of one of the others: two digits of 1.2K
and 12K, or, as some pages have it, three of 12.3K."""


class Count(NamedTuple):
    """An item's counts as seen at a time (UTC text).

    `exact` is 1 where views that look rounded are exact, 0 where they may be rounded; None where
    it is unknown, and where their digits are enough to decide.
    """

    at: str
    views: int | None
    likes: int | None
    comments: int | None
    exact: int | None = None

    @property
    def views_exact(self) -> bool | None:
        """Whether the views are not a rounded number; None without any."""
        return None if self.views is None else step_of(self.views, self.exact) == 1

    def as_dict(self) -> dict[str, str | int | bool | None]:
        """A plain dictionary for machines."""
        columns = self._asdict()
        del columns["exact"]
        return {**columns, "views_exact": self.views_exact}


def step_of(count: int, exact: int | None = None) -> int:
    """The multiple to which a count may have been rounded; 1 for one that is exact.

    Args:
        exact: as in `Count`. Where it is unknown, an exact count looks rounded once in a hundred
            times or less, and growth is missed, not invented; below 10,000 it would be once in ten,
            and invented growth is small.
    """
    if exact or (exact is None and count < 10_000):
        return 1
    steps = next((steps for above, steps in _STEPS if count < above), ())
    return next((step for step in steps if count % step == 0), 1)


def is_comparable(first: Count, second: Count) -> bool:
    """Whether the difference of their views is more than an effect of rounding."""
    if first.views is None or second.views is None:
        return False
    step = max(step_of(first.views, first.exact), step_of(second.views, second.exact))
    return step == 1 or abs(first.views - second.views) > step


def finer_count(known: int | None, seen: int | None) -> int | None:
    """The newer count, unless it may be the known one again, rounded as YouTube rounds. Whether
    YouTube rounds to the nearest or down is not known, so it counts as rounded if either leads to
    it."""
    if known is None or seen is None:
        return known if seen is None else seen
    if seen < 1000 or known < 1000:
        return seen
    step = step_of(seen, 0)
    return known if step > 1 and seen - step // 2 <= known < seen + step else seen


def growth_of(now: Count, counts: Sequence[Count], since: str) -> int | None:
    """The views gained since then, or since the first comparable count, if that was later; None
    where that is not known.

    Args:
        now: the latest counts.
        counts: the kept ones, oldest first.
        since: UTC text.
    """
    known = [each for each in counts if each.views is not None]
    before = [each for each in known if each.at <= since]
    for start in (*before[-1:], *known[len(before) :]):
        if start.views is not None and now.views is not None and is_comparable(start, now):
            return now.views - start.views
    return None


def with_latest(counts: list[Count], latest: Count) -> list[Count]:
    """The kept counts and, as the last ones, the latest."""
    if latest[1:4] == (None, None, None) or (counts and counts[-1].at >= latest.at):
        return counts
    return [*counts, latest]
