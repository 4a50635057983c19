"""Judging samples: t bounds across processes, Holm's procedure, exact binomial intervals.

The unit of analysis is the process (one log-ratio each), never the call: calls of one process
share its memory layout, its page cache and the minute in which it ran.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from statistics import fmean, stdev
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)

VISIBLE_POWER = 0.95
"""The probability with which a change of the smallest visible size is detected."""

_TRIMMED_FROM = 16


@dataclass(frozen=True)
class Estimate:
    """A mean log-ratio across processes.

    Args:
        mean: trimmed mean of the processes' log-ratios; above 0 the head is worse.
        standard_error: of that mean; infinite with fewer than two processes.
        processes: how many of them were not trimmed; one more than the degrees of freedom.
    """

    mean: float
    standard_error: float
    processes: int

    def half_width(self, one_sided: float) -> float:
        """Half the width of the interval whose two ends each err with probability `one_sided`."""
        if self.processes < 2:
            return math.inf
        return float(-_special().stdtrit(self.processes - 1, one_sided)) * self.standard_error

    def p_worse(self) -> float:
        """One-sided p-value against "the head is not worse" (Student's t)."""
        return self._p(self.mean)

    def p_better(self) -> float:
        """One-sided p-value against "the head is not better"."""
        return self._p(-self.mean)

    def smallest_visible(self, one_sided: float) -> float:
        """The log-ratio that a test at that level detects with probability VISIBLE_POWER.

        Sum of the two t quantiles times the standard error (Bloom 1995, "Minimum detectable
        effects").
        """
        if self.processes < 2:
            return math.inf
        return self.half_width(one_sided) + self.half_width(1 - VISIBLE_POWER)

    def _p(self, mean: float) -> float:
        if self.processes < 2:
            return 1.0
        if self.standard_error == 0.0:
            return 0.0 if mean > 0 else 1.0
        return float(_special().stdtr(self.processes - 1, -mean / self.standard_error))


def estimate(log_ratios: Sequence[float], trimmed_from: int = _TRIMMED_FROM) -> Estimate:
    """The mean of one log-ratio per process, with its standard error.

    From `trimmed_from` processes on an eighth is trimmed from each end (Yuen 1974, "The two-sample
    trimmed t for unequal population variances"): a minute in which another program used the machine
    spoils a few processes, and without trimming the whole interval. Without a change the two sides
    can be exchanged, so log-ratios are symmetric about 0 and trimming does not shift their mean.
    """
    ordered = sorted(log_ratios)
    count = len(ordered)
    if count < 2:
        return Estimate(fmean(ordered or [0.0]), math.inf, count)
    cut = count // 8 if count >= trimmed_from else 0
    kept = ordered[cut : count - cut]
    winsorized = [kept[0]] * cut + kept + [kept[-1]] * cut
    error = stdev(winsorized) / (len(kept) / count * math.sqrt(count))
    return Estimate(fmean(kept), error, len(kept))


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Adjusted p-values: those below a level can be rejected together at that level.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    adjusted: dict[Key, float] = {}
    highest = 0.0
    ordered = sorted(p_values, key=lambda key: p_values[key])
    for rank, key in enumerate(ordered):
        highest = max(highest, min(1.0, p_values[key] * (len(ordered) - rank)))
        adjusted[key] = highest
    return adjusted


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least that share of a sorted, non-empty sample does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def order_interval(calls: int, quantile: float, confidence: float = 0.95) -> tuple[int, int] | None:
    """Ranks (from 1) of the two order statistics that enclose a quantile, or None if too few calls.

    The number of calls below the true quantile is binomial, whatever the latencies' distribution,
    so the interval needs no assumption but independence (David & Nagaraja, "Order Statistics", 3rd
    ed., section 7.1).
    """
    tail = (1 - confidence) / 2
    if calls < 1 or quantile**calls > tail or (1 - quantile) ** calls > tail:
        return None
    ends = (_special().bdtrik(share, calls, quantile) for share in (tail, 1 - tail))
    low, high = map(math.ceil, ends)  # the binomial distribution's quantiles
    return max(1, low), min(high + 1, calls)


def calls_needed(share: float) -> int:
    """The fewest calls for which that percentile is reported: 72 for P95, 368 for P99. Below, no
    order statistic can be the upper end of a 95 % interval (David and Nagaraja, as above)."""
    return next(calls for calls in count(1) if order_interval(calls, share) is not None)


def clopper_pearson(events: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of a rate (Clopper and Pearson 1934).

    With no event in n trials only the upper end is open, so all the error goes there:
    0 of 299 bounds the rate by 1 %, at 95 %.
    """
    if not trials:
        return 0.0, 1.0
    error = 1.0 - confidence
    tail = error if events in (0, trials) else error / 2
    low = _special().betaincinv(events, trials - events + 1, tail) if events else 0.0
    high = _special().betaincinv(events + 1, trials - events, 1 - tail) if events < trials else 1.0
    return float(low), float(high)


def chi_square_interval(sigma: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a standard deviation of a normal sample of that many values."""
    tail = (1.0 - confidence) / 2
    special, freedom = _special(), count - 1
    low, high = (special.chdtri(freedom, upper) for upper in (tail, 1.0 - tail))
    return sigma * math.sqrt(freedom / low), sigma * math.sqrt(freedom / high)


def _special() -> Any:
    """scipy.special, only when needed: asv imports this file where there is no scipy."""
    return import_module("scipy.special")
